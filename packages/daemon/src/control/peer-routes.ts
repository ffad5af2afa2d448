import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { ControlContext } from "./context.ts";
import { checked } from "./problem.ts";
import type { PeerView } from "./types.ts";

const connectSchema = z.strictObject({ address: z.string().min(1).max(1_024) });
const CONNECT_TIMEOUT_MS = 10_000;

export function peerRoutes(app: FastifyInstance, context: ControlContext): void {
  app.get("/peers", (): { peers: readonly PeerView[] } => ({ peers: peersOf(context) }));
  app.post("/peers/connect", async (request): Promise<{ peer: PeerView }> => {
    const { address } = checked(connectSchema, request.body);
    const peerId = await context.node.connect(address, { timeoutMs: CONNECT_TIMEOUT_MS });
    const peer = peersOf(context).find((candidate) => candidate.peerId === peerId);
    return { peer: peer ?? unlinked(peerId) };
  });
  app.delete("/peers/:id", async (request, reply) => {
    const { id } = request.params as { id: string };
    await context.node.disconnect(id);
    return reply.code(204).send();
  });
}

function peersOf(context: ControlContext): PeerView[] {
  return context.node.peers().map((peer) => ({ ...peer }));
}

/** A link that was made and lost again before it could be listed. */
function unlinked(peerId: string): PeerView {
  return {
    peerId,
    state: "known",
    reason: "the link ended at once",
    addresses: [],
    direction: null,
    latencyMs: null,
    connectedAtMs: null,
  };
}

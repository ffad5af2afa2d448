import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { ControlContext } from "./context.ts";
import { checked } from "./problem.ts";
import type { PeerView } from "./types.ts";

const connectSchema = z.strictObject({ address: z.string().min(1).max(1_024) });
const CONNECT_TIMEOUT_MS = 10_000;

export function peerRoutes(app: FastifyInstance, context: ControlContext): void {
  app.get("/peers", (): { peers: readonly PeerView[] } => ({ peers: peersOf(context) }));
  app.post("/peers/connect", (request) => connect(context, checked(connectSchema, request.body).address));
  app.delete("/peers/:id", async (request, reply) => {
    const { id } = request.params as { id: string };
    await context.node.disconnect(id);
    return reply.code(204).send();
  });
}

async function connect(context: ControlContext, address: string): Promise<{ peer: PeerView }> {
  const peerId = await context.node.connect(address, { timeoutMs: CONNECT_TIMEOUT_MS });
  const peer = peersOf(context).find((candidate) => candidate.peerId === peerId);
  return { peer: peer ?? unlinked(peerId) };
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

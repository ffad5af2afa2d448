import { ProtocolError } from "@gridmesh/protocol";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { ControlContext } from "./context.ts";
import { checked } from "./problem.ts";
import type { BanView, PeerView, PingView } from "./types.ts";

/** Five hundred hours, the longest time the command line takes. */
const MAX_BAN_MS = 500 * 3_600_000;
const MAX_PINGS = 100;
const CONNECT_TIMEOUT_MS = 10_000;
/** Whoever refuses us by name does so after the handshake: a link counts once it has stayed a moment. */
const STAYS_LOOKS = 3;
const STAYS_EVERY_MS = 50;
const PING_TIMEOUT_MS = 5_000;
const FIND_TIMEOUT_MS = 5_000;

const connectSchema = z.strictObject({
  address: z.string().min(1).max(1_024),
  /** Lifts a ban of this peer first. */
  unban: z.boolean().default(false),
});
const forMs = z.int().min(1).max(MAX_BAN_MS).optional();
const disconnectSchema = z.strictObject({ banMs: z.coerce.number().pipe(forMs.unwrap()).optional() });
const banSchema = z.strictObject({ forMs });
const pingSchema = z.strictObject({ count: z.int().min(1).max(MAX_PINGS).default(5) });

export function peerRoutes(app: FastifyInstance, context: ControlContext): void {
  const { node } = context;
  app.get("/peers", (): { peers: readonly PeerView[] } => ({ peers: peersOf(context) }));
  app.post("/peers/connect", (request) => connect(context, checked(connectSchema, request.body)));
  app.delete("/peers/:id", async (request, reply) => {
    const { banMs } = checked(disconnectSchema, request.query);
    const id = idOf(request.params);
    await node.disconnect(id);
    if (banMs !== undefined) node.bans.ban(id, banMs);
    return reply.code(204).send();
  });
  app.post("/peers/:id/ping", (request) => {
    const { count } = checked(pingSchema, request.body ?? {});
    return ping(context, idOf(request.params), count);
  });
  app.get("/peers/:id/find", (request) => find(context, idOf(request.params)));
  app.get("/bans", (): { bans: readonly BanView[] } => ({ bans: node.bans.list() }));
  app.put("/bans/:id", (request): { bans: readonly BanView[] } => {
    const { forMs: lasts } = checked(banSchema, request.body ?? {});
    node.bans.ban(idOf(request.params), lasts);
    return { bans: node.bans.list() };
  });
  app.delete("/bans/:id", (request, reply) => {
    const id = idOf(request.params);
    if (!node.bans.lift(id))
      throw new ProtocolError("PEER_NOT_FOUND", `nobody of that name is banned: ${id}`);
    return reply.code(204).send();
  });
}

function idOf(params: unknown): string {
  return (params as { readonly id: string }).id;
}

async function connect(
  context: ControlContext,
  { address, unban }: z.infer<typeof connectSchema>,
): Promise<{ peer: PeerView }> {
  if (unban) context.node.bans.lift(/\/p2p\/([^/]+)$/.exec(address)?.[1] ?? address);
  const peerId = await context.node.connect(address, { timeoutMs: CONNECT_TIMEOUT_MS });
  for (let looks = 0; looks < STAYS_LOOKS; looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, STAYS_EVERY_MS));
    if (linkTo(context, peerId) === undefined) {
      const why = "it closed the link at once: a ban or a limit over there, or another network";
      throw new ProtocolError("PEER_UNREACHABLE", `${peerId}: ${why}`);
    }
  }
  return { peer: linkTo(context, peerId) ?? unlinked(peerId) };
}

function linkTo(context: ControlContext, peerId: string): PeerView | undefined {
  return peersOf(context).find((peer) => peer.peerId === peerId && peer.state === "connected");
}

/** One after the other: round trips side by side would time each other. */
async function ping(context: ControlContext, peerId: string, count: number): Promise<{ ping: PingView }> {
  const times: number[] = [];
  for (let sent = 0; sent < count; sent += 1) {
    times.push(await context.node.ping(peerId, { timeoutMs: PING_TIMEOUT_MS }));
  }
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return { ping: { minMs: at(0), p50Ms: at(0.5), maxMs: at(1) } };
}

async function find(context: ControlContext, peerId: string): Promise<FoundPeer> {
  return { peerId, addresses: await context.node.find(peerId, { timeoutMs: FIND_TIMEOUT_MS }) };
}

interface FoundPeer {
  readonly peerId: string;
  readonly addresses: readonly string[];
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

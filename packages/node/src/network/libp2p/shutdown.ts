import type { TransportParts } from "./parts.ts";
import { describe } from "./dial-errors.ts";

/** Stops libp2p within the deadline: a stop that hangs is left alone, and everything it still holds is destroyed. */
export async function stopWithin(parts: TransportParts, deadlineMs: number): Promise<void> {
  const { node, context, reach, gossip } = parts;
  reach?.stop();
  gossip.ways.stop();
  const late = Promise.withResolvers<"late">();
  using _ = context.clock.timer(deadlineMs, () => late.resolve("late"));
  const stopped = (async () => {
    await node.stop();
  })().catch((error: unknown) => context.log.warn("stop", describe(error)));
  if ((await Promise.race([stopped, late.promise])) === "late") {
    context.log.warn("stop-forced", "the network did not stop in time: its connections are destroyed");
    destroy(parts);
  }
  // A connection still in its handshake is nobody's: libp2p forgets it at stop.
  parts.gater.abortAll();
}

function destroy({ node, links, context }: TransportParts): void {
  const failed = (error: unknown) => context.log.debug("stop-forced", describe(error));
  for (const connection of links.connections()) connection.abort(new Error("stopped"));
  for (const listener of node.services.inside.transportManager.getListeners()) {
    void listener.close().catch(failed);
  }
  for (const service of Object.values(node.services) as unknown[]) {
    const { stop } = service as { stop?: () => unknown };
    // Timers and sockets of their own end with them.
    if (typeof stop === "function") void (async () => await stop.call(service))().catch(failed);
  }
}

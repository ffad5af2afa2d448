/** Makes sure there is a link to a peer: one dial at a time, and a failure is remembered for a moment. */

import { ProtocolError, toProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import { startDeadline, until } from "../deadline.ts";
import type { Bans } from "../gate/admit.ts";
import { nodeLimits } from "../limits.ts";
import type { Link, Transport } from "../network/transport.ts";

export interface ReachOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly bans: Bans;
  /** Looks up and dials. @throws PEER_UNREACHABLE, PEER_NOT_FOUND, DHT_FAILED. */
  readonly connect: (peerId: string, wait: Wait) => Promise<Link>;
}

/** @throws PEER_NOT_FOUND (no address known), PEER_UNREACHABLE (every address failed), PEER_BANNED. */
export type Reach = (peerId: string, wait: Wait) => Promise<void>;

const REMEMBER_MS = 5_000;
const FAILURES_KEPT = 1_024;

export function createReach(options: ReachOptions): Reach {
  const { transport, clock } = options;
  const dials = new Map<string, Promise<void>>();
  const failures = new Map<string, { readonly error: ProtocolError; readonly untilMs: number }>();

  const dial = async (peerId: string): Promise<void> => {
    using deadline = startDeadline(clock, {}, nodeLimits.reachTimeoutMs);
    try {
      const wait = { timeoutMs: nodeLimits.reachTimeoutMs, signal: deadline.signal };
      await until(options.connect(peerId, wait), deadline.signal);
    } catch (error) {
      const known = named(error, peerId);
      const oldest = failures.keys().next();
      if (failures.size >= FAILURES_KEPT && !oldest.done) failures.delete(oldest.value);
      failures.set(peerId, { error: known, untilMs: clock.monotonicMs() + REMEMBER_MS });
      throw known;
    }
  };

  return async (peerId, wait) => {
    options.bans.check(peerId);
    if (transport.links().some((link) => link.peerId === peerId)) return;
    const failed = failures.get(peerId);
    if (failed !== undefined && failed.untilMs > clock.monotonicMs()) throw failed.error;
    failures.delete(peerId);
    const known = dials.get(peerId);
    const dialing = known ?? dial(peerId).finally(() => dials.delete(peerId));
    if (known === undefined) dials.set(peerId, dialing);
    using deadline = startDeadline(clock, wait, nodeLimits.reachTimeoutMs);
    await until(dialing, deadline.signal);
  };
}

function named(error: unknown, peerId: string): ProtocolError {
  const known = toProtocolError(error, "PEER_UNREACHABLE");
  if (known.code === "DHT_FAILED") {
    return new ProtocolError("PEER_NOT_FOUND", `no address of ${peerId} is known`, { cause: error });
  }
  if (known.code !== "CALL_TIMEOUT") return known;
  return new ProtocolError("PEER_UNREACHABLE", `${peerId} did not answer in time`, { cause: error });
}

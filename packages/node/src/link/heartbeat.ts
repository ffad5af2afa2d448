/** A word to every greeted peer each 15 s: I am here, this is how I am, this is my clock. */

import { type Heartbeat, isProtocolError, type Signer } from "@gridmesh/protocol";
import type { Clock, Random } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { LinkExchange } from "./exchange.ts";

export interface HeartbeatOptions {
  readonly exchange: LinkExchange;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly random: Random;
  readonly state: () => {
    readonly status: Heartbeat["status"];
    readonly active: number;
    readonly free: number;
  };
}

export interface Heartbeats extends Disposable {
  /** Median offset of the peers' clocks to ours in ms, positive when ours is behind; undefined below three peers. */
  clockOffsetMs(): number | undefined;
  /** When this peer was last heard to say how it is, wall ms. */
  heardMs(peerId: string): number | undefined;
  /** Tells all peers now. */
  beat(): Promise<void>;
}

interface Pulse {
  /** The peer's last `sent_ms`, and when it came. */
  readonly sentMs: number;
  readonly receivedMs: number;
  readonly offsetMs: number | undefined;
}

const MIN_PEERS_FOR_OFFSET = 3;
const SPREAD = 0.2;
const SEND_MS = 5_000;

export function startHeartbeats(options: HeartbeatOptions): Heartbeats {
  const { exchange, clock, random, signer } = options;
  const startedMs = clock.monotonicMs();
  const pulses = new Map<string, Pulse>();
  let timer: Disposable | undefined;

  const tell = async (peerId: string): Promise<void> => {
    const { status, active, free } = options.state();
    const last = pulses.get(peerId);
    const echo = last === undefined ? {} : { echo_sent_ms: last.sentMs, echo_received_ms: last.receivedMs };
    const draft = {
      type: "heartbeat",
      recipient_id: peerId,
      status,
      active_tasks: active,
      available_capacity: free,
      uptime_seconds: Math.floor((clock.monotonicMs() - startedMs) / 1000),
      clock: { sent_ms: Math.floor(clock.nowMs()), ...echo },
    };
    try {
      await exchange.tell(peerId, "control", draft, { signer, timeoutMs: SEND_MS });
    } catch (error) {
      // A peer that cannot be told is the supervisor's to notice.
      if (!isProtocolError(error)) throw error;
    }
  };
  const beat = async (): Promise<void> => {
    const greeted = exchange.sessions().filter((session) => session.agreement !== undefined);
    for (const peerId of pulses.keys()) {
      if (!greeted.some((session) => session.peerId === peerId)) pulses.delete(peerId);
    }
    await Promise.all(greeted.map((session) => tell(session.peerId)));
  };
  const arm = () => {
    const spreadMs = nodeLimits.heartbeatMs * SPREAD;
    const waitMs = nodeLimits.heartbeatMs - spreadMs + random.below(Math.floor(2 * spreadMs) + 1);
    timer = clock.timer(waitMs, () => {
      void beat();
      arm();
    });
  };
  const listener = exchange.handle("control", "heartbeat", (received) => {
    const receivedMs = Math.floor(clock.nowMs());
    const told = (received.message as unknown as Heartbeat).clock;
    const known = pulses.get(received.from.peerId);
    const offsetMs = told === undefined ? undefined : (offsetOf(told, receivedMs) ?? known?.offsetMs);
    pulses.set(received.from.peerId, { sentMs: told?.sent_ms ?? 0, receivedMs, offsetMs });
    return Promise.resolve(undefined);
  });
  arm();

  return {
    beat,
    heardMs: (peerId) => pulses.get(peerId)?.receivedMs,
    clockOffsetMs() {
      const offsets = [...pulses.values()].flatMap(({ offsetMs }) =>
        offsetMs === undefined ? [] : [offsetMs],
      );
      if (offsets.length < MIN_PEERS_FOR_OFFSET) return undefined;
      offsets.sort((a, b) => a - b);
      return offsets[Math.floor(offsets.length / 2)];
    },
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]();
      listener[Symbol.dispose]();
    },
  };
}

/** ((t1 − t0) + (t2 − t3)) / 2, as NTP has it: t0, t3 on our clock, t1, t2 on the peer's. */
function offsetOf(told: NonNullable<Heartbeat["clock"]>, receivedMs: number): number | undefined {
  const { sent_ms: t2, echo_sent_ms: t0, echo_received_ms: t1 } = told;
  if (t0 === undefined || t1 === undefined) return undefined;
  return (t1 - t0 + (t2 - receivedMs)) / 2;
}

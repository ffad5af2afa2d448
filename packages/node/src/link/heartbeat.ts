/** A word to every greeted peer each 15 s: I am here, this is how I am, this is my clock. */

import { type Heartbeat, isProtocolError, type Signer } from "@gridmesh/protocol";
import type { Clock, Random } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Received } from "../signed-exchange.ts";
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
  return new PulseKeeper(options);
}

class PulseKeeper implements Heartbeats {
  readonly #options: HeartbeatOptions;
  readonly #startedMs: number;
  readonly #pulses = new Map<string, Pulse>();
  readonly #listeners = new DisposableStack();
  #timer: Disposable | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
    const { exchange } = options;
    this.#listeners.use(
      exchange.handle("control", "heartbeat", (received) => {
        this.#hear(received);
        return Promise.resolve(undefined);
      }),
    );
    this.#listeners.use(exchange.onStale((peerId, timestampS) => this.#hearStale(peerId, timestampS)));
    this.#arm();
  }

  heardMs(peerId: string): number | undefined {
    return this.#pulses.get(peerId)?.receivedMs;
  }

  clockOffsetMs(): number | undefined {
    const offsets = [...this.#pulses.values()]
      .flatMap(({ offsetMs }) => (offsetMs === undefined ? [] : [offsetMs]))
      .sort((one, other) => one - other);
    return offsets.length < MIN_PEERS_FOR_OFFSET ? undefined : offsets[Math.floor(offsets.length / 2)];
  }

  async beat(): Promise<void> {
    const sessions = this.#options.exchange.sessions();
    const greeted = new Set(sessions.filter((one) => one.agreement !== undefined).map((one) => one.peerId));
    for (const peerId of this.#pulses.keys()) if (!greeted.has(peerId)) this.#pulses.delete(peerId);
    await Promise.all([...greeted].map((peerId) => this.#tell(peerId)));
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#listeners.dispose();
  }

  #arm(): void {
    const { clock, random } = this.#options;
    const spreadMs = nodeLimits.heartbeatMs * SPREAD;
    const waitMs = nodeLimits.heartbeatMs - spreadMs + random.below(Math.floor(2 * spreadMs) + 1);
    this.#timer = clock.timer(waitMs, () => {
      void this.beat();
      this.#arm();
    });
  }

  #hear(received: Received): void {
    const receivedMs = Math.floor(this.#options.clock.nowMs());
    const told = (received.message as unknown as Heartbeat).clock;
    const known = this.#pulses.get(received.from.peerId);
    const offsetMs = told === undefined ? undefined : (offsetOf(told, receivedMs) ?? known?.offsetMs);
    this.#pulses.set(received.from.peerId, { sentMs: told?.sent_ms ?? 0, receivedMs, offsetMs });
  }

  /** Too far from our time to be taken, by which at least the size of the gap is known; whole seconds are good enough. */
  #hearStale(peerId: string, timestampS: number): void {
    const receivedMs = Math.floor(this.#options.clock.nowMs());
    const offsetMs = timestampS * 1_000 - receivedMs;
    this.#pulses.set(peerId, { sentMs: timestampS * 1_000, receivedMs, offsetMs });
  }

  async #tell(peerId: string): Promise<void> {
    const { exchange, clock, signer } = this.#options;
    const { status, active, free } = this.#options.state();
    const last = this.#pulses.get(peerId);
    const echo = last === undefined ? {} : { echo_sent_ms: last.sentMs, echo_received_ms: last.receivedMs };
    const draft = {
      type: "heartbeat",
      recipient_id: peerId,
      status,
      active_tasks: active,
      available_capacity: free,
      uptime_seconds: Math.floor((clock.monotonicMs() - this.#startedMs) / 1000),
      clock: { sent_ms: Math.floor(clock.nowMs()), ...echo },
    };
    try {
      await exchange.tell(peerId, "control", draft, { signer, timeoutMs: SEND_MS });
    } catch (error) {
      // A peer that cannot be told is the supervisor's to notice.
      if (!isProtocolError(error)) throw error;
    }
  }
}

/** ((t1 − t0) + (t2 − t3)) / 2, as NTP has it: t0, t3 on our clock, t1, t2 on the peer's. */
function offsetOf(told: NonNullable<Heartbeat["clock"]>, receivedMs: number): number | undefined {
  const { sent_ms: t2, echo_sent_ms: t0, echo_received_ms: t1 } = told;
  if (t0 === undefined || t1 === undefined) return undefined;
  return (t1 - t0 + (t2 - receivedMs)) / 2;
}

import { isProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Transport } from "./transport.ts";

const ROUND_MS = 5_000;
/** A round this much too late says that our own loop stood still, not the peer. */
const OWN_LAG_MS = 2_000;
const SILENT_MS = 20_000;
const PING_MS = 10_000;
/** After a sleep most links are dead: they are asked three times in a row. */
const HURRIED_PING_MS = 2_000;
const MAX_MISSES = 3;
const DEAD_MS = 60_000;

export interface LivenessOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
}

/** Pings silent links and hangs up the dead: three misses and a minute of silence though asked, both. */
export interface Liveness extends Disposable {
  /** The world changed: every link is asked at once; the time slept counts as silence. */
  hurry(sleptMs: number): void;
}

export function watchLiveness(options: LivenessOptions): Liveness {
  return new Watch(options);
}

/** What is known of one link's life; times are monotonic, since wall time may be set. */
interface Pulse {
  /** As the transport tells it: only that it changes matters. */
  lastByteMs: number;
  heardMs: number;
  misses: number;
  /** When the first ping that was missed went out. */
  askedMs: number;
  /** Silence while the machine slept. */
  sleptMs: number;
  /** Hurried pings still to send. */
  hurried: number;
  pinging: boolean;
}

const fresh = { misses: 0, askedMs: 0, sleptMs: 0, hurried: 0, pinging: false };

class Watch implements Liveness {
  readonly #options: LivenessOptions;
  readonly #pulses = new Map<string, Pulse>();
  #timer: Disposable | undefined;
  #stopped = false;
  /** When our own loop was last found to have stood still. */
  #stalledMs = Number.NEGATIVE_INFINITY;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#next();
  }

  hurry(sleptMs: number): void {
    this.#look();
    for (const [peerId, pulse] of this.#pulses) {
      pulse.sleptMs += sleptMs;
      pulse.hurried = MAX_MISSES;
      this.#ask(peerId, pulse);
    }
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    this.#timer?.[Symbol.dispose]();
  }

  #next(): void {
    const { clock } = this.#options;
    const dueMs = clock.monotonicMs() + ROUND_MS;
    this.#timer = clock.timer(ROUND_MS, () => {
      this.#round(clock.monotonicMs() - dueMs);
      this.#next();
    });
  }

  #round(lagMs: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#look();
    if (lagMs > OWN_LAG_MS) {
      this.#stalledMs = nowMs;
      return;
    }
    for (const [peerId, pulse] of this.#pulses) {
      if (nowMs - pulse.heardMs < SILENT_MS) continue;
      if (!this.#ended(peerId, pulse)) this.#ask(peerId, pulse);
    }
  }

  /** Three misses and a minute since the first: the link is hung up. */
  #ended(peerId: string, pulse: Pulse): boolean {
    const { clock, log, transport } = this.#options;
    const silentMs = clock.monotonicMs() - pulse.askedMs + pulse.sleptMs;
    if (pulse.misses < MAX_MISSES || silentMs < DEAD_MS) return false;
    log.info("link-dead", "no answer to three pings", { peer: peerId });
    this.#pulses.delete(peerId);
    void transport.hangUp(peerId, "silent");
    return true;
  }

  /** Notes who was heard since the last look, and forgets who went. */
  #look(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const links = this.#options.transport.links();
    const linked = new Set(links.map(({ peerId }) => peerId));
    for (const peerId of this.#pulses.keys()) if (!linked.has(peerId)) this.#pulses.delete(peerId);
    for (const { peerId, lastByteMs } of links) {
      const pulse = this.#pulses.get(peerId);
      if (pulse === undefined) {
        this.#pulses.set(peerId, { ...fresh, lastByteMs, heardMs: nowMs });
      } else if (pulse.lastByteMs !== lastByteMs) {
        Object.assign(pulse, { lastByteMs, heardMs: nowMs, misses: 0, sleptMs: 0 });
      }
    }
  }

  #ask(peerId: string, pulse: Pulse): void {
    if (pulse.pinging || this.#stopped) return;
    pulse.pinging = true;
    const limitMs = pulse.hurried > 0 ? HURRIED_PING_MS : PING_MS;
    const startMs = this.#options.clock.monotonicMs();
    void this.#answers(peerId, limitMs).then((answered) => {
      pulse.pinging = false;
      // A link that went meanwhile, though there may be a new one to the same peer.
      if (this.#pulses.get(peerId) !== pulse) return;
      pulse.hurried = answered ? 0 : Math.max(0, pulse.hurried - 1);
      this.#judge(peerId, pulse, { answered, startMs, limitMs });
    });
  }

  async #answers(peerId: string, limitMs: number): Promise<boolean> {
    try {
      await this.#options.transport.ping(peerId, { timeoutMs: limitMs });
      return true;
    } catch (error) {
      // Somebody said no: the link lives.
      return isProtocolError(error) && error.code === "PROTOCOL_UNSUPPORTED";
    }
  }

  #judge(
    peerId: string,
    pulse: Pulse,
    ping: { readonly answered: boolean; readonly startMs: number; readonly limitMs: number },
  ): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#look();
    if (ping.answered) {
      Object.assign(pulse, { heardMs: nowMs, misses: 0, sleptMs: 0 });
      return;
    }
    // A time-out over which our own loop stood still proves nothing: the answer may lie unread.
    const stalled = this.#stalledMs >= ping.startMs || nowMs - ping.startMs > ping.limitMs + OWN_LAG_MS;
    if (!stalled && pulse.heardMs <= ping.startMs) {
      if (pulse.misses === 0) pulse.askedMs = ping.startMs;
      pulse.misses += 1;
    }
    if (!this.#ended(peerId, pulse) && pulse.hurried > 0) this.#ask(peerId, pulse);
  }
}

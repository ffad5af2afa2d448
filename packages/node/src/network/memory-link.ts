import type { Clock } from "../clock.ts";
import type { MemoryHub, MemoryStation } from "./memory-hub.ts";
import { type MemoryEnd, memoryPipe } from "./memory-pipe.ts";
import type { Link } from "./transport.ts";

export interface MemoryLinkOptions<S extends MemoryStation> {
  readonly dialer: S;
  readonly answerer: S;
  readonly clock: Clock;
  readonly hub: MemoryHub;
}

/** One link; what travels each way arrives in order, after the hub's delay. */
export class MemoryLink<S extends MemoryStation> {
  readonly #options: MemoryLinkOptions<S>;
  readonly #openedAtMs: number;
  readonly #ends = new Set<MemoryEnd>();
  readonly #dueMs = { forth: 0, back: 0 };
  readonly #waiting: Record<"forth" | "back", (() => void)[]> = { forth: [], back: [] };
  #lastByteMs: number;
  #isCut = false;

  constructor(options: MemoryLinkOptions<S>) {
    this.#options = options;
    this.#openedAtMs = options.clock.nowMs();
    this.#lastByteMs = this.#openedAtMs;
  }

  other(than: string): S {
    const { dialer, answerer } = this.#options;
    return dialer.peerId === than ? answerer : dialer;
  }

  touch(): void {
    this.#lastByteMs = this.#options.clock.nowMs();
  }

  seenFrom(peerId: string): Link {
    const other = this.other(peerId);
    return {
      peerId: other.peerId,
      address: this.#options.hub.inner.addressOf(other.peerId),
      inbound: other === this.#options.dialer,
      relayed: false,
      openedAtMs: this.#openedAtMs,
      lastByteMs: this.#lastByteMs,
    };
  }

  get isMute(): boolean {
    const { dialer, answerer, hub } = this.#options;
    return hub.inner.isMute(dialer.peerId) || hub.inner.isMute(answerer.peerId);
  }

  /** Runs `fn` at the side that is not `from`, in order. */
  deliver(from: string, fn: () => void): void {
    const { clock, hub, dialer } = this.#options;
    const way = dialer.peerId === from ? "forth" : "back";
    const nowMs = clock.monotonicMs();
    const dueMs = Math.max(this.#dueMs[way], nowMs + hub.inner.delayMs());
    this.#dueMs[way] = dueMs;
    // Timers of nearly the same time may fire in any order: each runs whoever waited longest.
    this.#waiting[way].push(fn);
    const run = () => {
      const next = this.#waiting[way].shift();
      if (!this.#isCut && !this.isMute) next?.();
    };
    if (dueMs <= nowMs) queueMicrotask(run);
    else clock.timer(dueMs - nowMs, run);
  }

  openPipe(opener: string, protocol: string): { opener: MemoryEnd; answerer: MemoryEnd } {
    const answerer = this.other(opener).peerId;
    const pipe = memoryPipe(protocol, {
      toAnswerer: (fn) => this.deliver(opener, fn),
      toOpener: (fn) => this.deliver(answerer, fn),
    });
    for (const end of this.#ends) if (end.isClosed) this.#ends.delete(end);
    this.#ends.add(pipe.opener).add(pipe.answerer);
    return pipe;
  }

  cut(): void {
    this.#isCut = true;
    for (const end of this.#ends) end.cut(undefined);
    this.#ends.clear();
  }
}

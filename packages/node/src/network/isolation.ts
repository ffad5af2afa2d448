import type { Clock } from "../clock.ts";
import type { PeerHint } from "./transport.ts";
import { TimerSet } from "./timer-set.ts";

/** Without any link for so long, the book is asked: until then the anchors have their chance. */
const ISOLATED_MS = 5_000;
const ROUND_MS = 2_000;
const ROUND_PEERS = 8;
const ROUNDS = 4;
const AGAIN_MS = 60_000;

/** What a node does that has no link at all: the best of its book, eight at a time, then a look around. */
export interface Isolation extends Disposable {
  /** Wall time since when there is no link; undefined when there is one. */
  readonly sinceMs: number | undefined;
  begin(): void;
  end(): void;
}

export interface IsolationOptions {
  readonly clock: Clock;
  readonly hasAnchors: () => boolean;
  /** The best known peers that are not being tried already. */
  readonly candidates: (count: number) => readonly PeerHint[];
  readonly tryPeer: (hint: PeerHint) => void;
  /** Asks the local network who is there. */
  readonly lookAround: () => void;
}

export function isolation(options: IsolationOptions): Isolation {
  const { clock } = options;
  let sinceMs: number | undefined;
  let timers = new TimerSet(clock);

  const ask = (round: number, tried: ReadonlySet<string>) => {
    const now = options.candidates(ROUND_PEERS * ROUNDS).filter(({ peerId }) => !tried.has(peerId));
    const next = now.slice(0, ROUND_PEERS);
    for (const hint of next) options.tryPeer(hint);
    const all = new Set([...tried, ...next.map(({ peerId }) => peerId)]);
    if (round < ROUNDS) timers.after(ROUND_MS, () => ask(round + 1, all));
    else {
      options.lookAround();
      timers.after(AGAIN_MS, () => ask(1, new Set()));
    }
  };
  const end = () => {
    sinceMs = undefined;
    timers[Symbol.dispose]();
    timers = new TimerSet(clock);
  };
  return {
    get sinceMs() {
      return sinceMs;
    },
    begin() {
      if (sinceMs !== undefined) return;
      sinceMs = clock.nowMs();
      timers.after(options.hasAnchors() ? ISOLATED_MS : 0, () => ask(1, new Set()));
    },
    end,
    [Symbol.dispose]: end,
  };
}

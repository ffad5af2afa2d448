import type { Clock } from "../clock.ts";
import type { PeerHint } from "./transport.ts";
import { TimerSet } from "./timer-set.ts";

/** Without any link for so long, the book is asked. */
const ISOLATED_MS = 5_000;
const ROUND_MS = 2_000;
const ROUND_PEERS = 8;
const ROUNDS = 4;
const AGAIN_MS = 60_000;

/** What a node does that has no link at all: the best of its book, eight at a time. */
export interface Isolation extends Disposable {
  /** Wall time since when there is no link; undefined when there is one. */
  readonly sinceMs: number | undefined;
  begin(): void;
  end(): void;
}

export interface IsolationOptions {
  readonly clock: Clock;
  /** The best known peers that are not being tried already. */
  readonly candidates: (count: number) => readonly PeerHint[];
  readonly tryPeer: (hint: PeerHint) => void;
}

export function isolation(options: IsolationOptions): Isolation {
  const { clock } = options;
  let sinceMs: number | undefined;
  let timers = new TimerSet(clock);

  const ask = (round: number) => {
    for (const hint of options.candidates(ROUND_PEERS)) options.tryPeer(hint);
    if (round < ROUNDS) timers.after(ROUND_MS, () => ask(round + 1));
    else timers.after(AGAIN_MS, () => ask(1));
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
      timers.after(ISOLATED_MS, () => ask(1));
    },
    end,
    [Symbol.dispose]: end,
  };
}

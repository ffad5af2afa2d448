/** What peers did well: settled trades, which weigh in gossip beside what they did wrong. */

import type { Successions } from "./link/successions.ts";
import type { TradeDesk } from "./trade/types.ts";

export interface Standing {
  /** Settled trades with this peer, at most ten. */
  of(peerId: string): number;
  /** Counts what is settled already, and each trade that will be; a key that is handed over takes it along. */
  watch(desk: TradeDesk, keys: Pick<Successions, "currentPeerId" | "onChange">): Disposable;
}

const MOST = 10;
const PEERS_KEPT = 10_000;

export function createStanding(): Standing {
  const settled = new Map<string, number>();
  const note = (peerId: string) => {
    const count = Math.min(MOST, (settled.get(peerId) ?? 0) + 1);
    settled.delete(peerId);
    const oldest = settled.keys().next();
    if (settled.size >= PEERS_KEPT && !oldest.done) settled.delete(oldest.value);
    settled.set(peerId, count);
  };
  const succeed = (from: string, to: string) => {
    const count = settled.get(from);
    settled.delete(from);
    if (count !== undefined) settled.set(to, Math.min(MOST, (settled.get(to) ?? 0) + count));
  };
  return {
    of: (peerId) => settled.get(peerId) ?? 0,
    watch(desk, keys) {
      const count = (peerId: string) => note(keys.currentPeerId(peerId));
      for (const { finalAmountMicro, counterpartyPeerId } of desk.orders()) {
        if (finalAmountMicro !== null) count(counterpartyPeerId);
      }
      const stack = new DisposableStack();
      stack.use(
        desk.onEvent(({ kind, order }) => {
          if (kind === "settled") count(order.counterpartyPeerId);
        }),
      );
      stack.use(
        keys.onChange(({ oldPeerId, newPeerId, undone }) => {
          if (undone) succeed(newPeerId, oldPeerId);
          else succeed(oldPeerId, newPeerId);
        }),
      );
      return stack;
    },
  };
}

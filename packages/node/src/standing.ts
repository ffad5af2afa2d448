/** What peers did well: settled trades, which weigh in gossip beside what they did wrong. */

import type { TradeDesk } from "./trade/types.ts";

export interface Standing {
  /** Settled trades with this peer, at most ten. */
  of(peerId: string): number;
  /** Counts what is settled already, and each trade that will be. */
  watch(desk: TradeDesk): Disposable;
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
  return {
    of: (peerId) => settled.get(peerId) ?? 0,
    watch(desk) {
      for (const { finalAmountMicro, counterpartyPeerId } of desk.orders()) {
        if (finalAmountMicro !== null) note(counterpartyPeerId);
      }
      return desk.onEvent(({ kind, order }) => {
        if (kind === "settled") note(order.counterpartyPeerId);
      });
    },
  };
}

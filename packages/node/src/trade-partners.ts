/** Keeps the links that open orders need. */

import type { OrderSummary } from "@gridmesh/protocol";
import type { Supervisor } from "./network/supervisor-types.ts";
import type { TradeDesk } from "./trade/types.ts";

const OPEN: ReadonlySet<OrderSummary["state"]> = new Set([
  "HELD",
  "COMMITTED",
  "PAID",
  "ACCEPTED",
  "DELIVERED",
  "DISPUTED",
]);

/** While an order is open, its other side is a partner; dispose it to let all go. */
export function keepTradePartners(desk: TradeDesk, supervisor: Supervisor): Disposable {
  /** Open orders by peer, each with why the peer is kept. */
  const kept = new Map<string, { readonly orders: Set<string>; readonly partner: Disposable }>();
  const stack = new DisposableStack();
  const look = ({ agentId, role, orderId, state, counterpartyPeerId: peerId }: OrderSummary) => {
    const key = `${agentId} ${role} ${orderId}`;
    const known = kept.get(peerId);
    if (OPEN.has(state)) {
      if (known !== undefined) known.orders.add(key);
      else kept.set(peerId, { orders: new Set([key]), partner: supervisor.partner(peerId, "open orders") });
    } else if (known?.orders.delete(key) === true && known.orders.size === 0) {
      kept.delete(peerId);
      known.partner[Symbol.dispose]();
    }
  };
  stack.use(desk.onEvent(({ order }) => look(order)));
  for (const order of desk.orders({ open: true })) look(order);
  stack.defer(() => {
    for (const { partner } of kept.values()) partner[Symbol.dispose]();
    kept.clear();
  });
  return stack;
}

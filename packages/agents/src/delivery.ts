/** A seller's side after acceptance: when its slot is over, what was sold has been delivered, as the meter shows. */

import type { AgentContext } from "@gridmesh/node";
import { orderKey, type OrderSummary, parseSlotId, toProtocolError } from "@gridmesh/protocol";

/** Delivers every accepted order of this agent, now for instant delivery, else when its slot is over. */
export function deliverWhenOver(context: AgentContext, delivery: "instant" | "slot"): Disposable {
  /** By order key: two buyers may use one id. */
  const waiting = new Map<string, Disposable>();
  const keyOf = (order: OrderSummary) => orderKey(order.counterparty, order.orderId);

  const deliver = async (order: OrderSummary) => {
    waiting.delete(keyOf(order));
    try {
      const key = { buyer: order.counterparty, orderId: order.orderId };
      await context.desk.deliver(context.agentId, key, order.quantityMilliWh);
    } catch (error) {
      const known = toProtocolError(error, "HANDLER_FAILED");
      context.log.warn("trade.delivery_failed", known.message, { code: known.code });
    }
  };
  const plan = (order: OrderSummary) => {
    if (order.role !== "seller" || order.state !== "ACCEPTED" || waiting.has(keyOf(order))) return;
    if (delivery === "instant") {
      void deliver(order);
      return;
    }
    const slot = parseSlotId(order.slotId);
    const overMs = (slot.startS + slot.durationS) * 1_000;
    waiting.set(
      keyOf(order),
      context.market.at(overMs, () => void deliver(order)),
    );
  };

  const events = context.desk.onEvent((event) => {
    if (event.kind === "accepted" && event.agentId === context.agentId) plan(event.order);
  });
  // Contracts of before a restart.
  for (const order of context.desk.orders({ agentId: context.agentId, open: true })) plan(order);
  return {
    [Symbol.dispose]() {
      events[Symbol.dispose]();
      for (const alarm of waiting.values()) alarm[Symbol.dispose]();
    },
  };
}

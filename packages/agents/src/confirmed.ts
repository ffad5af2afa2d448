/** Says "Contract confirmed!" once per purchase, and only after the seller's decision is on our own disk. */

import type { AgentContext, TradeEvent } from "@gridmesh/node";
import { storedMilliWh } from "@gridmesh/energy";
import { kWh, price } from "./words.ts";

export function sayConfirmed(context: AgentContext, delivery: "instant" | "slot"): Disposable {
  const said = new Set<string>();
  return context.desk.onEvent((event) => {
    // A delivery proves the acceptance: it may come before the decision itself.
    if (event.agentId !== context.agentId || (event.kind !== "committed" && event.kind !== "received"))
      return;
    if (event.order.role !== "buyer" || said.has(event.order.orderId)) return;
    said.add(event.order.orderId);
    context.log.info("trade.confirmed", words(context, event, delivery), {
      transactionId: event.order.transactionId,
    });
  });
}

function words(context: AgentContext, event: TradeEvent, delivery: "instant" | "slot"): string {
  const { order } = event;
  const done = "✅ Contract confirmed! Energy purchased.";
  if (delivery === "slot") {
    return `${done} ${kWh(order.quantityMilliWh)} at ${price(order.priceMicroPerKWh, order.currency)}`;
  }
  const book = context.desk.book(context.agentId);
  const coming = event.kind === "committed" ? order.quantityMilliWh : 0;
  return `${done} New battery level: ${kWh(storedMilliWh(book) + coming)}`;
}

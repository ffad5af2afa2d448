import type { OrderSummary } from "@gridmesh/protocol";
import type { TradeStage, TradeView } from "./types.ts";

const stages: Readonly<Record<OrderSummary["state"], TradeStage>> = {
  HELD: "held",
  COMMITTED: "confirmed",
  PAID: "delivered",
  CLOSED: "settled",
  RELEASED: "rejected",
  ACCEPTED: "confirmed",
  DELIVERED: "delivered",
  DISPUTED: "delivered",
  SETTLED: "settled",
  REJECTED: "rejected",
  ANNULLED: "cancelled",
};

/** An order of one of our books as a trade; `offersSeen` counts the answers to its search. */
export function tradeView(order: OrderSummary, offersSeen: number | null): TradeView {
  return {
    transactionId: order.transactionId,
    orderId: order.orderId,
    agentId: order.agentId,
    role: order.role,
    stage: stages[order.state],
    ...(order.reason === undefined ? {} : { reason: order.reason }),
    counterparty: order.counterparty,
    counterpartyPeerId: order.counterpartyPeerId,
    slotId: order.slotId,
    quantityMilliWh: order.finalMilliWh ?? order.quantityMilliWh,
    priceMicroPerKWh: order.priceMicroPerKWh,
    amountMicro: order.finalAmountMicro ?? order.amountMicro,
    currency: order.currency,
    offersSeen,
    startedAtMs: order.createdAtMs,
    updatedAtMs: order.updatedAtMs,
  };
}

/** What a book holds of a transaction's orders, for whoever must prove it. */

import type { OrderSummary, TradeDocument } from "@gridmesh/protocol";
import type { DeskState, OrderHalf } from "./state.ts";
import type { SignedBytes } from "./types.ts";

export interface OrderEvidence extends Pick<
  OrderSummary,
  | "orderId"
  | "agentId"
  | "role"
  | "state"
  | "slotId"
  | "quantityMilliWh"
  | "priceMicroPerKWh"
  | "amountMicro"
  | "currency"
> {
  readonly buyer: string;
  readonly seller: string;
  readonly orderHash: string;
  /** The confirm as it was held or decided. */
  readonly order: SignedBytes;
  /** The seller's decision. */
  readonly answer: SignedBytes | undefined;
  readonly documents: readonly TradeDocument[];
}

/** Both halves where both sides live here, in the order in which they came. */
export function evidenceOf(state: DeskState, transactionId: string): readonly OrderEvidence[] {
  const halves: OrderHalf[] = [];
  for (const book of state.books.values()) {
    for (const half of book.orders.values())
      if (half.terms.transactionId === transactionId) halves.push(half);
  }
  return halves.sort((a, b) => a.createdAtMs - b.createdAtMs).map(evidence);
}

function evidence({
  terms,
  agentId,
  role,
  state,
  orderHash,
  order,
  answer,
  documents,
}: OrderHalf): OrderEvidence {
  const { orderId, buyer, seller, slotId, quantityMilliWh, priceMicroPerKWh, amountMicro, currency } = terms;
  return {
    orderId,
    agentId,
    role,
    state,
    buyer,
    seller,
    slotId,
    quantityMilliWh,
    priceMicroPerKWh,
    amountMicro,
    currency,
    orderHash,
    order,
    answer,
    documents: Object.values(documents),
  };
}

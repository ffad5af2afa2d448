/** The orders between two books: each must be the same contract on both sides and end alike. */

import type { BookSnapshot, OrderSummary } from "@gridmesh/protocol";
import type { Difference, OpenOrder } from "./audit-types.ts";

/** End pairs; a refusal may be known to the buyer while the seller kept no order of it. */
const ENDED = new Set(["CLOSED/SETTLED", "RELEASED/REJECTED", "RELEASED/ANNULLED", "RELEASED/-"]);

/** Pairs that are under way and may stand there for a while. */
const OPEN = new Set([
  ...["-", "ACCEPTED", "REJECTED", "ANNULLED", "DELIVERED"].map((seller) => `HELD/${seller}`),
  ...["ACCEPTED", "ANNULLED", "DELIVERED"].map((seller) => `COMMITTED/${seller}`),
  ...["DELIVERED", "DISPUTED"].map((seller) => `DISPUTED/${seller}`),
  ...["DELIVERED", "DISPUTED", "SETTLED"].map((seller) => `PAID/${seller}`),
]);

const SAME = ["slotId", "quantityMilliWh", "priceMicroPerKWh", "amountMicro", "currency"] as const;

export interface OrderAudit {
  readonly differences: readonly Difference[];
  readonly open: readonly OpenOrder[];
}

/** Compares every order between the two, whoever bought. */
export function checkOrders(first: BookSnapshot, second: BookSnapshot): OrderAudit {
  const halves = [oneWay(first, second), oneWay(second, first)];
  return {
    differences: halves.flatMap((half) => half.differences),
    open: halves.flatMap((half) => half.open),
  };
}

function oneWay(buyer: BookSnapshot, seller: BookSnapshot): OrderAudit {
  const differences: Difference[] = [];
  const open: OpenOrder[] = [];
  for (const [orderId, both] of matched(buyer, seller)) {
    const { state, transactionId } = described(both);
    const unlike = unequal(both);
    if (OPEN.has(state)) open.push({ buyer: buyer.name, seller: seller.name, transactionId, orderId, state });
    else if (!ENDED.has(state)) unlike.unshift(`stands at ${state}`);
    for (const what of unlike) {
      differences.push({ a: buyer.name, b: seller.name, transactionId, what: `order ${orderId}: ${what}` });
    }
  }
  return { differences, open };
}

/** The two halves of an order, as far as there are any. */
interface Halves {
  readonly bought?: OrderSummary;
  readonly sold?: OrderSummary;
}

function described({ bought, sold }: Halves): { state: string; transactionId: string } {
  return {
    state: `${bought?.state ?? "-"}/${sold?.state ?? "-"}`,
    transactionId: (bought ?? sold)?.transactionId ?? "",
  };
}

function matched(buyer: BookSnapshot, seller: BookSnapshot): Map<string, Halves> {
  const found = new Map<string, Halves>();
  for (const order of buyer.orders) {
    if (order.role === "buyer" && order.counterparty === seller.agentId)
      found.set(order.orderId, { bought: order });
  }
  for (const order of seller.orders) {
    if (order.role !== "seller" || order.counterparty !== buyer.agentId) continue;
    found.set(order.orderId, { ...found.get(order.orderId), sold: order });
  }
  return found;
}

function unequal({ bought, sold }: Halves): string[] {
  const found: string[] = [];
  if (bought === undefined || sold === undefined) return found;
  for (const field of SAME) {
    if (bought[field] !== sold[field])
      found.push(`${field} is ${bought[field]} for the buyer, ${sold[field]} for the seller`);
  }
  if (bought.state !== "CLOSED" || sold.state !== "SETTLED") return found;
  for (const field of ["finalMilliWh", "finalAmountMicro"] as const) {
    if (bought[field] !== sold[field] || bought[field] === null) {
      found.push(`${field} is ${bought[field]} for the buyer, ${sold[field]} for the seller`);
    }
  }
  return found;
}

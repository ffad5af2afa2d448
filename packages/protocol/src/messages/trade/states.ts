/** The two halves of an order as tables: what may follow what. Nothing here knows time: a timer never moves an order. */

import type { BuyerState, SellerState } from "./book.ts";

export type BuyerStep = "hold" | "commit" | "release" | "dispute" | "receive" | "close";
export type SellerStep = "accept" | "reject" | "deliver" | "dispute" | "credit" | "void";

/** Buyer: NONE –hold→ HELD –commit→ COMMITTED –receive→ PAID –close→ CLOSED; a delivery, even a disputed one, proves acceptance. */
const buyerTable: Readonly<Record<"NONE" | BuyerState, Partial<Record<BuyerStep, BuyerState>>>> = {
  NONE: { hold: "HELD" },
  HELD: { commit: "COMMITTED", release: "RELEASED", dispute: "DISPUTED", receive: "PAID" },
  COMMITTED: { release: "RELEASED", dispute: "DISPUTED", receive: "PAID" },
  DISPUTED: { receive: "PAID" },
  PAID: { close: "CLOSED" },
  CLOSED: {},
  RELEASED: {},
};

/** Seller: NONE –accept→ ACCEPTED –deliver→ DELIVERED –credit→ SETTLED; a refusal is a state too, kept for ever. */
const sellerTable: Readonly<Record<"NONE" | SellerState, Partial<Record<SellerStep, SellerState>>>> = {
  NONE: { accept: "ACCEPTED", reject: "REJECTED" },
  ACCEPTED: { deliver: "DELIVERED", void: "ANNULLED" },
  DELIVERED: { dispute: "DISPUTED", credit: "SETTLED" },
  DISPUTED: { credit: "SETTLED" },
  SETTLED: {},
  REJECTED: {},
  ANNULLED: {},
};

/** The buyer's state after this step, or undefined where the step is not allowed. */
export function nextBuyerState(state: "NONE" | BuyerState, step: BuyerStep): BuyerState | undefined {
  return buyerTable[state][step];
}

/** The seller's state after this step, or undefined where the step is not allowed. */
export function nextSellerState(state: "NONE" | SellerState, step: SellerStep): SellerState | undefined {
  return sellerTable[state][step];
}

const ended: ReadonlySet<string> = new Set(["CLOSED", "RELEASED", "SETTLED", "REJECTED", "ANNULLED"]);

/** Whether anything of the order is still to come. */
export function isOrderOpen(state: BuyerState | SellerState): boolean {
  return !ended.has(state);
}

const endPairs: ReadonlySet<string> = new Set(["CLOSED SETTLED", "RELEASED REJECTED", "RELEASED ANNULLED"]);

/** Whether both halves have ended, and ended alike. */
export function isEndPair(buyer: BuyerState, seller: SellerState): boolean {
  return endPairs.has(`${buyer} ${seller}`);
}

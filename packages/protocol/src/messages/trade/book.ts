/** What a book looks like from outside: the common language of desk, audit and reports. */

/** A trading interval `<area>/<startS>/<durationS>`; startS is a multiple of durationS, which divides 86,400. */
export interface Slot {
  readonly area: string;
  /** Unix seconds, market time. */
  readonly startS: number;
  readonly durationS: number;
}

export type BuyerState = "HELD" | "COMMITTED" | "DISPUTED" | "PAID" | "CLOSED" | "RELEASED";
export type SellerState = "ACCEPTED" | "DELIVERED" | "DISPUTED" | "SETTLED" | "REJECTED" | "ANNULLED";

export interface OrderSummary {
  readonly orderId: string;
  readonly transactionId: string;
  readonly role: "buyer" | "seller";
  /** agent_id of the book's owner. */
  readonly agentId: string;
  /** agent_id of the other side. */
  readonly counterparty: string;
  readonly counterpartyPeerId: string;
  readonly slotId: string;
  readonly state: BuyerState | SellerState;
  readonly reason?: string | undefined;
  readonly quantityMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly amountMicro: number;
  /** Delivered or received, mWh; null before. */
  readonly finalMilliWh: number | null;
  readonly finalAmountMicro: number | null;
  readonly currency: string;
  /** Market time of the first record, ms. */
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Balances per account (names: docs of `postings`) and the orders behind them. Sums are 0 in each unit. */
export interface BookSnapshot {
  readonly agentId: string;
  readonly name: string;
  readonly peerId: string;
  readonly capacityMilliWh: number;
  readonly money: Readonly<Record<string, number>>;
  readonly energy: Readonly<Record<string, number>>;
  readonly entries: number;
  readonly orders: readonly OrderSummary[];
}

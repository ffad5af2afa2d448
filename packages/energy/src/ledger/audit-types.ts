/** What an audit of books says. */

/** One thing that does not fit; `b` is "" where one book contradicts itself, transactionId "" where none is to blame. */
export interface Difference {
  /** Agent names, or the agent_id of one whose book is not in the set. */
  readonly a: string;
  readonly b: string;
  readonly transactionId: string;
  readonly what: string;
}

/** An order that has not ended on both sides. */
export interface OpenOrder {
  readonly buyer: string;
  readonly seller: string;
  readonly transactionId: string;
  readonly orderId: string;
  /** `<buyer's state>/<seller's state>`, `-` where there is none. */
  readonly state: string;
}

export interface AuditResult {
  /** No difference, and nothing lost between the books; open orders do not count as differences. */
  readonly agree: boolean;
  /** Books looked at. */
  readonly audited: number;
  /** Of those, the ones that no difference names. */
  readonly agreeing: number;
  /** Pairs of audited agents that traded with each other. */
  readonly pairs: number;
  /** Journal entries behind the books. */
  readonly entries: number;
  readonly differences: readonly Difference[];
  readonly open: readonly OpenOrder[];
  /** Orders whose other side's book is not in the set: checked on one side only. */
  readonly unpaired: number;
  /** What some book shows and no other explains: energy in mWh, money in micro-currency; 0 when all fits. */
  readonly conservationErrorMilliWh: number;
  readonly conservationErrorMicro: number;
}

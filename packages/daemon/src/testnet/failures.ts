/** Why a run did not pass; the closed list of its codes. */

export type FailureCode =
  | "START_FAILED"
  | "NOT_READY"
  | "PROCESS_DIED"
  | "RESTART_FAILED"
  | "TRADES_OPEN"
  | "NO_TRADES"
  | "COLLECTION_FAILED"
  | "REPORT_FAILED"
  | "TOTALS_DIFFER"
  | "LEDGER_DISAGREES"
  | "TRADE_LOST"
  | "TRADE_TWICE"
  | "CONSERVATION"
  | "FINDING_CRITICAL"
  | "STOP_LATE"
  | "STOP_UNCLEAN"
  | "DEADLINE"
  | "INTERNAL";

export interface Failure {
  readonly code: FailureCode;
  readonly text: string;
  readonly node?: string;
}

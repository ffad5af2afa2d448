/** What both strategies of a household have in common for the role around them. */

import type { JsonObject } from "@gridmesh/protocol";
import type { TradeCounters } from "../trader.ts";

export interface HouseholdRun {
  /** In the battery now, mWh. */
  storedMilliWh(): number;
  /** No slot or cycle begins at or after this market time. */
  endAt(untilMs: number): void;
  /** Everything begun is booked. */
  settled(): boolean;
  readonly counters: TradeCounters;
  plan(): JsonObject;
  /** No new trade from here on. */
  drain(): Promise<void>;
  stop(): void;
}

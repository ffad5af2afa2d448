/** What a continuous book takes and answers. */

import type { AuctionOrder, AuctionTrade } from "./order.ts";

export interface BookOrder extends AuctionOrder {
  /** market: at the band's edge, whatever its limit says. */
  readonly type: "limit" | "market";
  /** gtd rests until expiresS, ioc cancels what does not trade at once, fok trades whole or not at all. */
  readonly tif: "gtd" | "ioc" | "fok";
  /** Refused if it would trade at once. */
  readonly postOnly: boolean;
  /** Market time, s. */
  readonly expiresS: number;
}

export interface BookRules {
  readonly minMicroPerKWh: number;
  readonly maxMicroPerKWh: number;
  readonly tickMicro: number;
  /** Nothing trades from here on; market time, s. */
  readonly gateS: number;
}

export type BookCommand =
  | { readonly kind: "place"; readonly atS: number; readonly order: BookOrder }
  | { readonly kind: "cancel"; readonly atS: number; readonly agentId: string; readonly orderId: string }
  | {
      readonly kind: "replace";
      readonly atS: number;
      readonly agentId: string;
      readonly orderId: string;
      /** What it shall have left, mWh. */
      readonly qtyMilliWh: number;
      readonly limitMicroPerKWh: number;
    }
  /** Time alone: what has ended leaves the book. */
  | { readonly kind: "time"; readonly atS: number };

/** What a command did. */
export interface BookOutcome {
  readonly trades: readonly AuctionTrade[];
  /** What the command's order has in the book now, mWh. */
  readonly restingMilliWh: number;
  /** What of it was cancelled, mWh. */
  readonly cancelledMilliWh: number;
  /** Orders whose time was over, in the order they came. */
  readonly expired: readonly string[];
}

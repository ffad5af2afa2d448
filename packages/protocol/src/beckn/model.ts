/** What Beckn messages of an energy trade mean, whatever revision carried them. Integer mWh and micro-currency. */

import type { Slot } from "../messages/trade/book.ts";
import type { BecknAction } from "./actions.ts";

export interface BecknContext {
  readonly domain: string;
  readonly action: BecknAction;
  /** As received; what we send is the revision's own choice. */
  readonly version: string;
  readonly bapId: string;
  readonly bapUri: string;
  /** Absent on search only. */
  readonly bppId?: string | undefined;
  readonly bppUri?: string | undefined;
  /** UUID, one per need, from search to the last status. */
  readonly transactionId: string;
  /** UUID, fresh per request, the same in its callback, new in a push. */
  readonly messageId: string;
  /** Wall time. */
  readonly timestampMs: number;
  readonly ttlMs: number;
}

/** A need made public: never names, meters or states of charge. */
export interface BecknIntent {
  readonly slot: Slot;
  readonly needMilliWh: number;
  readonly maxPriceMicroPerKWh: number;
  readonly currency: string;
}

export interface BecknOffer {
  readonly offerId: string;
  readonly offerEpoch: string;
  readonly slot: Slot;
  readonly availableMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly currency: string;
  /** Market time; no order from here on. */
  readonly untilMs: number;
}

export interface BecknCatalog {
  /** agent_id of the seller. */
  readonly seller: string;
  readonly sellerName: string;
  readonly offers: readonly BecknOffer[];
}

export type QuoteTitle = "ENERGY" | "WHEELING_CHARGE" | "PLATFORM_CHARGE";

export interface BecknQuote {
  readonly totalMicro: number;
  readonly lines: readonly { readonly title: QuoteTitle; readonly amountMicro: number }[];
  /** How long the quote is firm, ms. */
  readonly validMs: number;
}

export type BecknOrderStatus = "ACTIVE" | "COMPLETE" | "CANCELLED";
export type BecknDelivery = "slot" | "instant";

export interface BecknOrder {
  readonly seller: string;
  readonly sellerName?: string | undefined;
  readonly offerId: string;
  readonly offerEpoch: string;
  readonly slot: Slot;
  readonly quantityMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly currency: string;
  readonly delivery: BecknDelivery;
  /** Market time; no confirm from here on. */
  readonly untilMs: number;
  readonly quote?: BecknQuote | undefined;
  /** Who pays: the buyer's agent name, from init on. */
  readonly billingName?: string | undefined;
  readonly payment?: { readonly amountMicro: number; readonly paid: boolean } | undefined;
  /** message_id of the confirm, in everything the seller says after it. */
  readonly orderId?: string | undefined;
  readonly contractId?: string | undefined;
  readonly status?: BecknOrderStatus | undefined;
  /** Code of the delivery's state. */
  readonly state?: string | undefined;
  /** Energy delivered and agreed on, mWh. */
  readonly finalMilliWh?: number | undefined;
}

/** `error` of a callback or NACK, by the revision's own code. */
export interface BecknFault {
  readonly code: string;
  readonly message: string;
  readonly paths?: string | undefined;
}

export type BecknContent =
  | { readonly kind: "intent"; readonly intent: BecknIntent | undefined }
  | { readonly kind: "catalog"; readonly catalog: BecknCatalog }
  | { readonly kind: "order"; readonly order: BecknOrder }
  | { readonly kind: "orderId"; readonly orderId: string }
  | { readonly kind: "fault"; readonly fault: BecknFault };

export interface BecknMessage {
  readonly context: BecknContext;
  readonly content: BecknContent;
}

/** The nouns of an energy trade, whatever revision carried them. Integer mWh and micro-currency. */

import type { Slot } from "../messages/trade/book.ts";
import type { BecknAction } from "./actions.ts";

export interface BecknContext {
  readonly domain: string;
  readonly action: BecknAction;
  /** As received; what we send is the revision's own choice. */
  readonly version: string;
  readonly bapId: string;
  /** Empty where a partner outside gridmesh left it out. */
  readonly bapUri: string;
  /** Absent on search only, and where a partner outside gridmesh left it out. */
  readonly bppId?: string | undefined;
  readonly bppUri?: string | undefined;
  /** UUID, one per need, from search to the last status. */
  readonly transactionId: string;
  /** UUID, fresh per request, the same in its callback, new in a push. */
  readonly messageId: string;
  /** Wall time. */
  readonly timestampMs: number;
  readonly ttlMs: number;
  /** Revision 2: `gridmesh/<network>`. */
  readonly networkId?: string | undefined;
  /** Revision 2, in callbacks: base64 of BLAKE2b-512 over the request's body. */
  readonly requestDigest?: string | undefined;
  /** Revision 2: a normal answer is wanted, and no effect. */
  readonly preview?: boolean | undefined;
}

export const becknSources = [
  "SOLAR",
  "SOLAR_PV",
  "WIND",
  "HYDRO",
  "BIOGAS",
  "CHP",
  "FUEL_CELL",
  "BATTERY",
  "BESS",
] as const;

/** Where energy comes from. */
export type BecknSource = (typeof becknSources)[number];

/** A need made public: never names, meters or states of charge. */
export interface BecknIntent {
  readonly slot: Slot;
  readonly needMilliWh: number;
  readonly maxPriceMicroPerKWh: number;
  readonly currency: string;
  readonly source?: BecknSource | undefined;
}

export interface BecknOffer {
  readonly offerId: string;
  readonly offerEpoch: string;
  /** The first interval; each of `further` lasts as long and begins where the one before it ends. */
  readonly slot: Slot;
  readonly availableMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly further?: readonly BecknOfferInterval[] | undefined;
  readonly currency: string;
  /** Market time; no order from here on. */
  readonly untilMs: number;
  readonly source?: BecknSource | undefined;
  /** A partner's name of what is sold; absent: the offer's id. */
  readonly resourceId?: string | undefined;
}

export interface BecknOfferInterval {
  readonly availableMilliWh: number;
  readonly priceMicroPerKWh: number;
}

export interface BecknCatalog {
  /** agent_id of the seller. */
  readonly seller: string;
  readonly sellerName: string;
  /** Absent: the seller has the one. */
  readonly catalogId?: string | undefined;
  readonly offers: readonly BecknOffer[];
}

export const quoteTitles = ["ENERGY", "WHEELING_CHARGE", "PLATFORM_CHARGE"] as const;
export type QuoteTitle = (typeof quoteTitles)[number];

export interface BecknQuote {
  readonly totalMicro: number;
  readonly lines: readonly { readonly title: QuoteTitle; readonly amountMicro: number }[];
  /** How long the quote is firm, ms. */
  readonly validMs: number;
}

/** A connection to the grid, named to the counterparty only. */
export interface BecknMeter {
  readonly meterId: string;
  /** The distribution company whose meter it is. */
  readonly utility?: string | undefined;
}

export type BecknOrderStatus = "ACTIVE" | "COMPLETE" | "CANCELLED";
export type BecknDelivery = "slot" | "instant";

export interface BecknOrderInterval {
  readonly quantityMilliWh: number;
  readonly priceMicroPerKWh: number;
  /** Energy delivered and agreed on, mWh. */
  readonly finalMilliWh?: number | undefined;
  /** Revision 2: what the utility of either side counts as delivered, mWh. */
  readonly sellerAllocMilliWh?: number | undefined;
  readonly buyerAllocMilliWh?: number | undefined;
}

/** Its first interval and what holds for all of them. */
export interface BecknOrder extends BecknOrderInterval {
  readonly seller: string;
  readonly sellerName?: string | undefined;
  readonly offerId: string;
  readonly offerEpoch: string;
  /** The first interval; each of `further` lasts as long and begins where the one before it ends. */
  readonly slot: Slot;
  readonly further?: readonly BecknOrderInterval[] | undefined;
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
  readonly source?: BecknSource | undefined;
  /** A partner's name of what is sold; absent: the offer's id. */
  readonly resourceId?: string | undefined;
  /** From init on. */
  readonly buyerMeter?: BecknMeter | undefined;
  readonly sellerMeter?: BecknMeter | undefined;
}

/** An order by its id; revision 2 also says what it is about. */
export interface BecknOrderName {
  readonly orderId: string;
  readonly order?: BecknOrder | undefined;
}

export const ratingCategories = ["Item", "Order", "Fulfillment", "Provider", "Agent", "Support"] as const;

export interface BecknRating {
  readonly category: (typeof ratingCategories)[number];
  /** Id of what is rated. */
  readonly id: string;
  /** 1 to 5, whole. */
  readonly value: number;
}

/** Asked for and told; a request names the order at most. */
export interface BecknSupport {
  readonly orderId?: string | undefined;
  readonly phone?: string | undefined;
  readonly email?: string | undefined;
  readonly url?: string | undefined;
}

export interface BecknPublishResult {
  readonly catalogId: string;
  readonly status: "ACCEPTED" | "REJECTED" | "PARTIAL";
  readonly faults?: readonly BecknFault[] | undefined;
}

/** `error` of a callback or NACK, by the revision's own code. */
export interface BecknFault {
  readonly code: string;
  readonly message: string;
  readonly paths?: string | undefined;
}

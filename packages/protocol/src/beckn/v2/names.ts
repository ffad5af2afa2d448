/** What core 2.0.0 LTS calls things, and the attribute packs a trade is written with. */

import type { JsonObject } from "../../json.ts";
import { type ActionNames, actionNames, type BecknAction, becknActions } from "../actions.ts";
import type { ContextRules } from "../context.ts";

export const V2_VERSION = "2.0.0";

const spelled: ReadonlyMap<string, string> = new Map([
  ["search", "discover"],
  ["on_search", "on_discover"],
  ["rating", "rate"],
  ["on_rating", "on_rate"],
  ["publish", "catalog/publish"],
  ["on_publish", "catalog/on_publish"],
]);

export const v2Actions: ActionNames = actionNames(
  new Map<BecknAction, string>(
    [...becknActions.values()].map(({ action }) => [action, spelled.get(action) ?? action]),
  ),
  new Map<string, BecknAction>([
    ["catalog_publish", "publish"],
    ["on_catalog_publish", "on_publish"],
  ]),
);

export const v2ContextRules: ContextRules = {
  names: {
    bapId: "bapId",
    bapUri: "bapUri",
    bppId: "bppId",
    bppUri: "bppUri",
    transactionId: "transactionId",
    messageId: "messageId",
  },
  versions: new Set([V2_VERSION]),
  actions: v2Actions,
  strictly: ["networkId"],
  // Revision 2 tells what a message is about by its packs, and these are of energy.
  domain: "energy",
};

const NFH = "https://schema.nfh.global/";

interface Pack {
  readonly context: string;
  readonly type: string;
}

const pack = (folder: string, type: string): Pack => ({ context: `${NFH}${folder}/context.jsonld`, type });
const ownPack = (type: string): Pack => ({ context: `urn:gridmesh:schema:${type}:1`, type });

/** The packs we write. */
export const packs = {
  series: pack("BecknTimeSeries/v1.0", "TimeSeries"),
  offer: pack("EnergyTradeOffer/v2.0", "EnergyTradeOffer"),
  resource: pack("EnergyResource/v2.0", "EnergyResource"),
  customer: pack("EnergyCustomer/v2.0", "EnergyCustomer"),
  contract: pack("DEGContract/v2.0", "DEGContract"),
  flows: pack("RevenueFlow/v2.0", "RevenueFlow"),
  settlement: pack("SettlementTerm/2.0", "SettlementTerm"),
  /** What our desks need and no published pack holds: area, epoch, way of delivery. */
  terms: ownPack("TradeTerms"),
  channel: ownPack("SupportChannel"),
} as const;

/** Packs we read besides those we write. */
const alsoRead: readonly Pack[] = [
  pack("SettlementTerm/v2.0", "SettlementTerm"),
  pack("PaymentAction/v2.0", "PaymentAction"),
  pack("DiscomLedgerProvider/v1.0", "DiscomLedgerProvider"),
];

/** Contexts that need no look-up; none is ever fetched. */
export const knownContexts: ReadonlySet<string> = new Set(
  [...Object.values(packs), ...alsoRead].map(({ context }) => context),
);

/** An attributes object of a pack. */
export function attributes(of: Pack, members: JsonObject): JsonObject {
  return { "@context": of.context, "@type": of.type, ...members };
}

/** Packs each kind of message is written with. */
export const packsOfTrade: readonly string[] = [
  packs.series,
  packs.resource,
  packs.customer,
  packs.contract,
  packs.flows,
  packs.settlement,
  packs.terms,
].map(({ context }) => context);

export const packsOfCatalog: readonly string[] = [packs.offer, packs.series, packs.resource, packs.terms].map(
  ({ context }) => context,
);

/** Roles of a trade by the names of the energy packs. */
export const roles = { buyer: "buyerPlatform", seller: "sellerPlatform", utility: "sellerDiscom" } as const;

export const COMMITMENT_ID = "commitment-1";
export const QUOTE_ID = "quote";

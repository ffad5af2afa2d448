/** What core 1.1 calls things. */

import { type ActionNames, actionNames, type BecknAction, becknActions } from "../actions.ts";
import type { ContextNames, ContextRules } from "../context.ts";

/** What we write; both 1.1.0 and 1.1.1 are read. */
export const V1_VERSION = "1.1.0";

/** Core 1.1 uses the neutral names and has no publishing. */
export const v1Actions: ActionNames = actionNames(
  new Map<BecknAction, string>(
    [...becknActions.values()]
      .filter(({ action }) => !action.endsWith("publish"))
      .map(({ action }) => [action, action]),
  ),
);

const v1ContextNames: ContextNames = {
  bapId: "bap_id",
  bapUri: "bap_uri",
  bppId: "bpp_id",
  bppUri: "bpp_uri",
  transactionId: "transaction_id",
  messageId: "message_id",
};

export const v1ContextRules: ContextRules = {
  names: v1ContextNames,
  versions: new Set(["1.1.0", "1.1.1"]),
  actions: v1Actions,
  strictly: [],
};

/** Groups and tags of our own terms, which core 1.1 has no members for. */
export const v1Tags = {
  terms: "Trade_Terms",
  slot: "Slot",
  offerEpoch: "Offer_Epoch",
  until: "Until",
  delivery: "Delivery",
  contract: "Contract",
  contractId: "Contract_Id",
  energy: "Energy_Attributes",
  source: "Source_Type",
} as const;

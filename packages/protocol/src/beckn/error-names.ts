/** Beckn's error names beside version 1's numbers and the codes of our own table; docs/BECKN-WIRE.md is the same list. */

import type { ErrorCode } from "../errors.ts";

export interface BecknErrorRow {
  /** Name in Beckn's ErrorCode list, as revision 2 writes it. */
  readonly name: string;
  /** Number on the version 1 wire. */
  readonly v1: string;
  /** HTTP status of a NACK; absent: told in the callback's `error`. */
  readonly status?: number;
  /** Codes of ours it stands for; it is read as the first. */
  readonly codes: readonly [ErrorCode, ...ErrorCode[]];
}

type Cells = readonly [
  name: string,
  v1: string,
  status: number | undefined,
  code: ErrorCode,
  ...more: ErrorCode[],
];

const cells: readonly Cells[] = [
  ["SCH_INVALID_JSON", "30000", 400, "MESSAGE_MALFORMED", "FRAME_TOO_LARGE"],
  ["SCH_SCHEMA_VALIDATION_FAILED", "30000", 400, "SCHEMA_INVALID", "AMOUNT_INVALID"],
  ["SCH_REQUIRED_FIELD_MISSING", "30000", 400, "SCHEMA_INVALID"],
  ["SCH_INVALID_JSONPATH", "30000", 400, "SCHEMA_INVALID"],
  ["SCH_INVALID_JSONLD_CONTEXT", "30000", 400, "SCHEMA_INVALID"],
  ["CTX_INVALID_FIELD", "30000", 400, "BECKN_CONTEXT_INVALID"],
  ["CTX_MISSING_FIELD", "30000", 400, "BECKN_CONTEXT_INVALID"],
  ["CTX_ACTION_MISMATCH", "30000", 400, "BECKN_CONTEXT_INVALID"],
  ["CTX_VERSION_UNSUPPORTED", "30000", 400, "BECKN_DOMAIN_UNSUPPORTED"],
  ["CTX_TTL_EXPIRED", "30000", 400, "BECKN_TTL_EXPIRED"],
  ["CTX_MESSAGE_ID_DUPLICATE", "30000", 400, "ORDER_CONFLICT"],
  ["CTX_TRANSACTION_ID_UNKNOWN", "30000", 400, "BECKN_ACTION_UNEXPECTED"],
  ["AUT_SIGNATURE_INVALID", "30000", 401, "BECKN_SIGNATURE_INVALID"],
  ["AUT_SIGNATURE_MISSING", "30000", 401, "BECKN_SIGNATURE_INVALID"],
  ["AUT_KEY_NOT_FOUND", "30000", 401, "BECKN_SUBSCRIBER_UNKNOWN"],
  ["AUT_SUBSCRIBER_NOT_FOUND", "30000", 401, "BECKN_SUBSCRIBER_UNKNOWN"],
  ["AUT_KEY_EXPIRED_OR_REVOKED", "30000", 401, "BECKN_SUBSCRIBER_UNKNOWN"],
  ["AUT_UNAUTHORIZED_ACTION", "30000", 401, "IDENTITY_MISMATCH", "UNAUTHORIZED", "COUNTERPARTY_WRONG"],
  ["AUT_REPLAY_DETECTED", "30000", 401, "MESSAGE_REPLAYED"],
  ["AUT_RATE_LIMITED", "40000", 429, "RATE_LIMITED"],
  ["BIZ_ORDER_NOT_FOUND", "30010", 409, "ORDER_NOT_FOUND"],
  ["BIZ_INVALID_STATE_TRANSITION", "40001", 409, "ORDER_STATE"],
  ["BIZ_NO_RESULTS_FOUND", "40000", 409, "OFFER_NOT_FOUND"],
  ["BIZ_OFFER_NOT_FOUND", "30006", undefined, "OFFER_NOT_FOUND", "OFFER_EXPIRED"],
  ["BIZ_ITEM_NOT_FOUND", "30004", undefined, "OFFER_NOT_FOUND"],
  ["BIZ_QUANTITY_UNAVAILABLE", "40002", undefined, "QUANTITY_UNAVAILABLE"],
  ["BIZ_QUOTE_EXPIRED_OR_CHANGED", "40003", undefined, "QUOTE_CHANGED"],
  ["BIZ_FULFILLMENT_UNAVAILABLE", "30008", undefined, "SLOT_INVALID", "GRID_LIMIT", "MARKET_CLOSED"],
  ["BIZ_PAYMENT_NOT_SUPPORTED", "40004", undefined, "ORDER_REJECTED"],
  ["BIZ_TRACKING_NOT_SUPPORTED", "40005", undefined, "ORDER_REJECTED"],
  ["BIZ_SUPPORT_NOT_AVAILABLE", "50004", undefined, "ORDER_REJECTED"],
  ["BIZ_INVALID_UPDATE_TARGET", "30012", undefined, "ORDER_STATE"],
  ["BIZ_UPDATE_INCONSISTENT", "30013", undefined, "ORDER_STATE"],
  ["POL_UPDATE_NOT_ALLOWED", "50002", undefined, "ORDER_STATE"],
  ["BIZ_INVALID_CANCELLATION_REASON", "30011", undefined, "ORDER_STATE"],
  ["POL_CANCELLATION_NOT_ALLOWED", "50001", undefined, "ORDER_STATE"],
  ["BIZ_RATING_TARGET_NOT_FOUND", "30014", undefined, "INVALID_PARAMS"],
  ["BIZ_INVALID_RATING_VALUE", "30015", undefined, "INVALID_PARAMS"],
  ["NET_INTERNAL_ERROR", "40000", 500, "INTERNAL_ERROR"],
  ["NET_OVERLOADED", "40000", 500, "OVERLOADED"],
  ["NET_NOT_IMPLEMENTED", "40001", 500, "BECKN_DOMAIN_UNSUPPORTED"],
  ["NET_ACK_TIMEOUT", "40000", 500, "CALL_TIMEOUT"],
  ["NET_CALLBACK_FAILED", "40000", 500, "BECKN_CALLBACK_MISSING"],
];

/** Every name we send or read as a code of ours, by the name. */
export const becknErrors: ReadonlyMap<string, BecknErrorRow> = new Map(
  cells.map(([name, v1, status, ...codes]): [string, BecknErrorRow] => [
    name,
    { name, v1, codes, ...(status === undefined ? {} : { status }) },
  ]),
);

/** Names said for a code where the error itself tells none. */
const said: Readonly<Partial<Record<ErrorCode, string>>> = {
  BECKN_DOMAIN_UNSUPPORTED: "NET_NOT_IMPLEMENTED",
  OFFER_NOT_FOUND: "BIZ_OFFER_NOT_FOUND",
  ORDER_STATE: "BIZ_INVALID_STATE_TRANSITION",
  INVALID_PARAMS: "SCH_SCHEMA_VALIDATION_FAILED",
};

/** The row of each code of ours. */
export const becknErrorByCode: ReadonlyMap<string, BecknErrorRow> = byCode();

function byCode(): Map<string, BecknErrorRow> {
  const found = new Map<string, BecknErrorRow>();
  for (const row of becknErrors.values()) {
    for (const code of row.codes) if (!found.has(code)) found.set(code, row);
  }
  for (const [code, name] of Object.entries(said)) {
    const row = becknErrors.get(name);
    if (row) found.set(code, row);
  }
  return found;
}

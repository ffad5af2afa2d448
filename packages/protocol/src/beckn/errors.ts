/** Beckn's error names and version 1 numbers beside the codes of our own table. */

import { type ErrorCode, ProtocolError } from "../errors.ts";
import type { BecknFault } from "./model.ts";

export interface BecknErrorRow {
  /** Name in Beckn's ErrorCode list. */
  readonly name: string;
  /** Number on the version 1 wire. */
  readonly v1: string;
  /** HTTP status of a NACK; absent: told in the callback's `error`. */
  readonly status?: number;
}

const rows = {
  MESSAGE_MALFORMED: { name: "SCH_INVALID_JSON", v1: "30000", status: 400 },
  SCHEMA_INVALID: { name: "SCH_SCHEMA_VALIDATION_FAILED", v1: "30000", status: 400 },
  AMOUNT_INVALID: { name: "SCH_SCHEMA_VALIDATION_FAILED", v1: "30000", status: 400 },
  BECKN_CONTEXT_INVALID: { name: "CTX_INVALID_FIELD", v1: "30000", status: 400 },
  BECKN_TTL_EXPIRED: { name: "CTX_TTL_EXPIRED", v1: "30000", status: 400 },
  ORDER_CONFLICT: { name: "CTX_MESSAGE_ID_DUPLICATE", v1: "30000", status: 400 },
  BECKN_ACTION_UNEXPECTED: { name: "CTX_TRANSACTION_ID_UNKNOWN", v1: "30000", status: 400 },
  BECKN_SIGNATURE_INVALID: { name: "AUT_SIGNATURE_INVALID", v1: "30000", status: 401 },
  BECKN_SUBSCRIBER_UNKNOWN: { name: "AUT_KEY_NOT_FOUND", v1: "30000", status: 401 },
  IDENTITY_MISMATCH: { name: "AUT_UNAUTHORIZED_ACTION", v1: "30000", status: 401 },
  COUNTERPARTY_WRONG: { name: "AUT_UNAUTHORIZED_ACTION", v1: "30000", status: 401 },
  UNAUTHORIZED: { name: "AUT_UNAUTHORIZED_ACTION", v1: "30000", status: 401 },
  RATE_LIMITED: { name: "AUT_RATE_LIMITED", v1: "40000", status: 429 },
  ORDER_NOT_FOUND: { name: "BIZ_ORDER_NOT_FOUND", v1: "30010", status: 409 },
  ORDER_STATE: { name: "BIZ_INVALID_STATE_TRANSITION", v1: "40001", status: 409 },
  OVERLOADED: { name: "NET_OVERLOADED", v1: "40000", status: 500 },
  INTERNAL_ERROR: { name: "NET_INTERNAL_ERROR", v1: "40000", status: 500 },
  BECKN_DOMAIN_UNSUPPORTED: { name: "NET_NOT_IMPLEMENTED", v1: "40001", status: 500 },
  OFFER_NOT_FOUND: { name: "BIZ_OFFER_NOT_FOUND", v1: "30006" },
  OFFER_EXPIRED: { name: "BIZ_OFFER_NOT_FOUND", v1: "30006" },
  QUANTITY_UNAVAILABLE: { name: "BIZ_QUANTITY_UNAVAILABLE", v1: "40002" },
  QUOTE_CHANGED: { name: "BIZ_QUOTE_EXPIRED_OR_CHANGED", v1: "40003" },
  SLOT_INVALID: { name: "BIZ_FULFILLMENT_UNAVAILABLE", v1: "30008" },
  MARKET_CLOSED: { name: "BIZ_FULFILLMENT_UNAVAILABLE", v1: "30008" },
  GRID_LIMIT: { name: "BIZ_FULFILLMENT_UNAVAILABLE", v1: "30008" },
  ORDER_REJECTED: { name: "BIZ_PAYMENT_NOT_SUPPORTED", v1: "40004" },
} as const satisfies Partial<Record<ErrorCode, BecknErrorRow>>;

const byCode: ReadonlyMap<string, BecknErrorRow> = new Map(Object.entries(rows));

/** Version 1 numbers that one code of ours stands for; the rest are told apart by status or shown as text. */
const byV1: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ["30004", "OFFER_NOT_FOUND"],
  ["30006", "OFFER_NOT_FOUND"],
  ["30008", "SLOT_INVALID"],
  ["30010", "ORDER_NOT_FOUND"],
  ["30011", "ORDER_STATE"],
  ["30012", "ORDER_STATE"],
  ["30013", "ORDER_STATE"],
  ["30014", "INVALID_PARAMS"],
  ["30015", "INVALID_PARAMS"],
  ["40002", "QUANTITY_UNAVAILABLE"],
  ["40003", "QUOTE_CHANGED"],
  ["40004", "ORDER_REJECTED"],
  ["40005", "ORDER_REJECTED"],
  ["50001", "ORDER_STATE"],
  ["50002", "ORDER_STATE"],
  ["50004", "ORDER_REJECTED"],
]);

const byStatus: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [401, "BECKN_SIGNATURE_INVALID"],
  [429, "RATE_LIMITED"],
]);

/** How Beckn names a code of ours; a code it has no name for is an internal error there. */
export function becknErrorOf(code: ErrorCode): BecknErrorRow {
  return byCode.get(code) ?? rows.INTERNAL_ERROR;
}

/** `error` as version 1 writes it: the number, then the Beckn name and our text. */
export function faultOfV1(error: ProtocolError): BecknFault {
  const row = becknErrorOf(error.code);
  const named = error.data?.["beckn"];
  return {
    code: row.v1,
    message: `${typeof named === "string" ? named : row.name}: ${error.message}`.slice(0, 500),
  };
}

/** Reads a version 1 `error`; a number of many meanings or none becomes BECKN_NACK with the text in `data.beckn`. */
export function errorOfV1(fault: BecknFault, status?: number): ProtocolError {
  const known = byV1.get(fault.code) ?? (status === undefined ? undefined : byStatus.get(status));
  return new ProtocolError(known ?? "BECKN_NACK", fault.message, {
    data: { beckn: { code: fault.code, message: fault.message } },
  });
}

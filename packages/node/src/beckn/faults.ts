/** Refusals on the wire: Beckn's number and name for everybody, our own code in the text for those who know it. */

import {
  type BecknContent,
  becknErrorOf,
  type BecknFault,
  becknV1,
  isErrorCode,
  ProtocolError,
} from "@gridmesh/protocol";

/** Codes told by the callback's `error`; the rest are NACKs. */
export const callbackCodes: ReadonlySet<string> = new Set([
  "OFFER_NOT_FOUND",
  "OFFER_EXPIRED",
  "QUANTITY_UNAVAILABLE",
  "QUOTE_CHANGED",
  "SLOT_INVALID",
  "MARKET_CLOSED",
  "GRID_LIMIT",
  "ORDER_REJECTED",
]);

/** Several of our codes share one number of Beckn's, so the text begins with the code. */
export function faultContent(error: ProtocolError): BecknContent {
  const { code, message, data } = error;
  const told = new ProtocolError(code, `${code}: ${message}`, data === undefined ? {} : { data });
  return { kind: "fault", fault: becknV1.faultOf(told) };
}

/** What a callback's `error` says; the code in its text counts only where its number says the same. */
export function errorOfFault(fault: BecknFault): ProtocolError {
  const error = becknV1.errorOf(fault);
  const code = fault.message.split(": ")[1] ?? "";
  if (!isErrorCode(code) || !callbackCodes.has(code) || becknErrorOf(code).v1 !== fault.code) return error;
  return new ProtocolError(code, error.message, error.data === undefined ? {} : { data: error.data });
}

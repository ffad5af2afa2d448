/** Refusals on the wire: Beckn's name or number for everybody, our own code in the text for those who know it. */

import {
  type BecknContent,
  becknErrors,
  becknErrorOf,
  type BecknFault,
  type BecknOrder,
  type BecknWire,
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

/**
 * Several of our codes share one of Beckn's, so the text begins with the code.
 * @param order - what was refused; revision 2 repeats it
 */
export function faultContent(wire: BecknWire, error: ProtocolError, order?: BecknOrder): BecknContent {
  const { code, message, data } = error;
  const told = new ProtocolError(code, `${code}: ${message}`, data === undefined ? {} : { data });
  return { kind: "fault", fault: wire.faultOf(told), ...(order === undefined ? {} : { order }) };
}

/** What a callback's `error` says; the code in its text counts only where Beckn's own says the same. */
export function errorOfFault(wire: BecknWire, fault: BecknFault): ProtocolError {
  const error = wire.errorOf(fault);
  const code = fault.message.split(": ").find(isErrorCode);
  if (code === undefined || !callbackCodes.has(code)) return error;
  const row = becknErrorOf(code);
  const same = becknErrors.has(fault.code) ? row.name === fault.code : row.v1 === fault.code;
  if (!same) return error;
  return new ProtocolError(code, error.message, error.data === undefined ? {} : { data: error.data });
}

/** Refusals as Beckn names them, and back. */

import { type ErrorCode, ProtocolError } from "../errors.ts";
import { becknErrorByCode, becknErrors, type BecknErrorRow } from "./error-names.ts";
import type { BecknFault } from "./model.ts";

const MAX_TEXT = 500;

/** How Beckn names a code of ours; a code it has no name for is an internal error there. */
export function becknErrorOf(code: ErrorCode): BecknErrorRow {
  const row = becknErrorByCode.get(code) ?? becknErrors.get("NET_INTERNAL_ERROR");
  if (!row) throw new ProtocolError("INTERNAL_ERROR", "the table of Beckn's errors lacks its last resort");
  return row;
}

/** How Beckn names this error: by its `data.beckn` where that is one of Beckn's names, else by its code. */
export function becknRowOf(error: ProtocolError): BecknErrorRow {
  const named = error.data?.["beckn"];
  return (typeof named === "string" ? becknErrors.get(named) : undefined) ?? becknErrorOf(error.code);
}

/** `error` as version 1 writes it: the number, then the Beckn name and our text. */
export function faultOfV1(error: ProtocolError): BecknFault {
  const row = becknRowOf(error);
  return { code: row.v1, message: `${row.name}: ${error.message}`.slice(0, MAX_TEXT).toWellFormed() };
}

/** What is taken but followed by no callback is a NACK all the same, of status 200. */
export function statusOfV1(error: ProtocolError): number {
  const { status = 200 } = becknRowOf(error);
  return status === 409 ? 200 : status;
}

/** `error` as revision 2 writes it: the Beckn name, then our text. */
export function faultOfV2(error: ProtocolError): BecknFault {
  return { code: becknRowOf(error).name, message: error.message.slice(0, MAX_TEXT).toWellFormed() };
}

/** Version 1 numbers that one code of ours stands for; the rest are told apart by status or shown as text. */
const byV1: ReadonlyMap<string, ErrorCode> = readableNumbers();

function readableNumbers(): Map<string, ErrorCode> {
  const codes = new Map<string, Set<ErrorCode>>();
  for (const {
    v1,
    codes: [first],
  } of becknErrors.values()) {
    codes.set(v1, (codes.get(v1) ?? new Set()).add(first));
  }
  return new Map(
    [...codes].flatMap(([v1, [first, ...others]]) => (first && !others.length ? [[v1, first]] : [])),
  );
}

const byStatus: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [401, "BECKN_SIGNATURE_INVALID"],
  [429, "RATE_LIMITED"],
]);

/** Reads a version 1 `error`; a number of many meanings or none becomes BECKN_NACK with the text in `data.beckn`. */
export function errorOfV1(fault: BecknFault, status?: number): ProtocolError {
  return told(fault, byV1.get(fault.code) ?? byStatus.get(status ?? 0));
}

/** Reads a revision 2 `error`; a name outside the table becomes BECKN_NACK with the text in `data.beckn`. */
export function errorOfV2(fault: BecknFault, status?: number): ProtocolError {
  const known = becknErrors.get(fault.code)?.codes[0];
  return told(fault, known ?? (fault.code === "" ? byStatus.get(status ?? 0) : undefined));
}

function told(fault: BecknFault, code: ErrorCode = "BECKN_NACK"): ProtocolError {
  return new ProtocolError(code, fault.message, {
    data: { beckn: { code: fault.code, message: fault.message } },
  });
}

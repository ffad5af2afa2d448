/** Errors as A2A shows them: `data` is a list of google.rpc.ErrorInfo. */

import {
  type JsonObject,
  type JsonValue,
  type RpcError,
  toProtocolError,
  toRpcError,
} from "@gridmesh/protocol";

const ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo";

/** An error of ours; one that came from an agent or from A2A's SDK keeps its number, text and data. */
function a2aError(thrown: unknown): RpcError {
  const known = toProtocolError(thrown, "INTERNAL_ERROR");
  const error = toRpcError(known);
  if (known.foreign !== undefined) return error;
  const { code, number, retryable, data } = known;
  const facts = Object.entries({ ...data, code: number, retryable });
  const metadata = Object.fromEntries(facts.map(([name, value]) => [name, textOf(value)]));
  return { ...error, data: [{ "@type": ERROR_INFO, reason: code, domain: "gridmesh", metadata }] };
}

export function a2aFailure(id: JsonValue, thrown: unknown): JsonObject {
  const { code, message, data } = a2aError(thrown);
  return { jsonrpc: "2.0", id, error: { code, message, ...(data === undefined ? {} : { data }) } };
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

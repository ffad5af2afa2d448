/** The shapes of JSON-RPC 2.0, one message at a time; ids keep their value and type. */

import { ProtocolError, type RpcError, toRpcError } from "./errors.ts";
import { isJsonObject } from "./header.ts";
import type { JsonObject, JsonValue } from "./json.ts";

export type RpcId = string | number;

export type RpcMessage =
  | { readonly kind: "request"; readonly id: RpcId; readonly method: string; readonly params?: JsonValue }
  | { readonly kind: "notification"; readonly method: string; readonly params?: JsonValue }
  | { readonly kind: "result"; readonly id: RpcId; readonly result: JsonValue }
  | { readonly kind: "error"; readonly id: RpcId | null; readonly error: RpcError };

/** Which of the four a parsed line is. @throws INVALID_REQUEST for anything else, batches included. */
export function readRpcMessage(value: JsonValue): RpcMessage {
  if (!isJsonObject(value) || value["jsonrpc"] !== "2.0") throw invalid("not a JSON-RPC 2.0 object");
  if (Object.hasOwn(value, "method")) return readCall(value);
  if (Object.hasOwn(value, "result") === Object.hasOwn(value, "error")) {
    throw invalid("an answer has either a result or an error");
  }
  return readAnswer(value);
}

export function rpcRequest(id: RpcId, method: string, params?: JsonValue): JsonObject {
  return { jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) };
}

export function rpcNotification(method: string, params?: JsonValue): JsonObject {
  return { jsonrpc: "2.0", method, ...(params === undefined ? {} : { params }) };
}

export function rpcResult(id: RpcId, result: JsonValue): JsonObject {
  return { jsonrpc: "2.0", id, result };
}

/** The answer to a request that failed; `id` is null when it could not be read. */
export function rpcFailure(id: RpcId | null, error: unknown): JsonObject {
  const { code, message, data } = toRpcError(error);
  return { jsonrpc: "2.0", id, error: { code, message, ...(data === undefined ? {} : { data }) } };
}

function readCall(value: JsonObject): RpcMessage {
  const { id, method, params } = value;
  if (typeof method !== "string" || method === "") throw invalid("method");
  if (params !== undefined && (typeof params !== "object" || params === null)) throw invalid("params");
  const call = { method, ...(params === undefined ? {} : { params }) };
  if (!Object.hasOwn(value, "id")) return { kind: "notification", ...call };
  if (!isRpcId(id)) throw invalid("the id is a string or an integer");
  return { kind: "request", id, ...call };
}

function readAnswer(value: JsonObject): RpcMessage {
  const { id, result, error } = value;
  if (result !== undefined) {
    if (!isRpcId(id)) throw invalid("the id is a string or an integer");
    return { kind: "result", id, result };
  }
  if (!isRpcId(id) && id !== null) throw invalid("the id is a string or an integer");
  if (!isJsonObject(error) || typeof error["message"] !== "string" || !Number.isInteger(error["code"])) {
    throw invalid("the error has a whole number and a text");
  }
  const { code, message, data } = error;
  return {
    kind: "error",
    id,
    error: { code: code as number, message, ...(data === undefined ? {} : { data }) },
  };
}

function isRpcId(id: JsonValue | undefined): id is RpcId {
  return typeof id === "string" || (typeof id === "number" && Number.isSafeInteger(id));
}

function invalid(why: string): ProtocolError {
  return new ProtocolError("INVALID_REQUEST", `JSON-RPC: ${why}`);
}

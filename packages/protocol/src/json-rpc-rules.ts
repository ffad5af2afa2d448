/** JSON-RPC 2.0 as its protocols narrow it, read without throwing: what is wrong has an answer too. */

import { ProtocolError } from "./errors.ts";
import { isJsonObject } from "./header.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { type RpcId, rpcFailure, rpcResult } from "./json-rpc.ts";

/** What a protocol over JSON-RPC allows itself. */
export interface RpcRules {
  /** Calls in one array; 0: an array is no request. */
  readonly batch: number;
  /** Is a request of id null answered? */
  readonly nullId: boolean;
  readonly arrayParams: boolean;
}

export const rpcRules = {
  mcp: { batch: 0, nullId: false, arrayParams: false },
  a2a: { batch: 0, nullId: true, arrayParams: false },
  plain: { batch: 0, nullId: false, arrayParams: true },
  /** A node's own methods. */
  node: { batch: 50, nullId: false, arrayParams: true },
} as const satisfies Record<string, RpcRules>;

const RPC_ID_CHARS = 256;

export type RpcReading =
  | {
      readonly kind: "request";
      readonly id: RpcId | null;
      readonly method: string;
      readonly params: JsonObject | readonly JsonValue[] | undefined;
    }
  /** Never answered, not even with an error; one whose params are none has undefined. */
  | {
      readonly kind: "notification";
      readonly method: string;
      readonly params: JsonObject | readonly JsonValue[] | undefined;
    }
  | { readonly kind: "answer"; readonly id: RpcId | null; readonly failed: boolean }
  | { readonly kind: "invalid"; readonly id: RpcId | null; readonly error: ProtocolError };

/** Tells what one parsed message is; arrays are invalid here. */
export function readRpc(value: JsonValue, rules: RpcRules): RpcReading {
  if (!isJsonObject(value)) return invalid(null, "one message is an object");
  const { id, method } = value;
  const own = isRpcId(id) ? id : null;
  if (method === undefined) return readAnswer(value, own);
  if (typeof method !== "string" || method === "") return invalid(own, "the method is a text");
  const params = paramsIn(value, rules);
  if (id === undefined) return { kind: "notification", method, params: params ?? undefined };
  if (own === null && !(id === null && rules.nullId)) {
    return invalid(null, "the id is a text or a whole number");
  }
  if (params === null) return invalid(own, 'jsonrpc is "2.0", params are an object');
  return { kind: "request", id: own, method, params };
}

/** Null when the message is none of this kind of JSON-RPC. */
function paramsIn(
  { jsonrpc, params }: JsonObject,
  { arrayParams }: RpcRules,
): JsonObject | readonly JsonValue[] | undefined | null {
  if (jsonrpc !== "2.0") return null;
  if (params === undefined || isJsonObject(params)) return params;
  return arrayParams && Array.isArray(params) ? params : null;
}

/** Runs a method. @throws METHOD_NOT_FOUND and the method's own codes. */
export type RpcMethod = (method: string, params: JsonValue) => Promise<JsonValue> | JsonValue;

/** Answers one text, a batch included; undefined when it wants no answer. */
export async function answerRpc(text: string, rules: RpcRules, call: RpcMethod): Promise<string | undefined> {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (cause) {
    return JSON.stringify(rpcFailure(null, new ProtocolError("PARSE_ERROR", "no JSON", { cause })));
  }
  if (!Array.isArray(value)) return written(await answerOne(value, rules, call));
  const refused = batchRefusal(value.length, rules);
  if (refused !== undefined) return JSON.stringify(rpcFailure(null, refused));
  const ids = new Set<RpcId | null>();
  const answers = await Promise.all(
    value.map(async (item: JsonValue) => {
      const id = isJsonObject(item) && isRpcId(item["id"]) ? item["id"] : undefined;
      if (id !== undefined && ids.has(id)) return rpcFailure(id, request("this id is under way already"));
      if (id !== undefined) ids.add(id);
      return await answerOne(item, rules, call);
    }),
  );
  const told = answers.filter((answer) => answer !== undefined);
  return told.length === 0 ? undefined : JSON.stringify(told);
}

/** Why an array of so many is no batch here. */
export function batchRefusal(length: number, { batch }: RpcRules): ProtocolError | undefined {
  if (batch === 0) return request("a line holds one message");
  if (length === 0) return request("an empty batch");
  return length > batch ? request(`a batch has at most ${batch} calls`) : undefined;
}

async function answerOne(
  value: JsonValue,
  rules: RpcRules,
  call: RpcMethod,
): Promise<JsonObject | undefined> {
  const reading = readRpc(value, rules);
  if (reading.kind === "invalid") return rpcFailure(reading.id, reading.error);
  if (reading.kind === "answer") return undefined;
  const { method, params = {} } = reading;
  try {
    const result = await call(method, params);
    return reading.kind === "request" ? { ...rpcResult("", result), id: reading.id } : undefined;
  } catch (error) {
    return reading.kind === "request" ? rpcFailure(reading.id, error) : undefined;
  }
}

function readAnswer(value: JsonObject, id: RpcId | null): RpcReading {
  const failed = isJsonObject(value["error"]);
  if (failed === (value["result"] !== undefined) || (id === null && !failed)) {
    return invalid(id, "neither a request nor an answer");
  }
  return { kind: "answer", id, failed };
}

function isRpcId(id: JsonValue | undefined): id is RpcId {
  return typeof id === "string" ? id.length <= RPC_ID_CHARS : Number.isSafeInteger(id);
}

function request(why: string): ProtocolError {
  return new ProtocolError("INVALID_REQUEST", `JSON-RPC: ${why}`);
}

function invalid(id: RpcId | null, why: string): RpcReading {
  return { kind: "invalid", id, error: request(why) };
}

function written(answer: JsonObject | undefined): string | undefined {
  return answer === undefined ? undefined : JSON.stringify(answer);
}

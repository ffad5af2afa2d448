/** The lines of `/gridmesh/rpc/1`: JSON-RPC 2.0, one message each. They are other people's JSON: not canonical, not signed. */

import {
  fromRpcError,
  isProtocolError,
  type JsonObject,
  type JsonValue,
  parseTolerant,
  ProtocolError,
  toRpcError,
} from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import type { BoundedStream, StreamLimits } from "../network/stream-types.ts";

export const RPC_PROTOCOL = "/gridmesh/rpc/1";

export const rpcStreamLimits: StreamLimits = {
  maxFrameBytes: nodeLimits.rpcLineBytes,
  maxLineBytes: nodeLimits.rpcLineBytes,
  maxInboundPerPeer: nodeLimits.rpcStreamsPerPeer,
  relayed: true,
};

export type RpcId = string | number;

export type RpcMessage =
  | {
      readonly kind: "request";
      readonly id: RpcId;
      readonly method: string;
      readonly params: JsonValue;
      /** Milliseconds the caller still waits. */
      readonly leftMs: number | undefined;
    }
  | { readonly kind: "notification"; readonly method: string; readonly params: JsonValue }
  | { readonly kind: "result"; readonly id: RpcId; readonly result: JsonValue }
  | { readonly kind: "failure"; readonly id: RpcId | null; readonly error: ProtocolError }
  /** A line that is no message; its error is the answer. */
  | { readonly kind: "unreadable"; readonly id: RpcId | null; readonly error: ProtocolError };

const encoder = new TextEncoder();

/** A JSON value as one line. */
export function toLine(value: JsonObject): Uint8Array {
  return encoder.encode(`${JSON.stringify(value)}\n`);
}

export function requestLine(request: {
  readonly id: RpcId;
  readonly method: string;
  readonly params: JsonValue;
  readonly leftMs: number;
}): Uint8Array {
  const { id, method, params, leftMs } = request;
  return toLine({ jsonrpc: "2.0", id, method, params, x: { deadlineMs: Math.ceil(leftMs) } });
}

export function resultLine(id: RpcId, result: JsonValue): Uint8Array {
  return toLine({ jsonrpc: "2.0", id, result });
}

export function errorLine(id: RpcId | null, error: unknown): Uint8Array {
  const { code, message, data } = toRpcError(error);
  return toLine({ jsonrpc: "2.0", id, error: { code, message, ...(data === undefined ? {} : { data }) } });
}

/** The lines of a stream, pulled one at a time through its bounded reader; blank ones are left out. */
export async function* linesOf(stream: BoundedStream): AsyncGenerator<Uint8Array> {
  for (;;) {
    const line = await stream.readLine();
    if (line === undefined) return;
    const end = line.at(-1) === 0x0d ? line.length - 1 : line.length;
    if (end > 0) yield line.subarray(0, end);
  }
}

/** Turns lines into messages; a bad line becomes `unreadable` and the rest goes on. */
export async function* decodeMessages(lines: AsyncIterable<Uint8Array>): AsyncGenerator<RpcMessage> {
  for await (const line of lines) yield decodeMessage(line);
}

/** Reads one line. */
export function decodeMessage(line: Uint8Array): RpcMessage {
  let value: JsonValue;
  try {
    value = parseTolerant(line, { maxDepth: nodeLimits.rpcDepth, maxMembers: nodeLimits.rpcMembers });
  } catch (error) {
    const cause = isProtocolError(error) && error.code === "INVALID_REQUEST" ? error : undefined;
    return unreadable(
      null,
      cause ?? new ProtocolError("PARSE_ERROR", "the line is no JSON", { cause: error }),
    );
  }
  if (!isObject(value)) {
    return unreadable(null, new ProtocolError("INVALID_REQUEST", "a line holds one JSON-RPC message"));
  }
  if (typeof value["method"] === "string") return decodeCall(value, value["method"]);
  return decodeAnswer(value);
}

function decodeCall(value: JsonObject, method: string): RpcMessage {
  const params = value["params"] ?? {};
  if (value["id"] === undefined) return { kind: "notification", method, params };
  const id = idOf(value["id"]);
  if (id === undefined || value["jsonrpc"] !== "2.0") {
    return unreadable(id ?? null, new ProtocolError("INVALID_REQUEST", "jsonrpc or id is no JSON-RPC 2.0"));
  }
  const extra = value["x"];
  const left = isObject(extra) ? extra["deadlineMs"] : undefined;
  return {
    kind: "request",
    id,
    method,
    params,
    leftMs: typeof left === "number" && left > 0 ? left : undefined,
  };
}

function decodeAnswer(value: JsonObject): RpcMessage {
  const id = idOf(value["id"]);
  if (value["error"] !== undefined) {
    return { kind: "failure", id: id ?? null, error: fromRpcError(value["error"]) };
  }
  if (id !== undefined && value["result"] !== undefined)
    return { kind: "result", id, result: value["result"] };
  return unreadable(id ?? null, new ProtocolError("INVALID_REQUEST", "neither request nor answer"));
}

function unreadable(id: RpcId | null, error: ProtocolError): RpcMessage {
  return { kind: "unreadable", id, error };
}

function idOf(value: JsonValue | undefined): RpcId | undefined {
  return typeof value === "string" || Number.isSafeInteger(value) ? (value as RpcId) : undefined;
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

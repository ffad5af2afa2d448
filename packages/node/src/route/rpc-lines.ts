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
import type { StreamLimits } from "../network/stream-types.ts";
import { a2aFailure } from "./a2a-errors.ts";
import type { ChannelProto } from "./channel.ts";

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
  /** Several messages on one line. */
  | { readonly kind: "batch"; readonly items: readonly JsonValue[] }
  /** A line that is no message; its error is the answer. */
  | { readonly kind: "unreadable"; readonly id: RpcId | null; readonly error: ProtocolError };

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const encoder = new TextEncoder();
/** A byte order mark stays in the text, where the parser refuses it. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A JSON value as one line. */
export function toLine(value: JsonObject): string {
  return `${JSON.stringify(value)}\n`;
}

/** Method and params of a request as its line has them, without id and time. @throws INVALID_PARAMS, FRAME_TOO_LARGE. */
export function requestBody(method: string, params: JsonValue): string {
  let text: string;
  try {
    text = `"method":${JSON.stringify(method)},"params":${JSON.stringify(params)}`;
  } catch (error) {
    throw new ProtocolError("INVALID_PARAMS", "the params are no JSON", { cause: error });
  }
  if (isOverLimit(text)) throw new ProtocolError("FRAME_TOO_LARGE", "the params are over a line's limit");
  return text;
}

export function requestLine(id: number, body: string, leftMs: number): string {
  return `{"jsonrpc":"2.0","id":${id},${body},"x":{"deadlineMs":${Math.ceil(leftMs)}}}\n`;
}

export function cancelLine(id: number): string {
  return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}\n`;
}

export function resultLine(id: RpcId, result: JsonValue): string {
  const line = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${JSON.stringify(result ?? null)}}\n`;
  if (!isOverLimit(line)) return line;
  return errorLine(id, new ProtocolError("FRAME_TOO_LARGE", "the result is over the line's limit"));
}

/** @param proto - whose form the error takes: A2A has one of its own */
export function errorLine(id: RpcId | null, error: unknown, proto: ChannelProto = "plain"): string {
  if (proto === "a2a") return toLine(a2aFailure(id, error));
  const { code, message, data } = toRpcError(error);
  return toLine({ jsonrpc: "2.0", id, error: { code, message, ...(data === undefined ? {} : { data }) } });
}

/** Room for id, time and braces around a body. */
const ENVELOPE_BYTES = 256;

function isOverLimit(text: string): boolean {
  const room = nodeLimits.rpcLineBytes - ENVELOPE_BYTES;
  // A character takes three bytes at most: short texts need no count.
  return text.length * 3 > room && Buffer.byteLength(text) > room;
}

/** Reads whole lines into messages, in order; blank ones are left out, a bad one is `unreadable` and the rest goes on. */
export function eachMessage(lines: Uint8Array, take: (message: RpcMessage) => void): void {
  let text: string;
  try {
    text = decoder.decode(lines);
  } catch {
    return eachAlone(lines, take);
  }
  for (let from = 0; from < text.length;) {
    const end = text.indexOf("\n", from);
    const line = end < 0 ? text.slice(from) : text.slice(from, end);
    if (line !== "" && line !== "\r") take(decodeMessage(line));
    from += line.length + 1;
  }
}

/** Some line is no UTF-8: each is decoded by itself. */
function eachAlone(lines: Uint8Array, take: (message: RpcMessage) => void): void {
  for (let from = 0; from < lines.length;) {
    const end = lines.indexOf(NEWLINE, from);
    const line = lines.subarray(from, end < 0 ? lines.length : end);
    if (line.length > 1 || (line.length === 1 && line[0] !== CARRIAGE_RETURN)) take(decodeBytes(line));
    from += line.length + 1;
  }
}

function decodeBytes(line: Uint8Array): RpcMessage {
  try {
    return decodeMessage(decoder.decode(line));
  } catch (error) {
    return unreadable(null, new ProtocolError("PARSE_ERROR", "the line is no UTF-8", { cause: error }));
  }
}

/** Reads one line. */
export function decodeMessage(line: string): RpcMessage {
  let value: JsonValue;
  try {
    value = parseLine(line);
  } catch (error) {
    return unreadable(null, unparsed(error));
  }
  return Array.isArray(value) ? { kind: "batch", items: value } : decodeValue(value);
}

/** Reads one message. */
export function decodeValue(value: JsonValue): RpcMessage {
  if (!isObject(value)) {
    return unreadable(null, new ProtocolError("INVALID_REQUEST", "a line holds one JSON-RPC message"));
  }
  if (typeof value["method"] === "string") return decodeCall(value, value["method"]);
  return decodeAnswer(value);
}

/** What a line is answered that `parseLine` threw at. */
export function unparsed(error: unknown): ProtocolError {
  if (isProtocolError(error) && error.code === "INVALID_REQUEST") return error;
  return new ProtocolError("PARSE_ERROR", "the line is no JSON", { cause: error });
}

const shape = { maxDepth: nodeLimits.rpcDepth, maxMembers: nodeLimits.rpcMembers };
/** A member of an object is at least a comma, two quotes, a colon and a digit. */
const MEMBER_CHARS = 5;

/**
 * Depth and members are bounded before anything is parsed; most lines are too small or too flat to need the walk.
 * @throws INVALID_REQUEST over a bound; what the parser throws.
 */
export function parseLine(line: string): JsonValue {
  const small = line.length < nodeLimits.rpcMembers * MEMBER_CHARS && opensAtMost(line, nodeLimits.rpcDepth);
  return small ? (JSON.parse(line) as JsonValue) : parseTolerant(encoder.encode(line), shape);
}

/** Are there so few opening brackets, those within strings among them, that no value can be deeper? */
function opensAtMost(line: string, most: number): boolean {
  let left = most;
  for (const bracket of ["{", "["]) {
    for (let at = line.indexOf(bracket); at >= 0; at = line.indexOf(bracket, at + 1)) {
      if (left === 0) return false;
      left -= 1;
    }
  }
  return true;
}

function decodeCall(value: JsonObject, method: string): RpcMessage {
  const { params = {} } = value;
  if (value["id"] === undefined) return { kind: "notification", method, params };
  const id = idOf(value["id"]);
  if (id === undefined || value["jsonrpc"] !== "2.0" || typeof params !== "object" || params === null) {
    const why = "jsonrpc, id or params are no JSON-RPC 2.0";
    return unreadable(id ?? null, new ProtocolError("INVALID_REQUEST", why));
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

/** The request that a notification cancels. */
export function cancelledId(message: RpcMessage): RpcId | undefined {
  if (message.kind !== "notification" || message.method !== "notifications/cancelled") return undefined;
  return isObject(message.params) ? idOf(message.params["requestId"]) : undefined;
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

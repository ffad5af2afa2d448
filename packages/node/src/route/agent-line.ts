/** One line between a caller and an agent, read as far as passing it on needs; its text stays as it was written. */

import {
  editMembers,
  type JsonObject,
  type JsonValue,
  memberSpans,
  ProtocolError,
  readRpc,
  type RpcId,
  type RpcReading,
  rpcRules,
} from "@gridmesh/protocol";
import type { ChannelProto } from "./channel.ts";
import { isObject, parseLine, unparsed } from "./rpc-lines.ts";

/** What is judged of a line. */
export interface JudgedLine {
  readonly method: string;
  /** The tool, prompt, resource or skill it is about, as its body says. */
  readonly item: string | undefined;
}

/** A request as its caller wrote it. */
export interface AskedLine extends JudgedLine {
  readonly kind: "request";
  readonly id: RpcId | null;
  /** Under which its progress is told. */
  readonly token: RpcId | undefined;
  /** It asked for log lines. */
  readonly logs: boolean;
  /** Milliseconds the caller still waits. */
  readonly leftMs: number | undefined;
  /** Without what is said between nodes. */
  readonly text: string;
}

export type CallerLine =
  | AskedLine
  | {
      readonly kind: "notification";
      readonly cancels: RpcId | undefined;
      /** It has work done, though nobody waits for the answer: A2A's messages may. */
      readonly runs: JudgedLine | undefined;
      readonly text: string;
    }
  | { readonly kind: "answer"; readonly id: RpcId | null; readonly text: string }
  | { readonly kind: "invalid"; readonly id: RpcId | null; readonly error: ProtocolError };

export type AgentLine =
  | {
      readonly kind: "answer";
      readonly id: RpcId | null;
      readonly failed: boolean;
      readonly value: JsonObject;
    }
  /** A request of the agent's. */
  | { readonly kind: "request"; readonly id: RpcId }
  | { readonly kind: "notification"; readonly method: string; readonly token: RpcId | undefined }
  | { readonly kind: "invalid" };

const LOG_LEVEL = "io.modelcontextprotocol/logLevel";
/** The names that decide whether a request may pass: an agent that reads the first of two would see another request. */
const TELLING = ["jsonrpc", "id", "method", "params"];
const TELLING_PARAMS = ["name", "uri", "ref"];

/** Reads what a caller sent. */
export function readCallerLine(text: string, proto: ChannelProto): CallerLine {
  let value: JsonValue;
  try {
    value = parseLine(text);
  } catch (error) {
    return { kind: "invalid", id: null, error: unparsed(error) };
  }
  const reading = readRpc(value, rpcRules[proto]);
  if (reading.kind === "invalid") return reading;
  if (isTwofold(text, value)) {
    const id = reading.kind === "notification" ? null : reading.id;
    return { kind: "invalid", id, error: new ProtocolError("INVALID_REQUEST", "a name is written twice") };
  }
  if (reading.kind === "answer") return { kind: "answer", id: reading.id, text };
  if (reading.kind === "request") return readAsked(text, value as JsonObject, reading);
  const { method, params = {} } = reading;
  const cancels =
    method === "notifications/cancelled" && isObject(params) ? idIn(params["requestId"]) : undefined;
  const runs =
    proto === "a2a" && !method.startsWith("notifications/")
      ? { method, item: itemOf(method, params) }
      : undefined;
  return { kind: "notification", cancels, runs, text };
}

function readAsked(
  text: string,
  value: JsonObject,
  { id, method, params = {} }: RpcReading & { readonly kind: "request" },
): AskedLine {
  const meta = isObject(params) && isObject(params["_meta"]) ? params["_meta"] : {};
  const extra = value["x"];
  const left = isObject(extra) ? extra["deadlineMs"] : undefined;
  return {
    kind: "request",
    id,
    method,
    item: itemOf(method, params),
    token: idIn(meta["progressToken"]),
    logs: meta[LOG_LEVEL] !== undefined,
    leftMs: typeof left === "number" && left > 0 ? left : undefined,
    text: extra === undefined ? text : withoutExtra(text),
  };
}

const LAST_ID = /,"id":(\d{1,15})\}$/;
const FIRST_ID = /^\{"jsonrpc":"2\.0","id":(\d{1,15}),"result":/;

/** The id of a result as writers of JSON-RPC write it, first or last, without reading what is between. */
export function resultId(text: string): number | undefined {
  const found = text.startsWith('{"result":') ? LAST_ID.exec(tail(text)) : FIRST_ID.exec(text);
  return found === null ? undefined : Number(found[1]);
}

function tail(text: string): string {
  return text.length > TAIL ? text.slice(-TAIL) : text;
}

const TAIL = 64;

/** Reads what an agent sent. */
export function readAgentLine(text: string): AgentLine {
  let value: JsonValue;
  try {
    value = parseLine(text);
  } catch {
    return { kind: "invalid" };
  }
  const reading = readRpc(value, rpcRules.a2a);
  if (reading.kind === "invalid" || !isObject(value)) return { kind: "invalid" };
  if (reading.kind === "answer") return { kind: "answer", id: reading.id, failed: reading.failed, value };
  if (reading.kind === "request") {
    return reading.id === null ? { kind: "invalid" } : { kind: "request", id: reading.id };
  }
  const { method, params } = reading;
  const token =
    method === "notifications/progress" && isObject(params) ? idIn(params["progressToken"]) : undefined;
  return { kind: "notification", method, token };
}

const OWN_EXTRA = /,"x":\{"deadlineMs":\d+\}\}$/;

/** As a node writes it at the end of a line. */
export function withDeadline(text: string, leftMs: number): string {
  const end = text.lastIndexOf("}");
  return `${text.slice(0, end)},"x":{"deadlineMs":${Math.ceil(leftMs)}}}`;
}

/** The text before the last brace of a valid line is directly in its object: such an end needs no walk. */
function withoutExtra(text: string): string {
  const own = OWN_EXTRA.exec(text);
  if (own !== null) return `${text.slice(0, own.index)}}`;
  return editMembers(text, [{ path: ["x"], text: undefined }]);
}

/** The text under another id; where writers put it last, nothing is walked. */
export function withId(text: string, id: RpcId | null): string {
  const last = LAST_ID.exec(tail(text));
  if (last !== null) return `${text.slice(0, text.length - last[0].length)},"id":${JSON.stringify(id)}}`;
  return editMembers(text, [{ path: ["id"], text: JSON.stringify(id) }]);
}

/** What a request is about, as its body says. */
export function itemOf(method: string, params: JsonValue): string | undefined {
  if (!isObject(params)) return undefined;
  if (method === "createTask" || SKILLED.has(method)) return skillOf(method, params["message"]);
  const ref = params["ref"];
  const held = isObject(ref) ? ref : params;
  const item = method.startsWith("resources/") ? held["uri"] : (held["name"] ?? held["uri"]);
  return typeof item === "string" ? item : undefined;
}

/** A2A's methods that carry a message, of 1.0 and of 0.3. */
const SKILLED = new Set(["SendMessage", "SendStreamingMessage", "message/send", "message/stream"]);

/** The skill that an A2A message means: in its metadata, in a short call beside its parts. */
function skillOf(method: string, message: JsonValue | undefined): string | undefined {
  const holder = isObject(message) && SKILLED.has(method) ? message["metadata"] : message;
  const skill = isObject(holder) ? holder["skillId"] : undefined;
  return typeof skill === "string" ? skill : undefined;
}

function isTwofold(text: string, value: JsonValue): boolean {
  // Written as it would be written again: nothing in it is there twice.
  if (JSON.stringify(value) === text) return false;
  const members = memberSpans(text);
  if (TELLING.some((name) => members.get(name)?.doubled === true)) return true;
  const params = members.get("params");
  if (params === undefined) return false;
  const inner = memberSpans(text, params.start);
  return TELLING_PARAMS.some((name) => inner.get(name)?.doubled === true);
}

function idIn(value: JsonValue | undefined): RpcId | undefined {
  return typeof value === "string" || Number.isSafeInteger(value) ? (value as RpcId) : undefined;
}

/** One A2A request on a channel of its own: what callers over HTTP, or in the words of HTTP, ask for. */

import { type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import { withDeadline } from "../route/agent-line.ts";
import type { AgentChannel, ChannelOpening } from "../route/channel.ts";
import { nodeLimits } from "../limits.ts";
import { isA2aStream } from "./a2a-params.ts";
import { isObject } from "./loose-json.ts";

/** Opens a channel to the agent that is meant. */
export type OpenA2a = (opening: ChannelOpening) => Promise<AgentChannel>;

/** A task may take its time: as long as a call may. */
const LONGEST_MS = nodeLimits.callTimeoutMaxMs;

/** What came of a request: nothing to wait for, one answer, or answers as they come. */
export type A2aExchange =
  | { readonly kind: "accepted" }
  | { readonly kind: "answer"; readonly line: string }
  | { readonly kind: "stream"; readonly lines: AsyncIterable<string>; close(): void };

export interface A2aQuestion {
  /** One JSON-RPC request, as its caller wrote it. */
  readonly body: string;
  readonly version?: string | undefined;
  readonly extensions?: string | undefined;
  /** Ends the waiting, never the task. */
  readonly signal?: AbortSignal | undefined;
}

/** @throws PARSE_ERROR, INVALID_REQUEST, what opening throws; AGENT_CRASHED, STREAM_RESET when it broke off. */
export async function exchangeA2a(open: OpenA2a, question: A2aQuestion): Promise<A2aExchange> {
  const { body, signal } = question;
  const { method, answered } = readEnvelope(body);
  const isStream = isA2aStream(method);
  const mode = isStream ? "listen" : "call";
  const channel = await open({ proto: "a2a", mode, headers: headersOf(question) });
  const line = oneLine(body);
  const leave = () => channel.reset("the caller has gone");
  try {
    channel.send(withDeadline(answered ? line : withOwnId(line), LONGEST_MS));
    if (!answered) {
      channel.end();
      return { kind: "accepted" };
    }
    signal?.addEventListener("abort", leave, { once: true });
    if (signal?.aborted === true) leave();
    const lines = channel.lines[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done === true) throw new ProtocolError("AGENT_CRASHED", "the agent ended before it answered");
    if (isStream && !isFailure(first.value)) {
      return { kind: "stream", lines: rest(first.value, { lines, leave }), close: leave };
    }
    signal?.removeEventListener("abort", leave);
    channel.end();
    return { kind: "answer", line: first.value };
  } catch (error) {
    leave();
    throw error;
  }
}

function headersOf({ version, extensions }: A2aQuestion): Record<string, string> {
  return {
    ...(version === undefined ? {} : { "a2a-version": version }),
    ...(extensions === undefined ? {} : { "a2a-extensions": extensions }),
  };
}

/** Whoever stops reading leaves. */
async function* rest(
  first: string,
  { lines, leave }: { readonly lines: AsyncIterator<string>; readonly leave: () => void },
): AsyncGenerator<string, void, undefined> {
  let isOver = false;
  try {
    yield first;
    for (let next = await lines.next(); next.done !== true; next = await lines.next()) yield next.value;
    isOver = true;
  } finally {
    if (!isOver) leave();
  }
}

function readEnvelope(body: string): { readonly method: string; readonly answered: boolean } {
  const value = parse(body);
  if (!isObject(value) || typeof value["method"] !== "string") {
    throw new ProtocolError("INVALID_REQUEST", "the body is one JSON-RPC request");
  }
  return { method: value["method"], answered: Object.hasOwn(value, "id") };
}

function parse(body: string): JsonValue {
  try {
    return JSON.parse(body) as JsonValue;
  } catch (error) {
    throw new ProtocolError("PARSE_ERROR", "the body is no JSON", { cause: error });
  }
}

/** Line breaks between the tokens of JSON mean nothing; within strings they are written otherwise. */
function oneLine(body: string): string {
  return body.replaceAll(/[\r\n]+/g, " ");
}

/** Streams that callers share carry what is answered: an answer that nobody waits for is read by nobody. */
function withOwnId(line: string): string {
  return line.replace("{", '{"id":0,');
}

function isFailure(line: string): boolean {
  return (JSON.parse(line) as JsonObject)["error"] !== undefined;
}

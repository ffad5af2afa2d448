/** One request whose answer takes its time: what the agent says meanwhile, what it asks, and its result. */

import {
  fromRpcError,
  type JsonObject,
  type JsonValue,
  parseAddress,
  ProtocolError,
  readRpcMessage,
  rpcNotification,
  rpcRequest,
  type RpcMessage,
  rpcResult,
  rpcFailure,
} from "@gridmesh/protocol";
import type { Clock } from "./clock.ts";
import { startDeadline, until } from "./deadline.ts";
import { withEnvelope } from "./host/mcp-envelope.ts";
import { isObject, LEGACY_VERSIONS, META, objectIn } from "./host/mcp-words.ts";
import { nodeLimits } from "./limits.ts";
import type { InputRequest, StreamMessage, StreamOptions } from "./node.ts";
import type { AgentChannel, ChannelMode, ChannelProto, OpenRequest } from "./route/channel.ts";

export interface StreamCallOptions {
  readonly clock: Clock;
  readonly version: string;
  readonly open: (reference: string, request: OpenRequest, wait: StreamOptions) => Promise<AgentChannel>;
}

interface Course {
  readonly method: string;
  readonly params: JsonValue;
  readonly options: StreamOptions;
  readonly version: string;
}

/** The longest a timer counts. */
const LONGEST_MS = 2 ** 31 - 1;
/** Rounds of input an agent may ask for before its result. */
const ROUNDS = 10;
/** What a caller can do that answers inputs. */
const ANSWERING = { sampling: {}, elicitation: {}, roots: {} } as const;

const A2A =
  /^(?:SendMessage|SendStreamingMessage|SubscribeToTask|message\/(?:send|stream)|tasks\/resubscribe)$/;
const LISTENING: ReadonlySet<string> = new Set([
  "subscriptions/listen",
  "SendStreamingMessage",
  "SubscribeToTask",
  "message/stream",
  "tasks/resubscribe",
]);

/**
 * Notifications as they come, last the result; an A2A stream has many results. Leaving the loop tells the agent.
 * @throws the codes of a call; PROTOCOL_UNSUPPORTED when the agent asks and nobody answers.
 */
export async function* streamCall(
  to: { readonly address: string; readonly params: JsonValue; readonly options: StreamOptions },
  { clock, open, version }: StreamCallOptions,
): AsyncGenerator<StreamMessage, void, undefined> {
  const { address, params, options } = to;
  const { reference, method } = targetOf(address);
  const isListening = LISTENING.has(method);
  const limitMs = isListening ? LONGEST_MS : nodeLimits.callTimeoutMaxMs;
  using deadline = startDeadline(clock, options, limitMs);
  const { signal } = deadline;
  const proto: ChannelProto = A2A.test(method) ? "a2a" : "mcp";
  const openAs = (mode: ChannelMode) => {
    const headers = proto === "a2a" ? { "a2a-version": "1.0" } : undefined;
    return open(reference, { proto, mode, headers, as: options.as }, { signal });
  };
  const first = await openAs(isListening ? "listen" : "call");
  // Only in a conversation of its own can an agent of the older revisions ask its caller.
  const asksBack = proto === "mcp" && !isListening && first.era === "legacy" && options.onInput !== undefined;
  if (asksBack) first.end();
  const channel = asksBack ? await openAs("session") : first;
  const say = asksBack ? inSession : proto === "a2a" ? many : one;
  let over = false;
  try {
    yield* say(new Talk(channel, signal), { method, params, options, version });
    over = true;
  } finally {
    if (over) channel.end();
    else channel.reset("the caller has gone");
  }
}

function targetOf(address: string): { readonly reference: string; readonly method: string } {
  const known = parseAddress(address);
  const { kind, method } = known;
  if (kind === "agent") return { reference: `${known.nodeId}:${known.agent}`, method };
  if (kind === "capability") return { reference: `cap:${known.capability}`, method };
  throw new ProtocolError("ADDRESS_INVALID", "a stream is of an agent or a capability");
}

/** A channel read message by message. */
class Talk {
  readonly #channel: AgentChannel;
  readonly #lines: AsyncIterator<string>;
  readonly #signal: AbortSignal;
  #lastId = 0;

  constructor(channel: AgentChannel, signal: AbortSignal) {
    this.#channel = channel;
    this.#lines = channel.lines[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  ask(method: string, params: JsonValue): number {
    const id = (this.#lastId += 1);
    this.send(rpcRequest(id, method, params));
    return id;
  }

  send(message: JsonObject): void {
    this.#channel.send(JSON.stringify(message));
  }

  /** Undefined at the end. @throws what the channel broke off with, the signal's reason. */
  async next(): Promise<RpcMessage | undefined> {
    const { done, value } = await until(this.#lines.next(), this.#signal);
    return done === true ? undefined : readRpcMessage(JSON.parse(value) as JsonValue);
  }

  /** Everything until the answer of a request; its result, or the error thrown. */
  async *answerTo(id: number, onRequest?: (message: RpcMessage & { kind: "request" }) => void) {
    for (;;) {
      const message = await this.next();
      if (message === undefined)
        throw new ProtocolError("AGENT_CRASHED", "the agent ended without an answer");
      if (message.kind === "notification") yield noteOf(message);
      else if (message.kind === "request") onRequest?.(message);
      else if (message.id !== id && message.id !== null) continue;
      else if (message.kind === "error") throw fromRpcError(message.error);
      else return message.result;
    }
  }
}

function noteOf({ method, params = {} }: RpcMessage & { kind: "notification" }): StreamMessage {
  return { kind: "notification", method, params };
}

/** A request of the modern revision: when the agent asks back, the request is made again with what was answered. */
async function* one(talk: Talk, { method, params, options }: Course): AsyncGenerator<StreamMessage, void> {
  const { onInput } = options;
  let asking = toldOf(withEnvelope(params), onInput !== undefined);
  for (let round = 0; ; round += 1) {
    const result = yield* talk.answerTo(talk.ask(method, asking));
    if (!isObject(result) || result["resultType"] !== "input_required") {
      yield { kind: "result", result };
      return;
    }
    if (onInput === undefined || round >= ROUNDS) {
      throw new ProtocolError("PROTOCOL_UNSUPPORTED", "the agent asks for more than this caller answers");
    }
    const { inputRequests, requestState } = result;
    const { requestState: _old, inputResponses: _said, ...same } = asking;
    asking = {
      ...same,
      inputResponses: await answered(inputRequests, onInput),
      ...(requestState === undefined ? {} : { requestState }),
    };
  }
}

async function answered(
  requests: JsonValue | undefined,
  onInput: (request: InputRequest) => Promise<JsonValue> | JsonValue,
): Promise<JsonObject> {
  const entries = isObject(requests) ? Object.entries(requests) : [];
  const answers: [string, JsonValue][] = [];
  for (const [key, request] of entries) {
    const method = isObject(request) ? request["method"] : undefined;
    if (typeof method !== "string") continue;
    answers.push([key, await onInput({ method, params: objectIn(request, "params") })]);
  }
  return Object.fromEntries(answers);
}

/** Progress is told under a token, and inputs are asked only of those who say that they answer. */
function toldOf(params: JsonObject, answers: boolean): JsonObject {
  const meta = objectIn(params, "_meta");
  const declared = objectIn(meta, META.capabilities);
  const capabilities = answers ? { ...ANSWERING, ...declared } : declared;
  return { ...params, _meta: { progressToken: 1, ...meta, [META.capabilities]: capabilities } };
}

/** Every answer of an A2A stream has the id of its request; the last is known by the end. */
async function* many(talk: Talk, { method, params }: Course): AsyncGenerator<StreamMessage, void> {
  talk.ask(method, params);
  for (let message = await talk.next(); message !== undefined; message = await talk.next()) {
    if (message.kind === "error") throw fromRpcError(message.error);
    if (message.kind === "notification") yield noteOf(message);
    if (message.kind !== "result") continue;
    yield { kind: "result", result: message.result };
    if (!LISTENING.has(method)) return;
  }
}

/** A request of the older revisions, in a conversation of its own: the agent asks in between. */
async function* inSession(talk: Talk, course: Course): AsyncGenerator<StreamMessage, void> {
  const { method, params, options, version } = course;
  const hello = {
    protocolVersion: LEGACY_VERSIONS[0] ?? "",
    capabilities: ANSWERING,
    clientInfo: { name: "gridmesh", version },
  };
  const asked = (message: RpcMessage & { kind: "request" }): void => void reply(talk, message, options);
  yield* talk.answerTo(talk.ask("initialize", hello), asked);
  talk.send(rpcNotification("notifications/initialized"));
  const given = isObject(params) ? params : {};
  const told = { ...given, _meta: { progressToken: 1, ...objectIn(given, "_meta") } };
  const result = yield* talk.answerTo(talk.ask(method, told), asked);
  yield { kind: "result", result };
}

async function reply(
  talk: Talk,
  { id, method, params = {} }: RpcMessage & { kind: "request" },
  { onInput }: StreamOptions,
): Promise<void> {
  try {
    if (method === "ping") return talk.send(rpcResult(id, {}));
    if (onInput === undefined) throw new ProtocolError("METHOD_NOT_FOUND", `no ${method} here`);
    talk.send(rpcResult(id, await onInput({ method, params })));
  } catch (error) {
    // An agent that is gone needs no answer.
    try {
      talk.send(rpcFailure(id, error));
    } catch {}
  }
}

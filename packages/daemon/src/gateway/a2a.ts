/** `/a2a/<target>`: any agent the caller may reach, in A2A over HTTP, and the cards that say where. */

import {
  a2aFailure,
  type AgentChannel,
  type ChannelOpening,
  exchangeA2a,
  type A2aExchange,
} from "@gridmesh/node";
import {
  type ErrorCode,
  isProtocolError,
  type JsonValue,
  ProtocolError,
  toProtocolError,
} from "@gridmesh/protocol";
import { answerCard, answerNodeCard, CARD_PATH, ORIGINAL_PATH } from "./a2a-cards.ts";
import { MetaDesk } from "./a2a-meta.ts";
import { Refusal } from "./guard.ts";
import { discarded, EventStream, readBody, sendEmpty, sendJson } from "./listener-http.ts";
import type { GatewayContext, GatewayFace, GatewayRequest } from "./listener-types.ts";
import { refusalOf, statusOfMesh } from "./mcp-message.ts";
import { openAgent, referenceIn } from "./mcp-target.ts";

const A2A_PREFIX = "/a2a";
/** A caller that wants an answer at once has it within this; others have streams. */
const LONGEST_MS = 600_000;

export function openA2aFace(context: GatewayContext): GatewayFace {
  const meta = new MetaDesk(context);
  return {
    async take(asked) {
      try {
        await answer(asked, context, meta);
      } catch (error) {
        await refuse(asked, error, context);
      }
    },
    [Symbol.dispose]: () => meta[Symbol.dispose](),
  };
}

async function answer(asked: GatewayRequest, context: GatewayContext, meta: MetaDesk): Promise<void> {
  const { request, caller, path } = asked;
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (isRead && (path === `/${CARD_PATH}` || path === `${A2A_PREFIX}/${CARD_PATH}`)) {
    return answerNodeCard(asked, context, meta.openFor(caller));
  }
  for (const [suffix, original] of [
    [CARD_PATH, false],
    [ORIGINAL_PATH, true],
  ] as const) {
    if (!path.endsWith(`/${suffix}`)) continue;
    const target = path.slice(0, -suffix.length - 1);
    if (isRead) return answerCard(asked, context, { reference: referenceOf(target), target, original });
  }
  if (request.method !== "POST") {
    throw new Refusal(405, new ProtocolError("INVALID_REQUEST", "a message is POSTed"), { allow: "POST" });
  }
  const body = textOf(await readBody(request));
  try {
    // `{url}/a2a` is where the short calls are sent by those who have an agent's own address.
    const place = path.replace(/(?<=\/[^/]+)\/a2a$/, "");
    const open = place === A2A_PREFIX ? meta.openFor(caller) : agentAt(place, asked, context);
    await answerMessage(asked, body, open);
  } catch (error) {
    throw new MessageRefusal(error, idIn(body));
  }
}

/** What failed, and the id of the request it failed. */
class MessageRefusal extends Error {
  override readonly name = "MessageRefusal";
  readonly id: JsonValue;

  constructor(cause: unknown, id: JsonValue) {
    super("a message was refused", { cause });
    this.id = id;
  }
}

/** @throws ADDRESS_INVALID. */
function agentAt(place: string, { caller }: GatewayRequest, { node }: GatewayContext): OpenFor {
  const reference = referenceOf(place);
  return (opening, signal) => openAgent(node, { reference, caller, signal, ...opening });
}

/** Opens a channel to whoever is meant, for as long as its caller is there. */
type OpenFor = (opening: ChannelOpening, signal: AbortSignal) => Promise<AgentChannel>;

async function answerMessage(
  { request, response, query }: GatewayRequest,
  body: string,
  open: OpenFor,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort(new ProtocolError("CALL_CANCELLED", "the caller closed")));
  const { signal } = gone;
  const { headers } = request;
  const late = setTimeout(
    () => gone.abort(new ProtocolError("CALL_TIMEOUT", "there was no answer in time")),
    LONGEST_MS,
  );
  let exchange: A2aExchange;
  try {
    exchange = await exchangeA2a((opening) => open(opening, signal), {
      body,
      version: oneOf(headers["a2a-version"]) ?? query.get("A2A-Version") ?? undefined,
      extensions: oneOf(headers["a2a-extensions"]) ?? oneOf(headers["x-a2a-extensions"]),
      signal,
    });
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    clearTimeout(late);
  }
  if (exchange.kind === "accepted") return sendEmpty(response, 202);
  if (exchange.kind === "answer") {
    return sendJson(response, { status: statusOf(exchange.line), text: exchange.line });
  }
  await sendStream(response, exchange, idIn(body));
}

async function sendStream(
  response: GatewayRequest["response"],
  exchange: A2aExchange & { kind: "stream" },
  id: JsonValue,
): Promise<void> {
  const events = new EventStream(response);
  try {
    for await (const line of exchange.lines) {
      await events.send(line);
      if (response.destroyed) return exchange.close();
    }
  } catch (error) {
    await events.send(JSON.stringify(a2aFailure(id, toProtocolError(error, "STREAM_RESET"))));
  }
  events.end();
}

/** A2A's errors are answers, 200; a way that failed is told as HTTP tells it. */
function statusOf(line: string): number {
  const { error } = JSON.parse(line) as {
    readonly error?: { readonly code: number; readonly message: string };
  };
  return error === undefined ? 200 : statusOfMesh(error);
}

const BAD_REQUEST: ReadonlySet<ErrorCode> = new Set(["PARSE_ERROR", "INVALID_REQUEST"]);

async function refuse(asked: GatewayRequest, thrown: unknown, { log }: GatewayContext): Promise<void> {
  const { request, response } = asked;
  if (response.headersSent || response.destroyed) return void response.destroy();
  const [cause, id] = thrown instanceof MessageRefusal ? [thrown.cause, thrown.id] : [thrown, null];
  const { status, error, headers } = refusalFor(cause);
  if (status === 500) log.error("gateway.failed", String(cause));
  if (!request.complete) await discarded(request);
  sendJson(response, { status, headers, text: JSON.stringify(a2aFailure(id, error)) });
}

function refusalFor(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (isProtocolError(error)) return BAD_REQUEST.has(error.code) ? new Refusal(400, error) : refusalOf(error);
  const bug = new ProtocolError("INTERNAL_ERROR", "the gateway could not do it", { cause: error });
  return new Refusal(500, bug);
}

/** @throws ADDRESS_INVALID. */
function referenceOf(path: string): string {
  const reference = referenceIn(path, A2A_PREFIX);
  if (reference !== undefined) return reference;
  throw new ProtocolError("ADDRESS_INVALID", "/a2a/<node>:<agent> names an agent");
}

/** @throws PARSE_ERROR. */
function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch (error) {
    throw new ProtocolError("PARSE_ERROR", "the body is no UTF-8", { cause: error });
  }
}

function idIn(body: string): JsonValue {
  try {
    return (JSON.parse(body) as { readonly id?: JsonValue }).id ?? null;
  } catch {
    return null;
  }
}

function oneOf(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" ? header : header?.join(", ");
}

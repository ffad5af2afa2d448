/** Cards over HTTP: verified, then under this gateway's addresses and in the node's name; the original beside it. */

import { createHash } from "node:crypto";
import { type CardInterface, exchangeA2a, type OpenA2a } from "@gridmesh/node";
import { fromRpcError, type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import { sendEmpty, sendJson } from "./listener-http.ts";
import type { GatewayContext, GatewayRequest } from "./listener-types.ts";
import { isObject } from "./mcp-message.ts";
import { openAgent } from "./mcp-target.ts";

export const CARD_PATH = ".well-known/agent-card.json";
export const ORIGINAL_PATH = ".well-known/agent-card.original.json";
const CARD_REQUEST = '{"jsonrpc":"2.0","id":1,"method":"GetAgentCard","params":{}}';
const READ_MS = 30_000;
const OLD = "0.3";

export interface CardAsked {
  readonly reference: string;
  /** The agent's path at this gateway. */
  readonly target: string;
  /** As its agent signed it. */
  readonly original: boolean;
}

/** @throws SIGNATURE_INVALID, AGENT_NOT_FOUND and what opening throws. */
export async function answerCard(
  asked: GatewayRequest,
  context: GatewayContext,
  { reference, target, original }: CardAsked,
): Promise<void> {
  const signal = AbortSignal.timeout(READ_MS);
  // The one that is asked is the one whose card it must be, and who keeps its tasks.
  const one = reference.startsWith("cap:")
    ? await context.node.resolve(reference, { timeoutMs: READ_MS, signal })
    : reference;
  const card = await readCard(asked, context, { reference: one, signal });
  if (original) return sendCard(asked, card);
  const url = `${baseOf(asked, context)}${one === reference ? target : `/a2a/${one}`}`;
  const own = listOf(card["supportedInterfaces"]).map((one) => interfaceOf(one));
  const here = own.map(({ protocolVersion }) => ({ url, protocolBinding: "JSONRPC", protocolVersion }));
  const signed = await context.node.cards.readdress(card, [...here, ...own]);
  sendCard(asked, forVersion(asked, signed, here));
}

async function readCard(
  { caller }: GatewayRequest,
  { node }: GatewayContext,
  { reference, signal }: { readonly reference: string; readonly signal: AbortSignal },
): Promise<JsonObject> {
  const card = await cardFrom(
    (opening) => openAgent(node, { reference, caller, signal, ...opening }),
    signal,
  );
  return node.cards.check(card, reference);
}

async function cardFrom(open: OpenA2a, signal = AbortSignal.timeout(READ_MS)): Promise<JsonObject> {
  const exchange = await exchangeA2a(open, { body: CARD_REQUEST, signal });
  const { error, result } = JSON.parse(exchange.kind === "answer" ? exchange.line : "{}") as JsonObject;
  if (error !== undefined) throw fromRpcError(error);
  return isObject(result) ? result : {};
}

/** The node's own card: what its meta-agent does. */
export async function answerNodeCard(
  asked: GatewayRequest,
  context: GatewayContext,
  open: OpenA2a,
): Promise<void> {
  const card = await cardFrom(open);
  const url = `${baseOf(asked, context)}/a2a`;
  const here = listOf(card["supportedInterfaces"]).map((one) => {
    return { url, protocolBinding: "JSONRPC", protocolVersion: interfaceOf(one).protocolVersion };
  });
  sendCard(asked, forVersion(asked, await context.node.cards.readdress(card, here), here));
}

/** Who asks in 0.3, or in no version, finds the fields of 0.3 beside those of 1.0: they say nothing else. */
function forVersion(asked: GatewayRequest, card: JsonObject, here: readonly CardInterface[]): JsonObject {
  const given = asked.request.headers["a2a-version"] ?? asked.query.get("A2A-Version") ?? "";
  const old = here.find(({ protocolVersion }) => protocolVersion === OLD);
  if (old === undefined || (given !== "" && !String(given).startsWith(OLD))) return card;
  return { ...card, url: old.url, preferredTransport: "JSONRPC", protocolVersion: `${OLD}.0` };
}

function sendCard({ request, response }: GatewayRequest, card: JsonObject): void {
  const text = JSON.stringify(card);
  const etag = `"${createHash("sha256").update(text).digest("base64url")}"`;
  const headers = { etag, "cache-control": "max-age=60", vary: "A2A-Version" };
  const known = (request.headers["if-none-match"] ?? "")
    .split(",")
    .map((tag) => tag.trim().replace(/^W\//, ""));
  if (known.includes(etag) || known.includes("*")) return sendEmpty(response, 304, headers);
  sendJson(response, { status: 200, headers, text });
}

/** Under which name and port this gateway was asked; over the unix socket, its own. */
function baseOf({ request }: GatewayRequest, { url }: GatewayContext): string {
  const own = url();
  const { host } = request.headers;
  const isTcp = request.socket.remoteAddress !== undefined;
  if (isTcp && host !== undefined) return `http://${host}`;
  if (own !== undefined) return own;
  throw new ProtocolError("PROTOCOL_UNSUPPORTED", "cards have addresses: control.listen is off");
}

function interfaceOf(value: JsonValue): CardInterface {
  const { url, protocolBinding, protocolVersion } = isObject(value) ? value : {};
  const text = (part: JsonValue | undefined) => (typeof part === "string" ? part : "");
  return {
    url: text(url),
    protocolBinding: text(protocolBinding),
    protocolVersion: text(protocolVersion),
  };
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

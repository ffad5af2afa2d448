/** `gridmesh://` for callers that use A2A's SDK: what it says over HTTP goes over a channel instead. */

import type { TransportFactory } from "@a2a-js/sdk/client";
import { type JsonValue, ProtocolError } from "@gridmesh/protocol";
import { a2aFailure } from "../route/a2a-errors.ts";
import { exchangeA2a, type A2aExchange, type OpenA2a } from "./a2a-exchange.ts";
import { A2A_BINDING } from "./card.ts";

/** Opens a channel to `<PeerId>:<agent>`. */
export type OpenTo = (reference: string) => OpenA2a;

/** A transport for `ClientFactory`: `transports: [await a2aTransport(node)]`. */
export async function channelTransportFactory(openTo: OpenTo): Promise<TransportFactory> {
  const { JsonRpcTransportFactory } = await import("@a2a-js/sdk/client");
  return {
    protocolName: A2A_BINDING,
    create(url, card) {
      const open = openTo(referenceOf(url));
      const fetchImpl: typeof fetch = (_url, init) => fetchOver(open, init ?? {});
      return new JsonRpcTransportFactory({ fetchImpl }).create(url, card);
    },
  };
}

/** `gridmesh://<PeerId>/<agent>` → `<PeerId>:<agent>`. @throws ADDRESS_INVALID. */
function referenceOf(url: string): string {
  const [, nodeId, agent] = /^gridmesh:\/\/([^/:]+)\/([^/]+)$/.exec(url) ?? [];
  if (nodeId !== undefined && agent !== undefined) return `${nodeId}:${agent}`;
  throw new ProtocolError("ADDRESS_INVALID", `"${url.slice(0, 120)}" is no gridmesh:// address`);
}

async function fetchOver(open: OpenA2a, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  const body = typeof init.body === "string" ? init.body : "";
  try {
    const exchange = await exchangeA2a(open, {
      body,
      version: headers.get("a2a-version") ?? undefined,
      extensions: headers.get("a2a-extensions") ?? undefined,
      signal: init.signal ?? undefined,
    });
    return responseOf(exchange);
  } catch (error) {
    if (init.signal?.aborted === true) throw init.signal.reason;
    return jsonResponse(JSON.stringify(a2aFailure(idIn(body), error)));
  }
}

function responseOf(exchange: A2aExchange): Response {
  if (exchange.kind === "accepted") return new Response(null, { status: 202 });
  if (exchange.kind === "answer") return jsonResponse(exchange.line);
  const body = ReadableStream.from(events(exchange.lines)).pipeThrough(new TextEncoderStream());
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

async function* events(lines: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  for await (const line of lines) yield `data: ${line}\n\n`;
}

function jsonResponse(text: string): Response {
  return new Response(text, { headers: { "content-type": "application/json" } });
}

function idIn(body: string): JsonValue {
  return (JSON.parse(body) as { readonly id?: JsonValue }).id ?? null;
}

/** `fetch` that judges the address of each connection it really makes. */

import type { LookupAddress, LookupOptions } from "node:dns";
import type { IncomingMessage, RequestOptions } from "node:http";
import type { Readable } from "node:stream";
import { isProtocolError, messageOf, ProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import { type AddressJudge, forbidden, httpUrl, isPublicAddress, learnedUrl } from "./ssrf.ts";

export interface GuardedFetchOptions {
  /**
   * `learned`: URLs that others told, which reach the open internet alone. `operator`: those of the node's own settings,
   * which may be anywhere but lead to no other origin.
   */
  readonly from: "learned" | "operator";
  /** Which addresses others may name; default those of the open internet. */
  readonly judge?: AddressJudge | undefined;
  /** Default: the system's. */
  readonly resolve?: ((name: string) => Promise<readonly LookupAddress[]>) | undefined;
  /** Bytes of an answer that is no stream of events; default that of a line. */
  readonly maxBytes?: number | undefined;
}

/** @throws (by the promise) UPSTREAM_FORBIDDEN, UPSTREAM_FAILED, and the signal's reason. */
export function guardedFetch(options: GuardedFetchOptions): typeof fetch {
  return async (input, init) => {
    const first = httpUrl(input instanceof Request ? input.url : String(input));
    const request = new Request(input instanceof Request ? input : first, init);
    let body: Uint8Array | undefined;
    if (request.body !== null) body = new Uint8Array(await request.arrayBuffer());
    return follow(options, { request, body, redirect: init?.redirect ?? "follow" });
  };
}

interface Asked {
  readonly request: Request;
  readonly body: Uint8Array | undefined;
  readonly redirect: "follow" | "error" | "manual";
}

const MOST_REDIRECTS = 3;
const MOVED: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Those that keep method and body; the others would make a call a mere look. */
const KEEPS_METHOD: ReadonlySet<number> = new Set([307, 308]);

async function follow(options: GuardedFetchOptions, { request, body, redirect }: Asked): Promise<Response> {
  const first = httpUrl(request.url);
  let url = first;
  for (let hops = 0; ; hops += 1) {
    const answer = await exchange(options, url, { request, body, sameOrigin: url.origin === first.origin });
    const next = answer.headers.get("location");
    if (!MOVED.has(answer.status) || next === null || redirect === "manual") return answer;
    await answer.body?.cancel();
    if (redirect === "error" || hops >= MOST_REDIRECTS) throw forbidden(url);
    url = nextUrl(next, {
      from: options.from,
      first,
      url,
      keeps: body === undefined || KEEPS_METHOD.has(answer.status),
    });
  }
}

/** @throws UPSTREAM_FORBIDDEN where the redirect leads too far. */
function nextUrl(
  location: string,
  { from, first, url, keeps }: { from: GuardedFetchOptions["from"]; first: URL; url: URL; keeps: boolean },
): URL {
  if (!URL.canParse(location, url.href)) throw forbidden(url);
  const target = new URL(location, url.href);
  if (!keeps || (from === "operator" && target.origin !== first.origin)) throw forbidden(target);
  return target;
}

interface Exchange {
  readonly request: Request;
  readonly body: Uint8Array | undefined;
  readonly sameOrigin: boolean;
}

async function exchange(options: GuardedFetchOptions, to: URL, asked: Exchange): Promise<Response> {
  const url = options.from === "learned" ? learnedUrl(to.href, options.judge) : httpUrl(to.href);
  const { request, body, sameOrigin } = asked;
  const headers: Record<string, string> = Object.fromEntries(request.headers);
  // A right to one place is none to another.
  if (!sameOrigin) for (const name of ["authorization", "cookie"]) delete headers[name];
  if (body !== undefined) headers["content-length"] = String(body.length);
  const [{ request: begin }, { Readable: Stream }] = await Promise.all([
    url.protocol === "https:" ? import("node:https") : import("node:http"),
    import("node:stream"),
  ]);
  const { signal } = request;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(signal.aborted ? (signal.reason as Error) : upstreamError(error));
    const wish: RequestOptions = {
      method: request.method,
      headers,
      signal,
      // One connection per request: none outlives the judgement of its address.
      agent: false,
      timeout: SILENCE_MS,
      lookup: lookupFor(options),
    };
    const outgoing = begin(url, wish, (response) => {
      const toWeb = () => Stream.toWeb(response) as ReadableStream<Uint8Array>;
      resolve(responseOf(response, { toWeb, maxBytes: options.maxBytes ?? nodeLimits.rpcLineBytes }));
    });
    outgoing.once("error", fail);
    outgoing.once("timeout", () => {
      if (!outgoing.headersSent || outgoing.socket?.connecting === true)
        outgoing.destroy(new Error("no connection in time"));
    });
    outgoing.end(body);
  });
}

const SILENCE_MS = 10_000;

function upstreamError(error: Error): ProtocolError {
  const known = isProtocolError(error) ? error : isProtocolError(error.cause) ? error.cause : undefined;
  if (known !== undefined) return known;
  return new ProtocolError("UPSTREAM_FAILED", messageOf(error), { cause: error });
}

type LookupDone = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/** What the socket asks for right before it connects: a name that means something else now is judged by that. */
function lookupFor({ from, resolve = systemResolve, judge = isPublicAddress }: GuardedFetchOptions) {
  return (name: string, { all }: LookupOptions, done: LookupDone): void => {
    resolve(name).then(
      (addresses) => {
        const [first] = addresses;
        if (first === undefined) return done(new Error(`${name} has no address`), "");
        if (from === "learned" && !addresses.every(({ address }) => judge(address))) {
          return done(new ProtocolError("UPSTREAM_FORBIDDEN", `${name} is no address to be sent to`), "");
        }
        if (all === true) done(null, [...addresses]);
        else done(null, first.address, first.family);
      },
      (error: Error) => done(error, ""),
    );
  };
}

async function systemResolve(name: string): Promise<readonly LookupAddress[]> {
  const { lookup } = await import("node:dns/promises");
  return lookup(name, { all: true });
}

function responseOf(
  response: IncomingMessage & Readable,
  { toWeb, maxBytes }: { readonly toWeb: () => ReadableStream<Uint8Array>; readonly maxBytes: number },
): Response {
  const headers = new Headers();
  for (let at = 0; at + 1 < response.rawHeaders.length; at += 2) {
    headers.append(response.rawHeaders[at] ?? "", response.rawHeaders[at + 1] ?? "");
  }
  const status = response.statusCode ?? 502;
  const events = headers.get("content-type")?.startsWith("text/event-stream") === true;
  // What a status forbids to have a body has none.
  const body = [101, 204, 205, 304].includes(status)
    ? null
    : events
      ? toWeb()
      : toWeb().pipeThrough(bounded(maxBytes));
  if (body === null) response.resume();
  return new Response(body, { status, headers });
}

function bounded(maxBytes: number): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.length;
      if (bytes > maxBytes)
        controller.error(new ProtocolError("FRAME_TOO_LARGE", "the answer is over the limit"));
      else controller.enqueue(chunk);
    },
  });
}

/** What a request must be before anything of it is read: meant for this listener, from no stranger's page, from a caller. */

import type { IncomingHttpHeaders } from "node:http";
import { type ErrorCode, ProtocolError } from "@gridmesh/protocol";
import { LOOPBACK_NAMES, onlyHost } from "../listening.ts";
import { type KnownToken, reaches, type Tokens } from "./guard-tokens.ts";

/** The head of a request, as node:http has it. */
export interface Asked {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
}

export interface GuardRules {
  /** That is listened on. */
  readonly port: number;
  /** `host:port` of stated proxies. */
  readonly proxies: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly auth: "token" | "none";
  readonly tokens: Tokens;
}

/** On whose behalf a request came. */
export interface GatewayCaller {
  /** Absent: the operator, over the unix socket or with the token of this start. */
  readonly token?: string | undefined;
  readonly anonymous: boolean;
  readonly scope: "read" | "agent" | "admin" | "none";
  /** Whether it may ask for this agent at all; the agent's own access is judged where it lives. */
  readonly mayReach: (reference: string) => boolean;
}

/** Whoever may open the unix socket. */
export const operator: GatewayCaller = { anonymous: false, scope: "admin", mayReach: () => true };

const nobody: GatewayCaller = { anonymous: true, scope: "none", mayReach: () => true };

/** Path and query of a request that passed, and who sent it. */
export interface Admitted {
  readonly caller: GatewayCaller;
  readonly path: string;
  readonly query: URLSearchParams;
}

/** A request that is turned away, with its HTTP status. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly error: ProtocolError;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, error: ProtocolError, headers: Readonly<Record<string, string>> = {}) {
    super(error.message);
    this.status = status;
    this.error = error;
    this.headers = headers;
  }
}

/** Judges a request's head, in this order: Host, Origin, Sec-Fetch-Site, token, Content-Type. @throws Refusal. */
export function admit(asked: Asked, rules: GuardRules): Admitted {
  const { authority, path, query } = targetOf(asked);
  const host = checkHost(asked, authority, rules);
  checkOrigin(asked, { host, path }, rules);
  const site = asked.headers["sec-fetch-site"];
  if (site !== undefined && site !== "none" && site !== "same-origin") {
    throw refusal(403, "UNAUTHORIZED", "a page of another site may not ask");
  }
  const caller = callerOf(asked, rules);
  checkType(asked, path);
  return { caller, path, query };
}

const WITH_BODY = new Set(["POST", "PUT", "PATCH"]);

/** Where a body is JSON, it says so. @throws Refusal. */
export function checkType(asked: Asked, path: string): void {
  if (!WITH_BODY.has(asked.method ?? "")) return;
  const [type = ""] = (asked.headers["content-type"] ?? "").split(";");
  const plain = type.trim().toLowerCase();
  // A request without a body has no type; it is refused by who reads it.
  if (plain === "" && isEmpty(asked)) return;
  if (plain === "application/json" || (plain === "application/a2a+json" && path.startsWith("/a2a/"))) return;
  throw refusal(415, "INVALID_REQUEST", "the body must be application/json");
}

function isEmpty({ headers }: Asked): boolean {
  return (headers["content-length"] ?? "0") === "0" && headers["transfer-encoding"] === undefined;
}

/** The parts of a request's target; one in absolute form names its host by itself. @throws Refusal. */
export function targetOf({ url = "/" }: Asked): {
  readonly authority: string | undefined;
  readonly path: string;
  readonly query: URLSearchParams;
} {
  const absolute = !url.startsWith("/");
  if (!URL.canParse(absolute ? url : `http://x${url}`))
    throw refusal(400, "INVALID_REQUEST", "this is no target");
  const parsed = new URL(absolute ? url : `http://x${url}`);
  const named = parsed.port === "" ? parsed.hostname : `${parsed.hostname}:${parsed.port}`;
  return { authority: absolute ? named : undefined, path: parsed.pathname, query: parsed.searchParams };
}

function checkHost({ rawHeaders }: Asked, authority: string | undefined, rules: GuardRules): string {
  const host = onlyHost(rawHeaders);
  if (host === undefined) throw refusal(400, "INVALID_REQUEST", "a request has exactly one Host");
  // A target in absolute form takes the header's place.
  for (const name of authority === undefined ? [host] : [host, authority]) {
    if (!ownNames(rules).has(name)) {
      throw refusal(
        421,
        "UNAUTHORIZED",
        "this listener is asked for as 127.0.0.1, localhost or [::1] with its port",
      );
    }
  }
  return host;
}

function ownNames({ port, proxies }: GuardRules): ReadonlySet<string> {
  return new Set([...[...LOOPBACK_NAMES].map((name) => `${name}:${port}`), ...proxies]);
}

function checkOrigin(
  { headers }: Asked,
  { host, path }: { readonly host: string; readonly path: string },
  { allowedOrigins, proxies }: GuardRules,
): void {
  const { origin } = headers;
  if (origin === undefined || origin === `http://${host}`) return;
  // Other pages may be let in to agents, never to the control API.
  if (!path.startsWith("/v1/") && allowedOrigins.includes(origin)) return;
  // Behind a proxy that ends TLS, a page of our own has the proxy's name.
  if (proxies.includes(host) && origin === `https://${host.replace(/:443$/, "")}`) return;
  throw refusal(403, "UNAUTHORIZED", "pages of this origin may not ask; see gateway.allowedOrigins");
}

function callerOf({ headers }: Asked, { auth, tokens }: GuardRules): GatewayCaller {
  const { authorization } = headers;
  if (authorization === undefined && auth === "none") return nobody;
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1] ?? "";
  const token = tokens.find(given);
  if (token === undefined) {
    const why = authorization === undefined ? "a token is needed" : "this token is nobody's";
    const error = new ProtocolError(
      "CONTROL_UNAUTHORIZED",
      `${why}; the home folder's control.token holds one`,
    );
    throw new Refusal(401, error, { "www-authenticate": 'Bearer realm="gridmesh"' });
  }
  return callerWith(token);
}

function callerWith(token: KnownToken): GatewayCaller {
  if (token.name === "control") return operator;
  return {
    token: token.name,
    anonymous: false,
    scope: token.scope,
    mayReach: (reference) => reaches(token, reference),
  };
}

function refusal(status: number, code: ErrorCode, message: string): Refusal {
  return new Refusal(status, new ProtocolError(code, message));
}

/** MCP of 2025-11-25 and before over HTTP: sessions, which belong to whoever began them. */

import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "@gridmesh/node";
import { ProtocolError, toProtocolError } from "@gridmesh/protocol";
import { Refusal } from "./guard.ts";
import { sendEmpty } from "./listener-http.ts";
import type { GatewayRequest } from "./listener-types.ts";
import { type McpMessage, type McpRequest, refusalOf, RequestRefusal } from "./mcp-message.ts";
import { McpSession } from "./mcp-session.ts";
import type { McpTarget } from "./mcp-target.ts";

const SESSION_BYTES = 24;
const MOST_SESSIONS = 256;
/** Of one token. */
const MOST_OF_ONE = 128;
const IDLE_MS = 300_000;
const LOOK_MS = 15_000;
const LEGACY_VERSIONS: ReadonlySet<string> = new Set([
  "2024-11-05",
  "2025-03-26",
  "2025-06-18",
  "2025-11-25",
]);

interface Held {
  readonly session: McpSession;
  /** Whose it is. */
  readonly holder: string;
  /** With whom; undefined: the meta-agent. */
  readonly reference: string | undefined;
}

export class LegacySessions implements Disposable {
  readonly #held = new Map<string, Held>();
  readonly #clock: Clock;
  #look: Disposable;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#look = clock.timer(LOOK_MS, () => this.#endIdle());
  }

  /** A POST of one message. @throws Refusal, RequestRefusal, ProtocolError before anything was answered. */
  async post(asked: GatewayRequest, message: McpMessage, target: McpTarget): Promise<void> {
    if (message.kind === "request" && message.method === "initialize")
      return this.#begin(asked, message, target);
    try {
      const session = this.#named(asked, target);
      if (message.kind === "request") return session.ask(message, asked.response);
      session.tell(message);
      sendEmpty(asked.response, 202);
    } catch (error) {
      const refusal = error instanceof Refusal ? error : refused(error);
      throw message.kind === "request" ? new RequestRefusal(refusal, message.id) : refusal;
    }
  }

  /** A GET: the session's stream for what belongs to no request. @throws Refusal. */
  listen(asked: GatewayRequest, target: McpTarget): void {
    if (idOf(asked.request.headers) === undefined) throw notAllowed();
    this.#named(asked, target).listen(asked.response);
  }

  /** A DELETE. @throws Refusal. */
  end(asked: GatewayRequest, target: McpTarget): void {
    if (idOf(asked.request.headers) === undefined) throw notAllowed();
    this.#named(asked, target).end();
    sendEmpty(asked.response, 204);
  }

  async #begin(asked: GatewayRequest, message: McpRequest, target: McpTarget): Promise<void> {
    const { response } = asked;
    this.#makeRoom(asked);
    const gone = new AbortController();
    const leave = () => gone.abort(new ProtocolError("CALL_CANCELLED", "the caller closed"));
    response.once("close", leave);
    const channel = await target.open("session", gone.signal);
    response.off("close", leave);
    const id = randomBytes(SESSION_BYTES).toString("base64url");
    const session = new McpSession({ id, channel, clock: this.#clock, onEnd: () => this.#held.delete(id) });
    this.#held.set(id, { session, holder: holderOf(asked), reference: target.reference });
    session.ask(message, response, { "mcp-session-id": id });
  }

  /** @throws Refusal 400 without a session's id or with a revision nobody speaks, 404 for one that is not the caller's. */
  #named(asked: GatewayRequest, target: McpTarget): McpSession {
    const { headers } = asked.request;
    const id = idOf(headers);
    if (id === undefined) {
      throw new Refusal(
        400,
        new ProtocolError("INVALID_REQUEST", "a session begins with initialize; then Mcp-Session-Id"),
      );
    }
    const held = this.#held.get(id);
    if (held === undefined || held.holder !== holderOf(asked) || held.reference !== target.reference) {
      const data = { reason: "session_not_found" };
      throw new Refusal(
        404,
        new ProtocolError("INVALID_REQUEST", "no such session: initialize again", { data }),
      );
    }
    const version = headers["mcp-protocol-version"];
    const known = [...LEGACY_VERSIONS, ...held.session.versions];
    if (version !== undefined && !known.includes(String(version).trim())) {
      throw new Refusal(
        400,
        new ProtocolError("INVALID_REQUEST", `MCP-Protocol-Version ${String(version).slice(0, 40)}`),
      );
    }
    return held.session;
  }

  #endIdle(): void {
    for (const { session } of this.#held.values()) if (session.idleMs >= IDLE_MS) session.end();
    this.#look = this.#clock.timer(LOOK_MS, () => this.#endIdle());
  }

  /** Whoever has many gives up its own, not others'. @throws TOO_MANY_STREAMS when all of them are at work. */
  #makeRoom(asked: GatewayRequest): void {
    const all = [...this.#held.values()];
    const own = all.filter(({ holder }) => holder === holderOf(asked));
    const full = own.length >= MOST_OF_ONE ? own : all.length >= MOST_SESSIONS ? all : [];
    if (full.length === 0) return;
    const idle = full.map(({ session }) => session).filter(({ isIdle }) => isIdle);
    const [longest] = idle.toSorted((a, b) => b.idleMs - a.idleMs);
    if (longest === undefined)
      throw new ProtocolError("TOO_MANY_STREAMS", `${full.length} sessions are at work`);
    longest.end();
  }

  [Symbol.dispose](): void {
    this.#look[Symbol.dispose]();
    for (const { session } of this.#held.values()) session.end();
  }
}

function idOf(headers: IncomingHttpHeaders): string | undefined {
  const id = headers["mcp-session-id"];
  return Array.isArray(id) ? id[0] : id;
}

function holderOf({ caller }: GatewayRequest): string {
  if (caller.anonymous) return "anonymous";
  return caller.token === undefined ? "operator" : `token ${caller.token}`;
}

function notAllowed(): Refusal {
  return new Refusal(
    405,
    new ProtocolError("INVALID_REQUEST", "POST begins; GET and DELETE are a session's"),
    {
      allow: "POST",
    },
  );
}

function refused(error: unknown): Refusal {
  const known = toProtocolError(error, "INTERNAL_ERROR");
  return known.code === "INVALID_REQUEST" ? new Refusal(400, known) : refusalOf(known);
}

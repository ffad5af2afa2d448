/** A conversation in lines with an MCP agent at an HTTP address: each line a POST, each answer and event a line. */

import {
  editMembers,
  isProtocolError,
  type JsonObject,
  type JsonValue,
  messageOf,
  ProtocolError,
  rpcFailure,
} from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { ToolMarks } from "./mcp-param-headers.ts";
import { isObject, META, objectIn } from "./mcp-words.ts";
import { messagesIn, type StreamPlace } from "./remote-http-events.ts";

export interface HttpLinesOptions {
  readonly url: string;
  readonly fetch: typeof fetch;
  /** The operator's own credentials there; asked anew for each request. */
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
  readonly log: Log;
  readonly clock: Pick<Clock, "sleep">;
  /** Told of each message, in the order it came on its own stream. */
  readonly onLine: (text: string, message: JsonObject) => void;
  /** The session over there is no more. */
  readonly onLost: () => void;
}

/** What the caller of one line is owed. */
interface Owed {
  readonly id: JsonValue;
  readonly stop: AbortController;
  answered: boolean;
}

/** Statuses whose own words count: everything else is trouble on the way. */
const TELLING: ReadonlySet<number> = new Set([400, 404, 405]);
/** So it never arrived. */
const NOT_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);
const NAMED_BY = new Map([
  ["tools/call", "name"],
  ["prompts/get", "name"],
  ["resources/read", "uri"],
  ["tasks/get", "taskId"],
  ["tasks/update", "taskId"],
  ["tasks/cancel", "taskId"],
]);
/** Times one answer's stream is asked for again, and the wait where the agent names none. */
const MOST_RESUMES = 5;
const RETRY_MS = 1_000;
/** A notification is taken within this. */
const NOTE_MS = 10_000;
/** Pages of a list of tools that are read for one tool. */
const MOST_PAGES = 16;

export class HttpLines {
  readonly #options: HttpLinesOptions;
  readonly #owed = new Map<JsonValue, Owed>();
  readonly #over = new AbortController();
  readonly #marks = new ToolMarks();
  /** Notifications arrive before what is said after them. */
  #before: Promise<void> = Promise.resolve();
  #session: string | undefined;
  #version: string | undefined;
  #listening = false;

  constructor(options: HttpLinesOptions) {
    this.#options = options;
  }

  send(line: string): void {
    const message = parsed(line);
    if (message === undefined) return;
    const { id, method } = message;
    if (method === "notifications/cancelled" && this.#cancel(message)) return;
    if (id !== undefined && typeof method === "string") return void this.#ask(line, message, id);
    const sent = this.#before.then(() => this.#tell(line, message));
    this.#before = sent;
  }

  calm(): Promise<void> {
    return Promise.resolve();
  }

  /** Ends the session over there, and everything under way. */
  async close(): Promise<void> {
    if (this.#over.signal.aborted) return;
    const session = this.#session;
    this.#over.abort(new ProtocolError("AGENT_UNAVAILABLE", "the conversation has ended"));
    if (session === undefined) return;
    const { fetch: send, url } = this.#options;
    const headers = await this.#headers(undefined).catch(() => undefined);
    if (headers === undefined) return;
    await send(url, { method: "DELETE", headers }).then(
      (answer) => answer.body?.cancel(),
      () => undefined,
    );
  }

  async #ask(line: string, message: JsonObject, id: JsonValue): Promise<void> {
    const owed: Owed = { id, stop: new AbortController(), answered: false };
    this.#owed.set(id, owed);
    try {
      await this.#before;
      await this.#learnTool(message, owed.stop.signal);
      const answer = await this.#post(line, message, owed.stop.signal);
      const place: StreamPlace = {};
      await this.#read(answer, { owed, message, place });
      await this.#resume(owed, place);
      if (!owed.answered) throw new ProtocolError("UPSTREAM_FAILED", "the answer did not come");
    } catch (error) {
      if (!owed.answered && !owed.stop.signal.aborted) this.#fail(id, error);
    } finally {
      this.#owed.delete(id);
    }
  }

  async #tell(line: string, message: JsonObject): Promise<void> {
    const told = new AbortController();
    const late = new AbortController();
    // What is said after it waits for it.
    this.#options.clock.sleep(NOTE_MS, told.signal).then(
      () => late.abort(new ProtocolError("CALL_TIMEOUT", "a notification was not taken in time")),
      () => undefined,
    );
    try {
      const answer = await this.#post(line, message, late.signal);
      await answer.body?.cancel();
      if (message["method"] === "notifications/initialized") void this.#listen();
    } catch (error) {
      this.#options.log.debug("remote.notification", messageOf(error));
    } finally {
      told.abort();
    }
  }

  async #post(line: string, message: JsonObject, signal: AbortSignal): Promise<Response> {
    const { fetch: send, url } = this.#options;
    const headers = await this.#headers(message);
    return send(url, {
      method: "POST",
      headers: {
        ...headers,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      body: line,
      signal: AbortSignal.any([signal, this.#over.signal]),
    });
  }

  /** A session's stream that ended early is asked for again, from where it stood. */
  async #resume(owed: Owed, place: StreamPlace): Promise<void> {
    const { fetch: send, url, clock } = this.#options;
    const signal = AbortSignal.any([owed.stop.signal, this.#over.signal]);
    for (let times = 0; times < MOST_RESUMES && !owed.answered; times += 1) {
      const { lastEventId, retryMs = RETRY_MS } = place;
      if (lastEventId === undefined || this.#session === undefined) return;
      await clock.sleep(retryMs, signal);
      const own = await this.#headers(undefined);
      const headers = { ...own, accept: "text/event-stream", "last-event-id": lastEventId };
      const answer = await send(url, { headers, signal });
      if (!answer.ok) return await answer.body?.cancel();
      for await (const text of messagesIn(answer, place)) {
        this.#hear(text, owed);
        // The stream goes on for others; this one has what it came for.
        if (owed.answered) break;
      }
    }
  }

  #hear(text: string, owed: Owed): void {
    const heard = parsed(text);
    if (heard === undefined) return;
    if (heard["method"] === undefined && heard["id"] === owed.id) owed.answered = true;
    this.#options.onLine(text, heard);
  }

  async #read(
    answer: Response,
    {
      owed,
      message,
      place,
    }: { readonly owed: Owed; readonly message: JsonObject; readonly place: StreamPlace },
  ): Promise<void> {
    await this.#checkPassed(answer);
    const started = message["method"] === "initialize" && answer.ok;
    if (started) this.#session = answer.headers.get("mcp-session-id") ?? undefined;
    if (!answer.ok) return this.#readRefusal(answer, owed);
    for await (const text of messagesIn(answer, place)) {
      const heard = parsed(text);
      if (heard === undefined) continue;
      if (heard["method"] === undefined && heard["id"] === owed.id) {
        owed.answered = true;
        if (started) this.#version = versionIn(heard);
        if (message["method"] === "tools/list" && isModern(message)) {
          this.#tellTools(text, heard);
          continue;
        }
      }
      this.#options.onLine(text, heard);
    }
  }

  /** Tools that ask for headers as they must not are none that can be called. */
  #tellTools(text: string, heard: JsonObject): void {
    const kept = this.#marks.hear(objectIn(heard, "result"));
    if (kept === undefined) return this.#options.onLine(text, heard);
    const line = editMembers(text, [{ path: ["result", "tools"], text: JSON.stringify(kept["tools"]) }]);
    this.#options.onLine(line, { ...heard, result: kept });
  }

  /** Before a tool is called its list must have been read: it says which arguments go into headers too. */
  async #learnTool(message: JsonObject, signal: AbortSignal): Promise<void> {
    const name = message["method"] === "tools/call" ? objectIn(message, "params")["name"] : undefined;
    if (typeof name !== "string" || !isModern(message) || this.#marks.knows(name)) return;
    const { progressToken: _token, ..._meta } = objectIn(message["params"], "_meta");
    let cursor: JsonValue | undefined;
    for (let page = 0; page < MOST_PAGES && !this.#marks.knows(name); page += 1) {
      const params = cursor === undefined ? { _meta } : { _meta, cursor };
      const asked = { jsonrpc: "2.0", id: `tools ${page}`, method: "tools/list", params };
      const result = await this.#listed(asked, signal);
      this.#marks.hear(result);
      cursor = result["nextCursor"];
      if (cursor === undefined) break;
    }
    if (!this.#marks.knows(name)) this.#marks.forget(name);
  }

  /** What fails here fails again at the call. */
  async #listed(asked: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    try {
      const answer = await this.#post(JSON.stringify(asked), asked, signal);
      for await (const text of messagesIn(answer)) {
        const heard = parsed(text);
        if (heard?.["id"] === asked["id"]) return objectIn(heard, "result");
      }
    } catch (error) {
      this.#options.log.debug("remote.tools", messageOf(error));
    }
    return {};
  }

  /** @throws AGENT_UNAVAILABLE, UPSTREAM_FAILED for what is no answer of the agent's. */
  async #checkPassed(answer: Response): Promise<void> {
    const { status } = answer;
    if (status === 404 && this.#session !== undefined) {
      await answer.body?.cancel();
      this.#options.onLost();
      throw new ProtocolError("AGENT_UNAVAILABLE", "the session over there has ended");
    }
    if (!answer.ok && !TELLING.has(status)) {
      await answer.body?.cancel();
      throw new ProtocolError("UPSTREAM_FAILED", `it answered with status ${status}`);
    }
  }

  /** A refusal in JSON-RPC is the agent's own; one without is at least the answer that it does not know this. */
  async #readRefusal(answer: Response, owed: Owed): Promise<void> {
    const text = await answer.text();
    const told = parsed(text.replaceAll(/[\r\n]+/g, " "));
    owed.answered = true;
    const id = JSON.stringify(owed.id);
    if (told === undefined || !isObject(told["error"])) {
      const error = { code: -32_601, message: `answered with status ${answer.status}` };
      const failure = { jsonrpc: "2.0", id: owed.id, error };
      return this.#options.onLine(JSON.stringify(failure), failure);
    }
    const line =
      told["id"] === undefined
        ? JSON.stringify({ ...told, id: owed.id })
        : editMembers(text, [{ path: ["id"], text: id }]);
    this.#options.onLine(line, { ...told, id: owed.id });
  }

  /** What it says when nobody has asked; few have such a stream. */
  async #listen(): Promise<void> {
    if (this.#listening || this.#over.signal.aborted) return;
    this.#listening = true;
    const { fetch: send, url, onLine, log } = this.#options;
    try {
      const headers = { ...(await this.#headers(undefined)), accept: "text/event-stream" };
      const answer = await send(url, { headers, signal: this.#over.signal });
      const events =
        answer.ok && answer.headers.get("content-type")?.startsWith("text/event-stream") === true;
      if (!events) return await answer.body?.cancel();
      for await (const text of messagesIn(answer)) {
        const heard = parsed(text);
        if (heard !== undefined) onLine(text, heard);
      }
    } catch (error) {
      if (!this.#over.signal.aborted) log.debug("remote.stream", messageOf(error));
    }
  }

  /** On a request of the newer revision, hanging up is the cancelling. */
  #cancel(message: JsonObject): boolean {
    const params = message["params"];
    const owed = isObject(params) ? this.#owed.get(params["requestId"] ?? null) : undefined;
    if (owed === undefined) return true;
    owed.stop.abort();
    return this.#session === undefined && this.#version === undefined;
  }

  #fail(id: JsonValue, error: unknown): void {
    const known = isProtocolError(error)
      ? error
      : new ProtocolError("UPSTREAM_FAILED", messageOf(error), { cause: error });
    this.#options.log.warn("remote.failed", known.message, { code: known.code });
    const failure = rpcFailure(id as string, told(known));
    this.#options.onLine(JSON.stringify(failure), failure);
  }

  async #headers(message: JsonObject | undefined): Promise<Record<string, string>> {
    const own = await this.#options.headers();
    const modern = message === undefined ? undefined : modernHeaders(message, this.#marks);
    if (modern !== undefined) return { ...own, ...modern };
    const kept = message?.["method"] === "initialize" ? undefined : this.#session;
    return {
      ...own,
      ...(this.#version === undefined ? {} : { "mcp-protocol-version": this.#version }),
      ...(kept === undefined ? {} : { "mcp-session-id": kept }),
    };
  }
}

/** What the newer revision wants said beside the body; undefined for a message of the older one. */
function modernHeaders({ method, params }: JsonObject, marks: ToolMarks): Record<string, string> | undefined {
  const version = objectIn(params, "_meta")[META.version];
  if (typeof version !== "string" || typeof method !== "string") return undefined;
  const name = isObject(params) ? params[NAMED_BY.get(method) ?? ""] : undefined;
  const mirrored = method === "tools/call" ? Object.entries(marks.headersOf(params)) : [];
  return {
    ...Object.fromEntries(mirrored.map(([header, value]) => [header, headerText(value)])),
    "mcp-protocol-version": version,
    "mcp-method": method,
    ...(typeof name === "string" ? { "mcp-name": headerText(name) } : {}),
  };
}

function isModern({ params }: JsonObject): boolean {
  return typeof objectIn(params, "_meta")[META.version] === "string";
}

/** What callers hear: where it is and why it fails is the operator's affair. */
function told(error: ProtocolError): ProtocolError {
  const code = (error.cause as { code?: unknown } | undefined)?.code;
  const unsent =
    error.code === "UPSTREAM_FORBIDDEN" || error.code === "AGENT_UNAVAILABLE" || NOT_SENT.has(String(code));
  return unsent
    ? new ProtocolError("AGENT_UNAVAILABLE", "the agent is out of reach")
    : new ProtocolError("AGENT_CRASHED", "the agent broke off");
}

const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const MARKED = /^=\?base64\?.*\?=$/i;

/** Headers hold printable ASCII; the rest travels in base64, marked. */
function headerText(text: string): string {
  if (PLAIN.test(text) && !MARKED.test(text)) return text;
  return `=?base64?${Buffer.from(text, "utf8").toString("base64")}?=`;
}

function versionIn(message: JsonObject): string | undefined {
  const version = isObject(message["result"]) ? message["result"]["protocolVersion"] : undefined;
  return typeof version === "string" ? version : undefined;
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as JsonValue;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** MCP of 2026-07-28 over HTTP: each request stands by itself and has one answer, with news before it. */

import type { ServerResponse } from "node:http";
import type { AgentChannel } from "@gridmesh/node";
import { ProtocolError, rpcFailure, toProtocolError } from "@gridmesh/protocol";
import { EventStream, sendEmpty, sendError, sendJson } from "./listener-http.ts";
import type { GatewayRequest } from "./listener-types.ts";
import { checkHeaders, checkMarks, checkMeta, MODERN_FROM } from "./mcp-headers.ts";
import {
  type McpMessage,
  type McpRequest,
  mcpRefusal,
  readLine,
  refusalOf,
  statusOfAnswer,
} from "./mcp-message.ts";
import type { McpTarget } from "./mcp-target.ts";

/** A call waits so long for the next sign of life, and in all. */
const QUIET_MS = 30_000;
const LONGEST_MS = 600_000;
/** After it was cancelled an agent has so long to end its side. */
const CANCEL_MS = 2_000;
const UNSUPPORTED_VERSION = -32_022;

/** Answers one message of the revisions without a session. @throws Refusal before anything was answered. */
export async function answerModern(
  asked: GatewayRequest,
  message: McpMessage,
  target: McpTarget,
): Promise<void> {
  const { request, response } = asked;
  if (message.kind !== "request") return sendEmpty(response, 202);
  const version = checkMeta(message);
  checkHeaders(message, version, request.headers);
  if (message.method === "tools/call") {
    checkMarks(await target.marks(message, request.headers), message.params, request.headers);
  }
  const gone = new AbortController();
  response.once("close", () => gone.abort(new ProtocolError("CALL_CANCELLED", "the caller closed")));
  const mode = message.method === "subscriptions/listen" ? "listen" : "call";
  const channel = await target.open(mode, gone.signal);
  checkVersion(version, channel);
  await new Exchange({ message, response, channel, target }).run(gone.signal);
}

/** An agent that names its revisions is asked in one of them. @throws Refusal 400 with −32022. */
function checkVersion(requested: string, channel: AgentChannel): void {
  const supported = channel.versions.filter((version) => version >= MODERN_FROM);
  if (supported.length === 0 || supported.includes(requested)) return;
  channel.end();
  throw mcpRefusal(400, {
    code: UNSUPPORTED_VERSION,
    message: `Unsupported protocol version: ${requested.slice(0, 40)}`,
    data: { supported, requested },
  });
}

interface ExchangeOptions {
  readonly message: McpRequest;
  readonly response: ServerResponse;
  readonly channel: AgentChannel;
  readonly target: McpTarget;
}

/** One request on its way: until its answer, its caller's leaving or its time is over. */
class Exchange {
  readonly #options: ExchangeOptions;
  readonly #endsAtMs = performance.now() + LONGEST_MS;
  #events: EventStream | undefined;
  #isOver = false;
  #quiet: NodeJS.Timeout | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  async run(gone: AbortSignal): Promise<void> {
    const { message, channel } = this.#options;
    const leave = () => this.#cancel();
    gone.addEventListener("abort", leave, { once: true });
    try {
      channel.send(message.line);
      this.#wait();
      for await (const line of channel.lines) {
        await this.#take(line);
        if (this.#isOver) break;
        this.#wait();
      }
      if (!this.#isOver) this.#fail(new ProtocolError("STREAM_RESET", "the agent gave no answer"));
    } catch (error) {
      this.#fail(toProtocolError(error, "STREAM_RESET"));
    } finally {
      clearTimeout(this.#quiet);
      gone.removeEventListener("abort", leave);
      channel.end();
    }
  }

  async #take(line: string): Promise<void> {
    const { message, response, target } = this.#options;
    const said = readLine(line);
    if (said === undefined || this.#isOver) return;
    if (said.kind === "notification") {
      this.#events ??= response.destroyed ? undefined : new EventStream(response);
      await this.#events?.send(line);
      return;
    }
    // An agent asks nothing in these revisions; an answer to nobody's question is dropped too.
    if (said.kind !== "answer" || said.id !== message.id) return;
    this.#isOver = true;
    target.heard(message, line);
    if (this.#events === undefined) {
      const status = said.error === undefined ? 200 : statusOfAnswer(said.error);
      sendJson(response, { status, text: line });
      return;
    }
    await this.#events.send(line);
    this.#events.end();
  }

  /** The caller closed its end: the agent is told, and what it still says is nobody's. */
  #cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#tellCancelled();
  }

  #tellCancelled(): void {
    const { message, channel } = this.#options;
    if (message.method === "subscriptions/listen") return channel.reset("the caller closed");
    try {
      const params = { requestId: message.id, reason: "the caller closed" };
      channel.send(JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params }));
      channel.end();
    } catch {
      // Whoever broke off need not be told.
    }
    const late = setTimeout(() => channel.reset("the caller closed"), CANCEL_MS);
    void channel.closed.finally(() => clearTimeout(late));
  }

  #wait(): void {
    clearTimeout(this.#quiet);
    if (this.#options.message.method === "subscriptions/listen") return;
    const leftMs = Math.min(QUIET_MS, this.#endsAtMs - performance.now());
    this.#quiet = setTimeout(() => {
      this.#fail(new ProtocolError("CALL_TIMEOUT", "the agent did not answer in time"));
      this.#tellCancelled();
    }, leftMs);
  }

  #fail(error: ProtocolError): void {
    const { message, response } = this.#options;
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#events === undefined) return sendError(response, refusalOf(error), message.id);
    void this.#events.send(JSON.stringify(rpcFailure(message.id, error)));
    this.#events.end();
  }
}

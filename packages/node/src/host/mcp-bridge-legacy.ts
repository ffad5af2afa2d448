/** A session of the older revision on an agent that has the modern one alone. */

import {
  type JsonObject,
  type JsonValue,
  ProtocolError,
  type RpcError,
  toRpcError,
} from "@gridmesh/protocol";
import { channelPair } from "../route/channel-pair.ts";
import type { AgentChannel } from "../route/channel.ts";
import { decodeMessage, type RpcMessage } from "../route/rpc-lines.ts";
import { CallerInputs, InputFailure } from "./mcp-inputs.ts";
import { tell } from "./mcp-tell.ts";
import { textAt, withMembers, withMeta, withoutReserved } from "./mcp-text.ts";
import { SessionWatch } from "./mcp-watch.ts";
import { isObject, LEGACY_VERSIONS, META, MODERN_VERSION, objectIn } from "./mcp-words.ts";

export interface ModernAgent {
  readonly name: string;
  /** A channel of this session's own: one for its calls, one for what it listens to. */
  readonly open: (mode: "call" | "listen") => Promise<AgentChannel>;
  /** The agent's answer to `server/discover`. */
  readonly discovered: JsonObject;
}

/** The near end speaks 2025-11-25 and older from `initialize` on; the agent hears 2026-07-28. @throws as `open`. */
export async function legacyFromModern(agent: ModernAgent): Promise<AgentChannel> {
  const calls = await agent.open("call");
  const [near, far] = channelPair({ era: calls.era, versions: LEGACY_VERSIONS });
  void new LegacyBridge(agent, calls, far).serve();
  return near;
}

type Id = string | number;
type Request = RpcMessage & { readonly kind: "request" };

/** One request of the caller's, over all its rounds. */
interface Call {
  readonly id: Id;
  readonly method: string;
  /** As the caller wrote them. */
  readonly params: string;
  agentId: number;
  rounds: number;
}

/** Times an agent may ask for input before one call is given up. */
const MOST_ROUNDS = 10;
const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
const NO_BATCH: RpcError = { code: -32_600, message: "a line holds one JSON-RPC message" };
const NOT_HERE: ReadonlySet<string> = new Set(["server/discover", "subscriptions/listen"]);

class LegacyBridge {
  readonly #agent: ModernAgent;
  readonly #calls: AgentChannel;
  readonly #caller: AgentChannel;
  readonly #capabilities: JsonObject;
  readonly #inputs: CallerInputs;
  readonly #watch: SessionWatch;
  readonly #byAgentId = new Map<number, Call>();
  readonly #byId = new Map<Id, Call>();
  #callerInfo: JsonValue | undefined;
  #level: string | undefined;
  #lastId = 0;
  #callerDone = false;
  #agentDone = false;

  constructor(agent: ModernAgent, calls: AgentChannel, caller: AgentChannel) {
    this.#agent = agent;
    this.#calls = calls;
    this.#caller = caller;
    this.#capabilities = objectIn(agent.discovered, "capabilities");
    const tell = (line: string) => this.#tell(line);
    this.#inputs = new CallerInputs(tell);
    this.#watch = new SessionWatch({
      open: () => agent.open("listen"),
      capabilities: this.#capabilities,
      tell,
    });
  }

  async serve(): Promise<void> {
    try {
      await Promise.all([this.#hearCaller(), this.#hearAgent()]);
      this.#calls.end();
      this.#caller.end();
    } catch {
      this.#calls.reset("the other side broke off");
      this.#caller.reset("the other side broke off");
    } finally {
      this.#inputs.end();
      this.#watch.end();
    }
  }

  async #hearCaller(): Promise<void> {
    for await (const line of this.#caller.lines) {
      this.#fromCaller(line, decodeMessage(line));
      await this.#calls.calm();
    }
    this.#callerDone = true;
    this.#inputs.end();
    this.#watch.end();
    this.#endIfDone();
  }

  async #hearAgent(): Promise<void> {
    for await (const line of this.#calls.lines) {
      this.#fromAgent(line, decodeMessage(line));
      await this.#caller.calm();
    }
    const ended = new ProtocolError("AGENT_CRASHED", "the agent ended before it answered");
    for (const id of this.#byId.keys()) this.#fail(id, toRpcError(ended));
    this.#byId.clear();
    this.#byAgentId.clear();
    this.#agentDone = true;
    this.#caller.end();
  }

  #fromCaller(line: string, message: RpcMessage): void {
    // That no answer follows was said by the channel's end.
    if (this.#agentDone) return;
    if (message.kind === "unreadable") return this.#fail(message.id, toRpcError(message.error));
    if (message.kind === "request") return this.#request(line, message);
    if (message.kind === "notification") return this.#note(message.method, message.params);
    if (message.kind !== "result" && message.kind !== "failure") return this.#fail(null, NO_BATCH);
    this.#inputs.answered(line, message.id, message.kind === "failure" ? errorIn(line) : undefined);
  }

  #note(method: string, params: JsonValue): void {
    if (method === "notifications/initialized") return this.#watch.begin();
    if (method !== "notifications/cancelled" || !isObject(params)) return;
    const call = this.#byId.get(params["requestId"] as Id);
    if (call === undefined) return;
    this.#over(call);
    this.#inputs.forget(call);
    const note = { ...params, requestId: call.agentId };
    this.#calls.send(JSON.stringify({ jsonrpc: "2.0", method, params: note }));
    this.#endIfDone();
  }

  #request(line: string, { id, method, params }: Request): void {
    if (this.#byId.has(id)) return this.#fail(id, { code: -32_600, message: "this id is under way already" });
    if (method === "initialize") return this.#initialize(id, params);
    if (method === "ping") return this.#answer(id, {});
    if (method === "logging/setLevel") return this.#setLevel(id, params);
    if (method === "resources/subscribe") {
      const uri = isObject(params) ? params["uri"] : undefined;
      void this.#watch.watch(uri).then((error) => (error ? this.#fail(id, error) : this.#answer(id, {})));
      return;
    }
    if (method === "resources/unsubscribe") {
      this.#watch.unwatch(isObject(params) ? params["uri"] : undefined);
      return this.#answer(id, {});
    }
    if (!isObject(params)) return this.#fail(id, { code: -32_602, message: "params are an object" });
    if (NOT_HERE.has(method)) return this.#fail(id, { code: -32_601, message: `no ${method} in a session` });
    const call: Call = { id, method, params: textAt(line, ["params"]) ?? "{}", agentId: 0, rounds: 0 };
    this.#byId.set(id, call);
    this.#ask(call, call.params);
  }

  #ask(call: Call, params: string): void {
    this.#byAgentId.delete(call.agentId);
    const agentId = (this.#lastId += 1);
    call.agentId = agentId;
    this.#byAgentId.set(agentId, call);
    const info = this.#callerInfo;
    const full = withMeta(params, {
      [META.version]: JSON.stringify(MODERN_VERSION),
      [META.capabilities]: JSON.stringify(this.#inputs.capabilities),
      ...(info === undefined ? {} : { [META.callerInfo]: JSON.stringify(info) }),
      ...(this.#level === undefined ? {} : { [META.logLevel]: JSON.stringify(this.#level) }),
    });
    this.#calls.send(
      `{"jsonrpc":"2.0","id":${agentId},"method":${JSON.stringify(call.method)},"params":${full}}`,
    );
  }

  #initialize(id: Id, params: JsonValue): void {
    const { discovered, name } = this.#agent;
    const given = isObject(params) ? params : {};
    const requested = given["protocolVersion"];
    this.#inputs.capabilities = objectIn(given, "capabilities");
    this.#callerInfo = isObject(given["clientInfo"]) ? given["clientInfo"] : undefined;
    const { extensions: _extensions, ...capabilities } = this.#capabilities;
    const own = objectIn(discovered, "_meta")[META.agentInfo];
    const { instructions } = discovered;
    const known = typeof requested === "string" && LEGACY_VERSIONS.includes(requested);
    this.#answer(id, {
      protocolVersion: known ? requested : (LEGACY_VERSIONS[0] ?? ""),
      capabilities,
      serverInfo: isObject(own) ? own : { name, version: "0" },
      ...(instructions === undefined ? {} : { instructions }),
    });
  }

  #setLevel(id: Id, params: JsonValue): void {
    const level = isObject(params) ? params["level"] : undefined;
    if (!isObject(this.#capabilities["logging"])) {
      return this.#fail(id, { code: -32_601, message: "the agent has no logging" });
    }
    if (typeof level !== "string" || !LEVELS.includes(level)) {
      return this.#fail(id, { code: -32_602, message: "params lack a level" });
    }
    this.#level = level;
    this.#answer(id, {});
  }

  #fromAgent(line: string, message: RpcMessage): void {
    if (message.kind === "notification") {
      const params = textAt(line, ["params"]);
      return this.#tell(params === undefined ? line : withMembers(line, { params: withoutReserved(params) }));
    }
    if (message.kind !== "result" && message.kind !== "failure") return;
    const call = this.#byAgentId.get(Number(message.id));
    if (call === undefined) return;
    const result = textAt(line, ["result"]);
    if (result !== undefined && textAt(result, ["resultType"]) === '"input_required"') {
      void this.#inputWanted(call, result);
      return;
    }
    this.#over(call);
    const own = { id: JSON.stringify(call.id) };
    this.#tell(withMembers(line, result === undefined ? own : { ...own, result: older(result) }));
    this.#endIfDone();
  }

  async #inputWanted(call: Call, result: string): Promise<void> {
    const requests = textAt(result, ["inputRequests"]);
    const requestState = textAt(result, ["requestState"]);
    try {
      call.rounds += 1;
      if (call.rounds > MOST_ROUNDS || (requests === undefined && requestState === undefined)) {
        throw new ProtocolError("HANDLER_FAILED", "the agent asks for input without an end");
      }
      const inputResponses = requests === undefined ? undefined : await this.#inputs.ask(call, requests);
      if (this.#byId.get(call.id) !== call) return;
      this.#ask(call, withMembers(call.params, { inputResponses, requestState }));
    } catch (error) {
      if (this.#byId.get(call.id) !== call) return;
      this.#over(call);
      this.#inputs.forget(call);
      this.#fail(call.id, error instanceof InputFailure ? error.rpc : toRpcError(error));
    }
  }

  #over(call: Call): void {
    this.#byAgentId.delete(call.agentId);
    this.#byId.delete(call.id);
  }

  #answer(id: Id, result: JsonObject): void {
    this.#tell(JSON.stringify({ jsonrpc: "2.0", id, result }));
  }

  #fail(id: Id | null, error: RpcError): void {
    this.#tell(JSON.stringify({ jsonrpc: "2.0", id, error }));
    this.#endIfDone();
  }

  #tell(line: string): void {
    tell(this.#caller, line);
  }

  #endIfDone(): void {
    if (this.#callerDone && this.#byId.size === 0) this.#calls.end();
  }
}

/** What a caller said in place of a result, as it said it. */
function errorIn(line: string): RpcError {
  const error = JSON.parse(textAt(line, ["error"]) ?? "null") as JsonValue;
  const { code, message, data } = isObject(error) ? error : {};
  return {
    code: typeof code === "number" ? code : -32_603,
    message: typeof message === "string" ? message : "the caller refused",
    ...(data === undefined ? {} : { data }),
  };
}

/** A result as the older revision has it. */
function older(result: string): string {
  if (!result.startsWith("{")) return result;
  const bare = withMembers(result, { resultType: undefined, ttlMs: undefined, cacheScope: undefined });
  return withoutReserved(bare);
}

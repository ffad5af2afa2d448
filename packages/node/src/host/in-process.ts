/** An agent in the node's own process: its methods in a Map, its tools in MCP's shape. */

import {
  isCapability,
  isProtocolError,
  type JsonObject,
  type JsonValue,
  ProtocolError,
  toProtocolError,
} from "@gridmesh/protocol";
import type { Access, AgentDefinition, CallContext, MethodHandler, ToolDefinition } from "../agent.ts";
import type { AgentChannel, ChannelContext, ChannelOpening } from "../route/channel.ts";
import type { AgentState, LocalAgent } from "../route/types.ts";
import { checkClaims } from "../claims.ts";
import { nodeLimits } from "../limits.ts";
import { wordsOf } from "../words.ts";

/** A hosted agent with its life. */
export interface HostedAgent extends LocalAgent {
  readonly definition: AgentDefinition;
  /** Calls of it under way. */
  readonly inFlight: number;
  readonly callsTotal: number;
  readonly errorsTotal: number;
  /** Why it failed to start. */
  readonly reason: string | undefined;
  become(state: AgentState, reason?: string): void;
  /** Resolves once no call of it is under way. */
  idle(): Promise<void>;
}

export interface HostOptions {
  readonly name: string;
  readonly agentId: string;
  readonly access: Access;
  readonly definition: AgentDefinition;
}

/** @throws INVALID_PARAMS when the definition is none. */
export function hostInProcess(options: HostOptions): HostedAgent {
  checkDefinition(options.name, options.definition);
  return new InProcessAgent(options);
}

class InProcessAgent implements HostedAgent {
  readonly name: string;
  readonly agentId: string;
  readonly access: Access;
  readonly definition: AgentDefinition;
  readonly capabilities: readonly string[];
  state: AgentState = "starting";
  reason: string | undefined;
  inFlight = 0;
  callsTotal = 0;
  errorsTotal = 0;
  readonly #methods: ReadonlyMap<string, MethodHandler>;
  readonly #idlers: (() => void)[] = [];

  constructor({ name, agentId, access, definition }: HostOptions) {
    this.name = name;
    this.agentId = agentId;
    this.access = access;
    this.definition = definition;
    this.capabilities = wordsIn(definition);
    this.#methods = methodsOf(definition);
  }

  become(state: AgentState, reason?: string): void {
    this.state = state;
    this.reason = reason;
  }

  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idlers.push(resolve));
  }

  async call(method: string, params: JsonValue, context: CallContext): Promise<JsonValue> {
    this.callsTotal += 1;
    try {
      return await this.#run(method, params, context);
    } catch (error) {
      this.errorsTotal += 1;
      throw error;
    }
  }

  open({ proto, mode }: ChannelOpening, _context: ChannelContext): Promise<AgentChannel> {
    return Promise.reject(
      new ProtocolError("PROTOCOL_UNSUPPORTED", `agent ${this.name} has no ${mode} of ${proto}`),
    );
  }

  async #run(method: string, params: JsonValue, context: CallContext): Promise<JsonValue> {
    const { name, state } = this;
    if (state !== "ready") throw new ProtocolError("AGENT_UNAVAILABLE", `agent ${name} is ${state}`);
    const handler = this.#methods.get(method);
    if (handler === undefined) throw new ProtocolError("METHOD_NOT_FOUND", `agent ${name} has no ${method}`);
    this.inFlight += 1;
    try {
      return await handler(params, context);
    } catch (error) {
      if (isProtocolError(error)) throw error;
      // The handler's own text stays here: it may name files or secrets.
      const known = toProtocolError(error, "HANDLER_FAILED");
      throw new ProtocolError(known.code, `agent ${name} failed in ${method}`, { cause: error });
    } finally {
      this.inFlight -= 1;
      if (this.inFlight === 0) for (const wake of this.#idlers.splice(0)) wake();
    }
  }
}

/** Declared words, then those that its claims add. */
function wordsIn({ capabilities, claims }: AgentDefinition): readonly string[] {
  const declared = Object.fromEntries(capabilities.map((word) => [word, {}]));
  return wordsOf({ ...declared, ...claims?.capabilities });
}

function checkDefinition(name: string, definition: AgentDefinition): void {
  const shaped =
    typeof definition === "object" &&
    definition !== null &&
    Array.isArray(definition.capabilities) &&
    definition.capabilities.every((word) => typeof word === "string");
  if (!shaped) {
    throw new ProtocolError("INVALID_PARAMS", `agent ${name}: a definition has capabilities, tools, methods`);
  }
  const { capabilities, claims } = definition;
  const strange = capabilities.find((word) => !isCapability(word));
  if (strange !== undefined) {
    throw new ProtocolError("INVALID_PARAMS", `agent ${name}: "${strange}" is no capability`);
  }
  if (capabilities.length > nodeLimits.wordsPerAgent) {
    throw new ProtocolError("INVALID_PARAMS", `agent ${name}: more than ${nodeLimits.wordsPerAgent} words`);
  }
  if (claims !== undefined) checkClaims(claims);
}

/** Own methods win over the made ones; names live in a Map, never on an object. */
function methodsOf(definition: AgentDefinition): ReadonlyMap<string, MethodHandler> {
  const tools = new Map<string, ToolDefinition>(Object.entries(definition.tools ?? {}));
  return new Map<string, MethodHandler>([
    ["ping", () => ({})],
    ["tools/list", () => listTools(tools)],
    ["tools/call", (params, context) => callTool(tools, params, context)],
    ...Object.entries(definition.methods ?? {}),
  ]);
}

function listTools(tools: ReadonlyMap<string, ToolDefinition>): JsonValue {
  return {
    tools: [...tools].map(([name, { description, inputSchema }]) => ({ name, description, inputSchema })),
  };
}

async function callTool(
  tools: ReadonlyMap<string, ToolDefinition>,
  params: JsonValue,
  context: CallContext,
): Promise<JsonValue> {
  const { name, arguments: given = {} } = asObject(params);
  const tool = typeof name === "string" ? tools.get(name) : undefined;
  if (tool === undefined)
    throw new ProtocolError("INVALID_PARAMS", `no tool ${JSON.stringify(name ?? null)}`);
  const result = await tool.handler(given, context);
  const text = typeof result === "string" ? result : JSON.stringify(result ?? null);
  const structured = typeof result === "object" && result !== null && !Array.isArray(result);
  return {
    content: [{ type: "text", text }],
    ...(structured ? { structuredContent: result } : {}),
  };
}

function asObject(value: JsonValue): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new ProtocolError("INVALID_PARAMS", "params of a call by name are an object");
}

/** An agent in the node's own process: its methods in a Map, its tools in MCP's shape. */

import {
  isCapability,
  isProtocolError,
  type JsonValue,
  ProtocolError,
  toProtocolError,
} from "@gridmesh/protocol";
import type { Access, AgentDefinition, CallContext, MethodHandler } from "../agent.ts";
import type { AgentChannel, ChannelContext, ChannelOpening } from "../route/channel.ts";
import type { AgentState, LocalAgent } from "../route/types.ts";
import { checkClaims } from "../claims.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import { McpCalls } from "./mcp-calls.ts";
import { definedMethods } from "./mcp-definition.ts";
import { DefinitionServer } from "./mcp-definition-server.ts";
import { McpModule } from "./mcp-module.ts";
import type { StateSeal } from "./mcp-state.ts";
import { TaskDesk, type TaskDeskOptions } from "./mcp-tasks.ts";
import { UnderWay } from "./under-way.ts";
import { wordsOf } from "../words.ts";

/** What an agent is: code in this process, a program of its own, or something at another address. */
export type AgentKind = "module" | "stdio" | "url" | "a2a";

/** A hosted agent with its life. */
export interface HostedAgent extends LocalAgent {
  readonly kind: AgentKind;
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
  /** Ends the channels that are open still. */
  close(): Promise<void>;
}

export interface HostOptions {
  readonly name: string;
  readonly agentId: string;
  readonly access: Access;
  readonly definition: AgentDefinition;
  readonly log: Log;
  /** Absent where no agent keeps states at its callers. */
  readonly seal?: StateSeal | undefined;
  /** What tasks need; absent where no agent has any. */
  readonly tasks?: Pick<TaskDeskOptions, "clock" | "newId"> | undefined;
}

/** @throws INVALID_PARAMS when the definition is none. */
export function hostInProcess(options: HostOptions): HostedAgent {
  checkDefinition(options.name, options.definition);
  return new InProcessAgent(options);
}

class InProcessAgent implements HostedAgent {
  readonly kind = "module";
  readonly name: string;
  readonly agentId: string;
  readonly access: Access;
  readonly definition: AgentDefinition;
  readonly capabilities: readonly string[];
  state: AgentState = "starting";
  reason: string | undefined;
  callsTotal = 0;
  errorsTotal = 0;
  readonly #methods: ReadonlyMap<string, MethodHandler>;
  readonly #underWay = new UnderWay();
  readonly #mcp: McpModule;
  #tasks: TaskDesk | undefined;
  readonly #mcpCalls: McpCalls | undefined;

  constructor({ name, agentId, access, definition, log, seal, tasks }: HostOptions) {
    this.name = name;
    this.agentId = agentId;
    this.access = access;
    this.definition = definition;
    this.capabilities = wordsIn(definition);
    this.#methods = methodsOf(definition);
    const { mcp } = definition;
    const methods = this.#methods;
    const module = new McpModule({
      name,
      factory: mcp ?? (({ caller }) => new DefinitionServer({ name, definition, methods, caller })),
      kind: mcp === undefined ? "defined" : undefined,
      log,
      seal,
      closedTo: () => this.#closedTo(),
      onBegin: () => this.#underWay.begin(),
      onEnd: () => this.#underWay.end(),
    });
    this.#mcp = module;
    const { taskTools } = definition;
    if (taskTools !== undefined && tasks !== undefined) {
      this.#tasks = new TaskDesk({
        ...tasks,
        tools: taskTools,
        open: (opening, context) => module.open(opening, context),
      });
    }
    if (mcp === undefined) return;
    this.#mcpCalls = new McpCalls((opening, context) => module.open(opening, context));
  }

  get inFlight(): number {
    return this.#underWay.count;
  }

  become(state: AgentState, reason?: string): void {
    this.state = state;
    this.reason = reason;
  }

  idle(): Promise<void> {
    return this.#underWay.idle();
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

  async open(opening: ChannelOpening, context: ChannelContext): Promise<AgentChannel> {
    const closed = this.#closedTo();
    if (closed !== undefined) throw closed;
    const { proto, mode } = opening;
    if (proto === "mcp") {
      const channel = await this.#mcp.open(opening, context);
      return mode === "session" ? channel : (this.#tasks?.wrap(channel, context.caller) ?? channel);
    }
    throw new ProtocolError("PROTOCOL_UNSUPPORTED", `agent ${this.name} has no ${mode} of ${proto}`);
  }

  async close(): Promise<void> {
    this.#tasks?.close();
    await this.#mcp.close();
  }

  #closedTo(): ProtocolError | undefined {
    const { name, state } = this;
    return state === "ready"
      ? undefined
      : new ProtocolError("AGENT_UNAVAILABLE", `agent ${name} is ${state}`);
  }

  async #run(method: string, params: JsonValue, context: CallContext): Promise<JsonValue> {
    const { name } = this;
    const closed = this.#closedTo();
    if (closed !== undefined) throw closed;
    const handler = this.#methods.get(method);
    if (handler === undefined && this.#mcpCalls !== undefined) {
      return this.#mcpCalls.call(method, params, context);
    }
    if (handler === undefined) throw new ProtocolError("METHOD_NOT_FOUND", `agent ${name} has no ${method}`);
    this.#underWay.begin();
    try {
      return await handler(params, context);
    } catch (error) {
      if (isProtocolError(error)) throw error;
      // The handler's own text stays here: it may name files or secrets.
      const known = toProtocolError(error, "HANDLER_FAILED");
      throw new ProtocolError(known.code, `agent ${name} failed in ${method}`, { cause: error });
    } finally {
      this.#underWay.end();
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
  checkMcp(name, definition);
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

/** One server serves one conversation: a factory makes them, an instance could not. */
function checkMcp(name: string, { mcp, tools, resources, prompts }: AgentDefinition): void {
  if (mcp === undefined) return;
  if (typeof mcp !== "function") {
    throw new ProtocolError("INVALID_PARAMS", `agent ${name}: mcp is a factory of servers, not a server`);
  }
  if (tools !== undefined || resources !== undefined || prompts !== undefined) {
    throw new ProtocolError("INVALID_PARAMS", `agent ${name}: either mcp, or tools, resources and prompts`);
  }
}

/** Own methods win over the made ones; names live in a Map, never on an object. */
function methodsOf(definition: AgentDefinition): ReadonlyMap<string, MethodHandler> {
  const own = Object.entries(definition.methods ?? {});
  return new Map(definition.mcp === undefined ? [...definedMethods(definition), ...own] : own);
}

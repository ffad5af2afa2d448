/** An agent in the node's own process: its methods in a Map, its tools in MCP's shape. */

import {
  isProtocolError,
  type JsonObject,
  type JsonValue,
  ProtocolError,
  toProtocolError,
} from "@gridmesh/protocol";
import type { Access, AgentDefinition, CallContext, MethodHandler, ToolDefinition } from "../agent.ts";
import type { AgentState, LocalAgent } from "../route/types.ts";

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
  const { name, agentId, access, definition } = options;
  checkDefinition(name, definition);
  const methods = methodsOf(definition);
  let state: AgentState = "starting";
  let reason: string | undefined;
  let inFlight = 0;
  let callsTotal = 0;
  let errorsTotal = 0;
  const idlers: (() => void)[] = [];

  const run = async (method: string, params: JsonValue, context: CallContext): Promise<JsonValue> => {
    if (state !== "ready") throw new ProtocolError("AGENT_UNAVAILABLE", `agent ${name} is ${state}`);
    const handler = methods.get(method);
    if (handler === undefined) throw new ProtocolError("METHOD_NOT_FOUND", `agent ${name} has no ${method}`);
    inFlight += 1;
    try {
      return await handler(params, context);
    } catch (error) {
      // The handler's own text stays here: it may name files or secrets.
      if (isProtocolError(error)) throw error;
      const known = toProtocolError(error, "HANDLER_FAILED");
      throw new ProtocolError(known.code, `agent ${name} failed in ${method}`, { cause: error });
    } finally {
      inFlight -= 1;
      if (inFlight === 0) for (const wake of idlers.splice(0)) wake();
    }
  };

  return {
    name,
    agentId,
    access,
    definition,
    capabilities: definition.capabilities,
    get state() {
      return state;
    },
    get reason() {
      return reason;
    },
    get inFlight() {
      return inFlight;
    },
    get callsTotal() {
      return callsTotal;
    },
    get errorsTotal() {
      return errorsTotal;
    },
    become(next, why) {
      state = next;
      reason = why;
    },
    idle() {
      if (inFlight === 0) return Promise.resolve();
      return new Promise((resolve) => idlers.push(resolve));
    },
    async call(method, params, context) {
      callsTotal += 1;
      try {
        return await run(method, params, context);
      } catch (error) {
        errorsTotal += 1;
        throw error;
      }
    },
  };
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

/** The meta-agent's tools: to find agents, to see what they offer, to call them; and pinned ones under their alias. */

import type { AgentNode, Log } from "@gridmesh/node";
import { type JsonObject, ProtocolError } from "@gridmesh/protocol";
import { agentsFor } from "./catalog.ts";
import type { GatewayContext } from "./listener-types.ts";
import { isObject } from "./mcp-message.ts";
import { addressOf, askAgent, type MetaCall, toolsOf } from "./mcp-meta-call.ts";
import { openPins, type Pins } from "./mcp-pins.ts";
import { shown, shownInstructions, shownResult, shownTool } from "./mcp-words.ts";

const MOST_FOUND = 50;
const PINNED_MS = 5_000;
const SEARCH_MS = 2_000;
const TOOL_NAME = /^[A-Za-z0-9_.-]{1,64}$/;
const text = { type: "string" };

const own: readonly JsonObject[] = [
  {
    name: "network.search",
    description: "Finds agents on the mesh by a capability word, or by part of a name or address.",
    inputSchema: {
      type: "object",
      properties: { capability: text, text, limit: { type: "integer", minimum: 1, maximum: MOST_FOUND } },
      additionalProperties: false,
    },
  },
  {
    name: "network.describe",
    description: "Tells what tools an agent offers. What it says of itself is the agent's own claim.",
    inputSchema: {
      type: "object",
      properties: { agent: text },
      required: ["agent"],
      additionalProperties: false,
    },
  },
  {
    name: "network.call",
    description: "Calls a tool of an agent with the rights of whoever asks.",
    inputSchema: {
      type: "object",
      properties: { agent: text, tool: text, arguments: { type: "object" } },
      required: ["agent", "tool"],
      additionalProperties: false,
    },
  },
];

interface PinnedTool {
  /** `<alias>.<tool>`. */
  readonly name: string;
  readonly shown: JsonObject;
  readonly address: string;
  readonly tool: string;
}

type MetaContext = Pick<GatewayContext, "node" | "config" | "home"> & { readonly log?: Log };

const shared = new WeakMap<object, MetaTools>();

/** One for all ways to the meta-agent of a gateway. */
export function metaToolsOf(context: MetaContext): MetaTools {
  const known = shared.get(context) ?? new MetaTools(context);
  shared.set(context, known);
  return known;
}

export class MetaTools {
  readonly #context: MetaContext;
  readonly #pins: Pins;
  /** alias → agent, as the operator wrote them. */
  readonly #aliases: readonly (readonly [alias: string, reference: string])[];
  readonly #told = new Set<string>();

  constructor(context: MetaContext) {
    this.#context = context;
    this.#pins = openPins(context.home);
    this.#aliases = context.config.gateway.pinned.map((pinned) => {
      const at = pinned.indexOf("=");
      return [pinned.slice(0, at), pinned.slice(at + 1)];
    });
  }

  async list(call: MetaCall): Promise<JsonObject> {
    const { tools, left } = await this.#pinned(call);
    return {
      tools: [...own, ...[...tools.values()].map(({ shown: tool }) => tool)],
      ...(left.length === 0 ? {} : { _meta: { "gridmesh/leftOut": left } }),
    };
  }

  /** @throws INVALID_PARAMS, UNAUTHORIZED (`definition_changed`), what the agent or the way there throws. */
  async call(params: JsonObject, call: MetaCall): Promise<JsonObject> {
    const { name, arguments: given = {} } = params;
    if (!isObject(given)) throw new ProtocolError("INVALID_PARAMS", "arguments are an object");
    if (name === "network.search") return result({ agents: await this.#search(given, call) });
    if (name === "network.describe") return result(await this.#describe(textIn(given, "agent"), call));
    if (name === "network.call") {
      const inner = given["arguments"] ?? {};
      if (!isObject(inner)) throw new ProtocolError("INVALID_PARAMS", "arguments.arguments are an object");
      const address = await addressOf(this.#context.node, textIn(given, "agent"), call.signal);
      return this.#use({ address, tool: textIn(given, "tool"), given: inner, params }, call);
    }
    const { tools } = await this.#pinned(call);
    const pinned = typeof name === "string" ? tools.get(name) : undefined;
    if (pinned === undefined)
      throw new ProtocolError("INVALID_PARAMS", `no tool ${JSON.stringify(shown(name, 64))}`);
    return this.#use({ ...pinned, given, params }, call);
  }

  /** The operator's word that an agent's tools are the right ones as they are now. */
  async consent(reference: string, call: MetaCall): Promise<string> {
    const address = await addressOf(this.#context.node, reference, call.signal);
    this.#pins.accept(address, await toolsOf(this.#context.node, address, call));
    return address;
  }

  async #search(given: JsonObject, { caller }: MetaCall): Promise<readonly JsonObject[]> {
    const { capability, limit = 20 } = given;
    const part = typeof given["text"] === "string" ? given["text"].toLowerCase() : "";
    if (typeof limit !== "number" || !Number.isInteger(limit) || limit < 1) {
      throw new ProtocolError("INVALID_PARAMS", "limit is a whole number from 1");
    }
    if (capability !== undefined && typeof capability !== "string") {
      throw new ProtocolError("INVALID_PARAMS", "capability is a word");
    }
    const { node } = this.#context;
    if (capability !== undefined) await hear(node, capability);
    const rows = await agentsFor(node, caller, { scope: "known", capability });
    return rows
      .filter(({ name, address, capabilities }) =>
        [name, address, ...capabilities].some((word) => word.toLowerCase().includes(part)),
      )
      .slice(0, Math.min(limit, MOST_FOUND))
      .map(({ address, name, capabilities, status }) => ({
        agent: shown(address, 256),
        name: shown(name, 128),
        capabilities: capabilities.map((word) => shown(word, 128)),
        status: shown(status, 32),
      }));
  }

  async #describe(reference: string, call: MetaCall): Promise<JsonObject> {
    const { node } = this.#context;
    const address = await addressOf(node, reference, call.signal);
    const tools = await toolsOf(node, address, call);
    const told = await askAgent(node, { address, method: "server/discover", params: {} }, call).catch(
      () => ({}),
    );
    const instructions = isObject(told) ? told["instructions"] : undefined;
    return {
      agent: address,
      instructions: shownInstructions(instructions),
      changed: !this.#pins.holds(address, call.caller, tools),
      tools: tools.flatMap((tool) => shownTool(tool, address) ?? []),
    };
  }

  async #use(
    wanted: {
      readonly address: string;
      readonly tool: string;
      readonly given: JsonObject;
      readonly params: JsonObject;
    },
    call: MetaCall,
  ): Promise<JsonObject> {
    const { address, tool, given, params } = wanted;
    const { node } = this.#context;
    await this.#checkUnchanged(address, tool, call);
    // What an agent asked for in an earlier round comes back beside the arguments.
    const { inputResponses, requestState } = params;
    const rounds = {
      ...(inputResponses === undefined ? {} : { inputResponses }),
      ...(requestState === undefined ? {} : { requestState }),
    };
    const asked = { address, method: "tools/call", params: { name: tool, arguments: given, ...rounds } };
    return shownResult(await askAgent(node, asked, { ...call, meta: params["_meta"] }), address);
  }

  /** Tools that the operator calls harmless need no pin. @throws UNAUTHORIZED. */
  async #checkUnchanged(address: string, tool: string, call: MetaCall): Promise<void> {
    if (this.#context.config.routing.idempotentTools.includes(tool)) return;
    const tools = await toolsOf(this.#context.node, address, call);
    if (this.#pins.holds(address, call.caller, tools)) return;
    throw new ProtocolError(
      "UNAUTHORIZED",
      `the tools of ${address} are not those first seen; gridmesh mcp ${address} --consent accepts them`,
      { data: { reason: "definition_changed", agent: address } },
    );
  }

  /** Names that two have are nobody's; what could not be had is told too. */
  async #pinned(
    call: MetaCall,
  ): Promise<{ readonly tools: Map<string, PinnedTool>; readonly left: string[] }> {
    const tools = new Map<string, PinnedTool>();
    const left = new Set<string>();
    const lists = await Promise.all(this.#aliases.map((pinned) => this.#toolsUnder(pinned, call)));
    for (const [index, list] of lists.entries()) {
      if (list === undefined) left.add(`${this.#aliases[index]?.[0] ?? ""}.*`);
      for (const pinned of list ?? []) {
        const { name } = pinned;
        if (tools.has(name) || !TOOL_NAME.test(name)) left.add(name);
        tools.set(name, pinned);
      }
    }
    for (const name of left) tools.delete(name);
    this.#tell(left);
    return { tools, left: [...left] };
  }

  #tell(left: ReadonlySet<string>): void {
    for (const name of left) {
      if (!this.#told.has(name))
        this.#context.log?.warn("gateway.pinned", `the pinned tool ${name} is left out`);
      this.#told.add(name);
    }
  }

  async #toolsUnder(
    [alias, reference]: readonly [string, string],
    call: MetaCall,
  ): Promise<readonly PinnedTool[] | undefined> {
    const { node } = this.#context;
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(PINNED_MS)]);
    try {
      const address = await addressOf(node, reference, signal);
      const tools = await toolsOf(node, address, { ...call, signal });
      // The first look pins them, before anything is called.
      this.#pins.holds(address, call.caller, tools);
      return tools.flatMap((tool) => {
        const fit = shownTool(tool, address);
        if (fit === undefined) return [];
        const name = `${alias}.${fit.name}`;
        return [{ name, shown: { ...fit, name }, address, tool: fit.name }];
      });
    } catch {
      return undefined;
    }
  }
}

/** Looks beyond what is known already. */
async function hear(node: AgentNode, capability: string): Promise<void> {
  const found = node.registry.find({ capability, timeoutMs: SEARCH_MS, limit: MOST_FOUND });
  for await (const _row of found);
}

function textIn(given: JsonObject, key: string): string {
  const value = given[key];
  if (typeof value === "string" && value !== "") return value;
  throw new ProtocolError("INVALID_PARAMS", `arguments.${key} is a text`);
}

function result(structuredContent: JsonObject): JsonObject {
  return { content: [{ type: "text", text: JSON.stringify(structuredContent) }], structuredContent };
}

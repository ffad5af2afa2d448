/** What a program hands to `createNode` to host an agent, and what the agent gets in return. */

import type { AgentExecutor } from "@a2a-js/sdk/server";
import type { BecknMandate, E2eKey, JsonObject, JsonValue } from "@gridmesh/protocol";
import type {
  BecknExchange,
  BuyOptions,
  BuyOutcome,
  Offer,
  OutsideProgram,
  SearchIntent,
} from "./beckn/types.ts";
import type { Clock, Random, Wait } from "./clock.ts";
import type { CardDraft } from "./host/card.ts";
import type { Log } from "./log.ts";
import type { MarketClock } from "./market-clock.ts";
import type { Registry } from "./registry/types.ts";
import type { SigningPolicy, TradeDesk } from "./trade/types.ts";

export type Access = "private" | "network" | "public";

/** Who calls: the Noise PeerId of the remote node, or somebody at this one. */
export interface Caller {
  readonly kind: "local" | "peer";
  readonly peerId: string;
  /** Opaque name of one of the calling node's own users; tasks, sessions and caches are its own. */
  readonly user?: string;
  /** The calling agent, once its binding held for this very PeerId. */
  readonly agentId?: string;
  /** Name of the gateway token it came with; absent at a local call of the operator's. */
  readonly token?: string;
  /** Came to the gateway without a token: reaches `public` agents alone. */
  readonly anonymous?: boolean;
}

export interface CallContext {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  /** Wall ms since the epoch after which nobody waits for the answer. */
  readonly deadlineMs: number;
  /** Tells how far the work is, to a caller that wants to know; `done` rises. */
  readonly progress?: (done: number, more?: { readonly total?: number; readonly message?: string }) => void;
}

export type MethodHandler = (params: JsonValue, context: CallContext) => Promise<JsonValue> | JsonValue;

/** An MCP-shaped tool: listed by `tools/list`, called by `tools/call`. */
export interface ToolDefinition {
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly inputSchema: { readonly [key: string]: JsonValue };
  readonly handler: MethodHandler;
  /** Hints for callers, e.g. `{ readOnlyHint: true }`: claims, not promises. */
  readonly annotations?: { readonly [key: string]: JsonValue };
}

/** An MCP-shaped resource, under its URI or a template of URIs (`meter://{id}/day`). */
export interface ResourceDefinition {
  /** Default: its URI. */
  readonly name?: string;
  readonly description: string;
  readonly mimeType?: string;
  /** Gives a text, `{ blob }` in base64, or JSON that is written as a text. */
  readonly read: (uri: string, context: CallContext) => Promise<JsonValue> | JsonValue;
}

/** An MCP-shaped prompt. */
export interface PromptDefinition {
  readonly description: string;
  readonly arguments?: Readonly<
    Record<string, { readonly description?: string; readonly required?: boolean }>
  >;
  /** Gives the text of one message of a user, or MCP's messages. */
  readonly messages: (
    given: Readonly<Record<string, string>>,
    context: CallContext,
  ) => Promise<JsonValue> | JsonValue;
}

/** A server of an MCP SDK, known by its shape. */
export interface McpServerShape {
  connect(transport: never): Promise<void>;
  close(): Promise<void>;
}

/** What changed in an agent: one of its lists, or one resource. */
export type McpChange = "tools" | "prompts" | "resources" | { readonly uri: string };

export interface McpFactoryContext {
  readonly caller: Caller;
  /** Revision of the conversation: `modern` 2026-07-28, `legacy` 2025-11-25 and older. */
  readonly era: "modern" | "legacy";
  /** Tells everybody who listens to this agent; what a server says of itself is told to them anyway. */
  readonly changed: (what: McpChange) => void;
  /**
   * Seals what the caller keeps between two rounds of the request under way: for `inputRequired({ requestState })`. It
   * can be read by the caller, holds for 10 minutes, and opens for the same caller, method and arguments alone.
   */
  readonly sealState: (content: JsonValue, requestId: string | number) => string;
  /** Opens it again: for the server's `requestState.verify`. @throws INVALID_PARAMS. */
  readonly openState: (state: string, requestId: string | number) => JsonValue;
}

/** Makes one server for one caller's conversation; state that callers share lives outside of it. */
export type McpFactory = (context: McpFactoryContext) => McpServerShape | Promise<McpServerShape>;

/** A task operation an agent offers; its schemas are JSON Schema. */
export interface OperationClaim {
  readonly name: string;
  readonly version: string;
  readonly inputSchema: JsonValue;
  readonly outputSchema: JsonValue;
  readonly effect: "pure" | "idempotent" | "once";
  readonly price?: JsonValue;
}

/** What an agent says of itself in its record beyond its words: shown to others, proven to nobody. */
export interface AgentClaims {
  /** More under a word, e.g. `{ processing: { types: ["image"], max_concurrent_tasks: 2 } }`; types are words too. */
  readonly capabilities?: JsonObject;
  readonly operations?: readonly OperationClaim[];
  readonly limits?: { readonly maxInputBytes: number; readonly maxRuntimeS: number };
  readonly dataProtocols?: readonly string[];
  /** Public key for values sealed end to end. */
  readonly e2eKey?: E2eKey;
  readonly reputationScore?: number;
  readonly uptimePercentage?: number;
  /** CID. */
  readonly reputationEvidence?: string;
}

/** A guest of a node; its factory is named in a config or called in code. */
export interface AgentDefinition {
  /** Searchable words, e.g. `energy.sell`; at most 32, those of `claims` included. */
  readonly capabilities: readonly string[];
  readonly claims?: AgentClaims;
  /** An MCP agent written with an SDK, in place of `tools`: both revisions are served from one factory. */
  readonly mcp?: McpFactory;
  readonly tools?: Readonly<Record<string, ToolDefinition>>;
  readonly resources?: Readonly<Record<string, ResourceDefinition>>;
  readonly prompts?: Readonly<Record<string, PromptDefinition>>;
  /** An A2A agent written with its SDK; without one its tools are its skills. Its caller: `context.state.get("caller")`. */
  readonly a2a?: AgentExecutor;
  /** What its A2A card says beyond the names of its skills. */
  readonly card?: CardDraft;
  /**
   * Tools whose calls may go on as tasks, for MCP callers that know the extension `io.modelcontextprotocol/tasks`: a call
   * that takes longer is answered with a task, which its caller asks for its result. `required`: others are refused.
   */
  readonly taskTools?: Readonly<Record<string, "optional" | "required">>;
  /** Plain JSON-RPC methods besides the tools. */
  readonly methods?: Readonly<Record<string, MethodHandler>>;
  /** Absent: the agent can sign no order. */
  readonly policy?: SigningPolicy;
  /** What its owner lets it say on the market, signed by the owner; absent: what the policy allows. */
  readonly mandate?: BecknMandate | undefined;
  /** Called once the node runs; throws → AGENT_START_FAILED. */
  start?(context: AgentContext): Promise<void>;
  /** No new work from here on; called before the network closes. */
  drain?(): Promise<void>;
  stop?(): Promise<void>;
}

/** The agent's own window on its node: everything it does is done, and signed, as itself. */
export interface AgentContext {
  readonly name: string;
  readonly agentId: string;
  readonly nodeId: string;
  readonly network: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly market: MarketClock;
  readonly log: Log;
  readonly registry: Registry;
  /** The node's desk; the agent passes its own agentId. */
  readonly desk: TradeDesk;
  openBook(options: {
    readonly moneyMicro: number;
    readonly energyMilliWh: number;
    readonly capacityMilliWh: number;
    readonly tariff?: { readonly retailMicroPerKWh: number; readonly feedInMicroPerKWh: number };
  }): Promise<void>;
  search(intent: SearchIntent, options: Wait & { readonly windowMs: number }): AsyncIterable<Offer>;
  buy(options: BuyOptions): Promise<BuyOutcome>;
  becknCounters: BecknExchange["counters"];
  /** Hands Beckn messages for this agent to a program outside, in place of the node's own trading, until disposed. */
  standFor(program: OutsideProgram): Disposable;
  /** Calls `node:agent/method` with this agent's rights. */
  call(address: string, params: JsonValue, wait?: Wait): Promise<JsonValue>;
  /** Aborted when the agent is stopped. */
  readonly signal: AbortSignal;
}

/** An agent that speaks MCP outside of this process, as calls and channels see it; where it runs is its back's affair. */

import { type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { Access, AgentDefinition, CallContext } from "../agent.ts";
import type { AgentChannel, ChannelContext, ChannelOpening } from "../route/channel.ts";
import type { AgentState } from "../route/types.ts";
import type { AgentKind, HostedAgent } from "./in-process.ts";
import { legacyFromModern } from "./mcp-bridge-legacy.ts";
import { modernFromLegacy } from "./mcp-bridge-modern.ts";
import { withEnvelope, withoutEnvelope } from "./mcp-envelope.ts";
import type { Subscriptions } from "./mcp-subscriptions.ts";
import type { Greeting } from "./outside-greeting.ts";
import type { SharedLines } from "./shared-lines.ts";
import { UnderWay } from "./under-way.ts";

/** The one conversation that callers of single requests share. */
export interface SharedTalk {
  readonly lines: SharedLines;
  readonly greeting: Greeting;
  /** Resources that its callers watch. */
  readonly subscriptions: Subscriptions;
}

/** How an agent outside is reached. */
export interface OutsideBack {
  /** @throws AGENT_START_FAILED, AGENT_UNAVAILABLE, QUOTA_EXCEEDED, the signal's reason. */
  shared(context: ChannelContext): Promise<SharedTalk>;
  /** What it speaks, with the older revision asked for where that is not known. @throws as `shared`. */
  older(known: Greeting, context: ChannelContext): Promise<Greeting>;
  /** A conversation of one caller's own. @throws as `shared`. */
  session(greeting: Greeting, context: ChannelContext): Promise<AgentChannel>;
  /** It failed for good: why. @throws AGENT_START_FAILED. */
  checkFailed(): void;
  drain(): Promise<void>;
  close(): Promise<void>;
}

export interface OutsideAgentOptions {
  readonly kind: AgentKind;
  readonly name: string;
  readonly agentId: string;
  readonly access: Access;
  readonly capabilities?: readonly string[] | undefined;
  readonly policy?: AgentDefinition["policy"] | undefined;
}

/** On the conversation that callers share, one caller would say these for all. */
const OF_ALL: ReadonlySet<string> = new Set([
  "initialize",
  "logging/setLevel",
  "resources/subscribe",
  "resources/unsubscribe",
]);

export class OutsideAgent implements HostedAgent {
  readonly kind: AgentKind;
  readonly name: string;
  readonly agentId: string;
  readonly access: Access;
  readonly definition: AgentDefinition;
  readonly capabilities: readonly string[];
  state: AgentState = "starting";
  reason: string | undefined;
  callsTotal = 0;
  errorsTotal = 0;
  readonly #back: OutsideBack;
  readonly #underWay = new UnderWay();

  constructor(options: OutsideAgentOptions, back: (agent: OutsideAgent) => OutsideBack) {
    const { kind, name, agentId, access, capabilities = [], policy } = options;
    this.kind = kind;
    this.name = name;
    this.agentId = agentId;
    this.access = access;
    this.capabilities = capabilities;
    this.#back = back(this);
    const drain = () => this.#back.drain();
    this.definition = { capabilities, ...(policy === undefined ? {} : { policy }), drain };
  }

  get inFlight(): number {
    return this.#underWay.count;
  }

  become(state: AgentState, reason?: string): void {
    if (this.state === "failed" && state === "ready") return;
    this.state = state;
    this.reason = reason;
  }

  idle(): Promise<void> {
    return this.#underWay.idle();
  }

  close(): Promise<void> {
    return this.#back.close();
  }

  async call(method: string, params: JsonValue, context: CallContext): Promise<JsonValue> {
    this.callsTotal += 1;
    this.#underWay.begin();
    try {
      if (OF_ALL.has(method)) throw new ProtocolError("METHOD_NOT_FOUND", `${method} is a session's`);
      const { lines, greeting } = await this.#shared(context);
      const given = greeting.era === "legacy" ? withoutEnvelope(params) : withEnvelope(params);
      return await lines.request(method, given, context);
    } catch (error) {
      this.errorsTotal += 1;
      throw error;
    } finally {
      this.#underWay.end();
    }
  }

  async open(opening: ChannelOpening, context: ChannelContext): Promise<AgentChannel> {
    const { proto, mode } = opening;
    if (proto === "a2a") {
      throw new ProtocolError("PROTOCOL_UNSUPPORTED", `agent ${this.name} does not speak A2A`);
    }
    const channel = mode === "session" ? await this.#session(context) : await this.#lane(opening, context);
    const onAbort = () => channel.reset("the caller has gone");
    context.signal.addEventListener("abort", onAbort, { once: true });
    void channel.closed.then(() => context.signal.removeEventListener("abort", onAbort));
    if (context.signal.aborted) onAbort();
    return channel;
  }

  /** A channel of the modern revision, or of plain JSON-RPC, on the shared conversation. */
  async #lane({ proto, mode }: ChannelOpening, context: ChannelContext): Promise<AgentChannel> {
    const { lines, greeting, subscriptions } = await this.#shared(context);
    const { era, versions, initialized } = greeting;
    const channel = lines.attach({ era, versions, mode });
    if (proto === "plain" || initialized === undefined) return channel;
    return modernFromLegacy({ channel, initialized, subscriptions });
  }

  async #session(context: ChannelContext): Promise<AgentChannel> {
    const { greeting } = await this.#shared(context);
    const known =
      greeting.era === "modern" && greeting.alone !== true
        ? await this.#back.older(greeting, context)
        : greeting;
    if (known.alone !== true) return this.#back.session(known, context);
    return this.#bridged(context, known.discovered ?? {});
  }

  #bridged(context: ChannelContext, discovered: JsonObject): Promise<AgentChannel> {
    const open = async (mode: "call" | "listen") => {
      const { lines, greeting } = await this.#shared(context);
      const { era, versions } = greeting;
      return lines.attach({ era, versions, mode });
    };
    return legacyFromModern({ name: this.name, open, discovered });
  }

  #shared(context: ChannelContext): Promise<SharedTalk> {
    const { name, state } = this;
    if (state === "failed") this.#back.checkFailed();
    if (state !== "ready") throw new ProtocolError("AGENT_UNAVAILABLE", `agent ${name} is ${state}`);
    return this.#back.shared(context);
  }
}

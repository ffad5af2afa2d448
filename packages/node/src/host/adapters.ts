/** Both faces of an agent, MCP's and A2A's: what it is not by itself, an adapter makes of it. */

import { fromRpcError, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { Access, AgentDefinition, CallContext } from "../agent.ts";
import type { AgentChannel, ChannelContext, ChannelOpening } from "../route/channel.ts";
import type { AgentState } from "../route/types.ts";
import { executorBackend } from "./a2a-backend.ts";
import { a2aChannel } from "./a2a-channel.ts";
import { type A2aBackend, A2aFace, isOne } from "./a2a-face.ts";
import { toolsFace } from "./a2a-offer.ts";
import { isA2aCall, isA2aStream } from "./a2a-params.ts";
import type { A2aRoom } from "./a2a-room.ts";
import { type A2aSdk, loadA2a } from "./a2a-sdk.ts";
import { skillTools } from "./adapters-skill-tools.ts";
import type { AgentKind, HostedAgent } from "./in-process.ts";
import { McpCalls } from "./mcp-calls.ts";
import { McpModule } from "./mcp-module.ts";
import { UnderWay } from "./under-way.ts";

/** An agent with the face it lacks. */
export function withBothFaces(agent: HostedAgent, room: A2aRoom): HostedAgent {
  return new TwoFacedAgent(agent, room);
}

/** An agent that brings what stands behind its A2A face. */
interface A2aBacked {
  a2aBackend(sdk: A2aSdk, room: A2aRoom): Promise<A2aBackend>;
}

class TwoFacedAgent implements HostedAgent {
  readonly #inner: HostedAgent;
  readonly #room: A2aRoom;
  readonly #underWay = new UnderWay();
  /** Skills as tools, where the agent has no tools of its own. */
  readonly #tools: McpModule | undefined;
  readonly #toolCalls: McpCalls | undefined;
  readonly #stop = new AbortController();
  #askedTotal = 0;
  #face: Promise<A2aFace> | undefined;

  constructor(inner: HostedAgent, room: A2aRoom) {
    this.#inner = inner;
    this.#room = room;
    const { a2a, mcp, tools, resources, prompts } = inner.definition;
    const speaksA2a = a2a !== undefined || inner.kind === "a2a";
    const speaksMcp = [mcp, tools, resources, prompts].some((part) => part !== undefined);
    if (!speaksA2a || speaksMcp) return;
    const { name, log, newId } = room;
    const module = new McpModule({
      name,
      log,
      factory: skillTools(() => this.#openFace(), newId),
      closedTo: () => this.#closedTo(),
      onBegin: () => this.#began(),
      onEnd: () => this.#underWay.end(),
    });
    this.#tools = module;
    this.#toolCalls = new McpCalls((opening, context) => module.open(opening, context));
  }

  get kind(): AgentKind {
    return this.#inner.kind;
  }
  get name(): string {
    return this.#inner.name;
  }
  get agentId(): string {
    return this.#inner.agentId;
  }
  get access(): Access {
    return this.#inner.access;
  }
  get definition(): AgentDefinition {
    return this.#inner.definition;
  }
  get capabilities(): readonly string[] {
    return this.#inner.capabilities;
  }
  get state(): AgentState {
    return this.#inner.state;
  }
  get reason(): string | undefined {
    return this.#inner.reason;
  }
  get inFlight(): number {
    return this.#inner.inFlight + this.#underWay.count;
  }
  get callsTotal(): number {
    return this.#inner.callsTotal + this.#askedTotal;
  }
  get errorsTotal(): number {
    return this.#inner.errorsTotal;
  }

  become(state: AgentState, reason?: string): void {
    this.#inner.become(state, reason);
  }

  async idle(): Promise<void> {
    await this.#underWay.idle();
    await this.#inner.idle();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#inner.close(), this.#tools?.close()]);
    (await this.#face?.catch(() => undefined))?.close();
  }

  call(method: string, params: JsonValue, context: CallContext): Promise<JsonValue> {
    const own = this.definition.methods;
    if (own !== undefined && Object.hasOwn(own, method)) return this.#inner.call(method, params, context);
    if (isA2aCall(method, params)) return this.#callA2a(method, params, context);
    // It has no methods of its own: what it is called with is MCP's.
    if (this.#toolCalls !== undefined) return this.#callTools(this.#toolCalls, { method, params }, context);
    return this.#inner.call(method, params, context);
  }

  async open(opening: ChannelOpening, context: ChannelContext): Promise<AgentChannel> {
    const { proto, mode } = opening;
    if (proto === "mcp" && this.#tools !== undefined) {
      this.#checkReady();
      return this.#tools.open(opening, context);
    }
    if (proto !== "a2a") return this.#inner.open(opening, context);
    if (mode === "session") throw new ProtocolError("PROTOCOL_UNSUPPORTED", "a2a has modes call and listen");
    this.#checkReady();
    const face = await this.#openFace();
    return a2aChannel({
      face,
      opening,
      context,
      stop: this.#stop.signal,
      onBegin: () => this.#began(),
      onEnd: () => this.#underWay.end(),
    });
  }

  async #callTools(
    calls: McpCalls,
    { method, params }: { readonly method: string; readonly params: JsonValue },
    context: CallContext,
  ): Promise<JsonValue> {
    this.#checkReady();
    return calls.call(method, params, context);
  }

  async #callA2a(method: string, params: JsonValue, { caller }: CallContext): Promise<JsonValue> {
    this.#checkReady();
    if (isA2aStream(method))
      throw new ProtocolError("INVALID_REQUEST", "a stream takes a channel of mode listen");
    const face = await this.#openFace();
    const version = /^[A-Z]/.test(method) ? "1.0" : "0.3";
    this.#began();
    try {
      const answer = await face.answer(
        { id: 1, method, params },
        { caller, headers: { "a2a-version": version } },
      );
      if (!isOne(answer))
        throw new ProtocolError("INVALID_REQUEST", "a stream takes a channel of mode listen");
      if (answer["error"] !== undefined) throw fromRpcError(answer["error"]);
      return answer["result"] ?? null;
    } finally {
      this.#underWay.end();
    }
  }

  #began(): void {
    this.#underWay.begin();
    this.#askedTotal += 1;
  }

  #checkReady(): void {
    const closed = this.#closedTo();
    if (closed !== undefined) throw closed;
  }

  #closedTo(): ProtocolError | undefined {
    const { name, state } = this;
    if (state === "ready") return undefined;
    return new ProtocolError("AGENT_UNAVAILABLE", `agent ${name} is ${state}`);
  }

  #openFace(): Promise<A2aFace> {
    this.#face ??= this.#makeFace().catch((error: unknown) => {
      this.#face = undefined;
      throw error;
    });
    return this.#face;
  }

  async #makeFace(): Promise<A2aFace> {
    const sdk = await loadA2a();
    const room = this.#room;
    const elsewhere = this.#inner as Partial<A2aBacked>;
    if (elsewhere.a2aBackend !== undefined) {
      return new A2aFace(sdk, room, await elsewhere.a2aBackend(sdk, room));
    }
    const { a2a, card = {} } = this.definition;
    if (a2a !== undefined) {
      const draft = () => Promise.resolve(card);
      return new A2aFace(
        sdk,
        room,
        await executorBackend(sdk, room, { executor: a2a, draft, needsSkill: false }),
      );
    }
    return toolsFace(this.#inner, card, room);
  }
}

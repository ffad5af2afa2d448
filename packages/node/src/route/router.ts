/** Where a call goes: an agent of this node, the node itself, another node, or whoever has a capability. */

import {
  type Address,
  type JsonValue,
  parseAgentReference,
  ProtocolError,
  toProtocolError,
} from "@gridmesh/protocol";
import type { CallContext, Caller } from "../agent.ts";
import type { CallRoute } from "../call-meter.ts";
import type { Wait } from "../clock.ts";
import { startDeadline, until } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import { createAddressBook, type KnownAddress } from "./address-book.ts";
import type { OpenedAgent } from "./agent-door.ts";
import type { AgentChannel, ChannelContext, OpenRequest } from "./channel.ts";
import { ChannelRoutes, type ChannelRoutesOptions, leftOf } from "./channel-routes.ts";
import type { MethodCall } from "./forward.ts";
import type { InboundCall } from "./inbound-call.ts";
import type { RpcOpening } from "./rpc-opening.ts";
import type { CallWait, CapabilityCall, LocalAgents, NodeMethods } from "./types.ts";

export interface RouterOptions extends ChannelRoutesOptions {
  readonly agents: LocalAgents;
  readonly nodeMethods: NodeMethods;
  readonly callCapability: CapabilityCall;
  /** PeerIds whose calls are passed on to other nodes. */
  readonly forwardFor: ReadonlySet<string>;
  /** True once the node takes no new calls. */
  readonly draining: () => boolean;
}

export interface Router {
  /**
   * Calls an address, for the operator unless `wait` says for whom.
   * @throws ADDRESS_INVALID, AGENT_NOT_FOUND, METHOD_NOT_FOUND, PEER_NOT_FOUND, PEER_UNREACHABLE, NO_PROVIDER,
   * CALL_TIMEOUT, CALL_CANCELLED, STREAM_RESET, DRAINING or the agent's own code.
   */
  call(address: string, params: JsonValue, wait?: CallWait): Promise<JsonValue>;
  /** As `call`, for an agent reference (`agent1`, `<PeerId>:agent1`) and a method. */
  callAgent(target: string, call: MethodCall, wait?: CallWait): Promise<JsonValue>;
  /**
   * A channel to an agent (`agent1`, `<PeerId>:agent1`, `cap:<capability>`) or to the node itself (`node`); `wait` is for
   * the opening alone.
   * @throws as `call`; PROTOCOL_UNSUPPORTED, AGENT_UNAVAILABLE, AGENT_START_FAILED, QUOTA_EXCEEDED.
   */
  open(reference: string, request: OpenRequest, wait?: Wait): Promise<AgentChannel>;
  /** A call that came in on a stream. @throws the codes of `call`, at once or by its promise. */
  receive(call: InboundCall): Promise<JsonValue>;
  /** Whether a peer may open a stream of plain calls to this target. @throws AGENT_NOT_FOUND, DRAINING. */
  accept(to: string, caller: Caller): void;
  /** An agent's own channel for a peer. @throws AGENT_NOT_FOUND, AGENT_UNAVAILABLE, PROTOCOL_UNSUPPORTED, DRAINING. */
  admit(opening: RpcOpening, context: ChannelContext): Promise<OpenedAgent>;
  /** @throws DRAINING. */
  refuseWhenDraining(): void;
  /** Calls of agents and node methods under way here. */
  inFlight(): number;
}

export function createRouter(options: RouterOptions): Router {
  return new CallRouter(options);
}

type HereAddress = Exclude<Address, { kind: "capability" }>;

class CallRouter implements Router {
  readonly #node: RouterOptions;
  readonly #book = createAddressBook();
  readonly #channels: ChannelRoutes;
  #running = 0;

  constructor(options: RouterOptions) {
    this.#node = options;
    this.#channels = new ChannelRoutes(options, {
      toAgent: (name, call, context) => this.#toAgent(name, call, context),
      fromHere: (call, context) => this.#fromHere(call, context),
      begin: () => this.#begin(),
    });
  }

  call(address: string, params: JsonValue, wait: CallWait = {}): Promise<JsonValue> {
    try {
      // Here as at the far end of a stream, where JSON-RPC takes nothing else.
      if (typeof params !== "object" || params === null) {
        throw new ProtocolError("INVALID_PARAMS", "params are an object or an array");
      }
      return this.#leave(this.#book.read(address), params, wait);
    } catch (error) {
      return Promise.reject(toProtocolError(error, "INTERNAL_ERROR"));
    }
  }

  async callAgent(target: string, { method, params }: MethodCall, wait: CallWait = {}): Promise<JsonValue> {
    const { nodeId, agent } = parseAgentReference(target);
    return this.call(`${nodeId}:${agent}/${method}`, params, wait);
  }

  async open(reference: string, request: OpenRequest, wait: Wait = {}): Promise<AgentChannel> {
    this.refuseWhenDraining();
    return await this.#channels.open(reference, request, wait);
  }

  admit(opening: RpcOpening, context: ChannelContext): Promise<OpenedAgent> {
    if (opening.to === "node") {
      throw new ProtocolError("PROTOCOL_UNSUPPORTED", "the node answers plain calls");
    }
    return this.#node.door.open(opening.to, opening, context);
  }

  /** A call of any address, with the rights of whoever makes it. */
  #fromHere({ method, params }: MethodCall, context: CallContext): Promise<JsonValue> {
    const known = this.#book.read(method);
    const { address } = known;
    if (address.kind !== "capability" && this.#isHere(address)) return this.#arrive(address, params, context);
    const { caller } = context;
    return this.#leave(known, params, { ...leftOf(context, this.#node.clock), caller });
  }

  #begin(): () => void {
    this.refuseWhenDraining();
    this.#running += 1;
    return () => {
      this.#running -= 1;
    };
  }

  receive({ to, method, params, context, via = [] }: InboundCall): Promise<JsonValue> {
    this.refuseWhenDraining();
    if (to !== "node") return this.#toAgent(to, { method, params }, context);
    const known = this.#book.read(method);
    const { address } = known;
    if (address.kind === "bare") {
      throw new ProtocolError("ADDRESS_INVALID", "a peer names the agent it calls");
    }
    if (address.kind !== "capability" && this.#isOwn(address.nodeId)) {
      return this.#arrive(address, params, context);
    }
    return this.#passOn(known, params, { context, via });
  }

  /** A peer's call of a third node, if the operator lets it. */
  #passOn(
    known: KnownAddress,
    params: JsonValue,
    { context, via }: { readonly context: CallContext; readonly via: readonly string[] },
  ): Promise<JsonValue> {
    const { peerId, clock, forwardFor } = this.#node;
    if (!forwardFor.has(context.caller.peerId)) {
      const data = { reason: "forwarding_off" };
      throw new ProtocolError("UNAUTHORIZED", "this node forwards for nobody", { data });
    }
    if (via.includes(peerId) || via.length >= nodeLimits.rpcHops) {
      throw new ProtocolError("HOP_LIMIT", `the call passed through ${via.length} nodes already`);
    }
    const { caller } = context;
    return this.#leave(known, params, { ...leftOf(context, clock), caller, via: [...via, peerId] });
  }

  accept(to: string, caller: Caller): void {
    this.refuseWhenDraining();
    if (to !== "node") this.#node.door.visible(to, caller);
  }

  inFlight(): number {
    return this.#running + this.#node.door.running;
  }

  /** A call from here, wherever it goes. */
  #leave({ address, wire }: KnownAddress, params: JsonValue, wait: CallWait): Promise<JsonValue> {
    const { forwarder, callCapability, names } = this.#node;
    const { caller, via, timeoutMs, signal } = wait;
    this.refuseWhenDraining();
    if (address.kind === "capability") {
      const call = { method: address.method, params };
      return this.#timed("capability", callCapability(address.capability, call, wait));
    }
    if (address.kind !== "bare" && !this.#isOwn(address.nodeId)) {
      const named = caller === undefined ? undefined : names(caller, via);
      return forwarder.call(address.nodeId, { method: wire, params }, { timeoutMs, signal, names: named });
    }
    return this.#timed("local", this.#stay(address, params, wait));
  }

  /** A call from here of what lives here. */
  async #stay(address: HereAddress, params: JsonValue, wait: CallWait): Promise<JsonValue> {
    const { clock, peerId } = this.#node;
    using deadline = startDeadline(clock, wait, nodeLimits.callTimeoutMs);
    const { signal, atMs: deadlineMs } = deadline;
    const { caller = { kind: "local", peerId } } = wait;
    return await until(this.#arrive(address, params, { caller, signal, deadlineMs }), signal);
  }

  async #timed(route: CallRoute, work: Promise<JsonValue>): Promise<JsonValue> {
    const { clock, meter } = this.#node;
    const beganMs = clock.monotonicMs();
    try {
      const result = await work;
      meter?.ended(route, clock.monotonicMs() - beganMs);
      return result;
    } catch (error) {
      meter?.ended(route, clock.monotonicMs() - beganMs, error);
      throw error;
    }
  }

  /** A call that is at its node. */
  #arrive(address: HereAddress, params: JsonValue, context: CallContext): Promise<JsonValue> {
    const { agents, nodeMethods } = this.#node;
    const { method } = address;
    if (address.kind === "agent") return this.#toAgent(address.agent, { method, params }, context);
    if (address.kind === "bare") {
      const first = agents.list().find((agent) => agent.state === "ready");
      if (first === undefined) throw new ProtocolError("AGENT_NOT_FOUND", "no agent is ready here");
      return this.#toAgent(first.name, { method, params }, context);
    }
    const handler = nodeMethods.get(method);
    if (handler === undefined) throw new ProtocolError("METHOD_NOT_FOUND", `no method node/${method}`);
    return this.#count((async () => handler(params, context))());
  }

  #toAgent(name: string, call: MethodCall, context: CallContext): Promise<JsonValue> {
    return this.#node.door.call(name, call, context);
  }

  async #count(work: Promise<JsonValue>): Promise<JsonValue> {
    this.#running += 1;
    try {
      return await work;
    } finally {
      this.#running -= 1;
    }
  }

  /** Narrows to what has a node of its own: a bare method is always here. */
  #isHere(address: HereAddress): boolean {
    return address.kind === "bare" || this.#isOwn(address.nodeId);
  }

  #isOwn(nodeId: string): boolean {
    return nodeId === "local" || nodeId === this.#node.peerId;
  }

  refuseWhenDraining(): void {
    if (this.#node.draining()) throw new ProtocolError("DRAINING", "this node is stopping");
  }
}

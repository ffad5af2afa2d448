/** Where a call goes: an agent of this node, the node itself, another node, or whoever has a capability. */

import {
  type Address,
  type JsonValue,
  parseAgentReference,
  ProtocolError,
  toProtocolError,
} from "@gridmesh/protocol";
import type { CallContext, Caller } from "../agent.ts";
import type { CallMeter, CallRoute } from "../call-meter.ts";
import type { Clock, Wait } from "../clock.ts";
import { startDeadline, until } from "../deadline.ts";
import type { AgentDoor, OpenedAgent } from "./agent-door.ts";
import { nodeLimits } from "../limits.ts";
import { createAddressBook, type KnownAddress } from "./address-book.ts";
import type { AgentChannel, ChannelContext, OpenRequest } from "./channel.ts";
import { channelPair } from "./channel-pair.ts";
import type { Forwarder, MethodCall } from "./forward.ts";
import type { InboundCall } from "./inbound-call.ts";
import type { RpcOpening } from "./rpc-opening.ts";
import { plainChannel } from "./plain-channel.ts";
import { readTarget } from "./target.ts";
import type { CapabilityCall, LocalAgents, NodeMethods } from "./types.ts";

export interface RouterOptions {
  readonly peerId: string;
  readonly clock: Clock;
  readonly agents: LocalAgents;
  /** The way to them. */
  readonly door: AgentDoor;
  readonly nodeMethods: NodeMethods;
  readonly forwarder: Forwarder;
  readonly callCapability: CapabilityCall;
  /** One agent that offers a capability. @throws NO_PROVIDER, CALL_CANCELLED. */
  readonly resolveCapability: (
    capability: string,
    wait: Wait,
  ) => Promise<{ readonly nodeId: string; readonly name: string }>;
  /** True once the node takes no new calls. */
  readonly draining: () => boolean;
  readonly meter?: CallMeter | undefined;
}

export interface Router {
  /**
   * Calls an address for a local caller.
   * @throws ADDRESS_INVALID, AGENT_NOT_FOUND, METHOD_NOT_FOUND, PEER_NOT_FOUND, PEER_UNREACHABLE, NO_PROVIDER,
   * CALL_TIMEOUT, CALL_CANCELLED, STREAM_RESET, DRAINING or the agent's own code.
   */
  call(address: string, params: JsonValue, wait?: Wait): Promise<JsonValue>;
  /** As `call`, for an agent reference (`agent1`, `<PeerId>:agent1`) and a method. */
  callAgent(target: string, call: MethodCall, wait?: Wait): Promise<JsonValue>;
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
  #running = 0;

  constructor(options: RouterOptions) {
    this.#node = options;
  }

  call(address: string, params: JsonValue, wait: Wait = {}): Promise<JsonValue> {
    try {
      return this.#leave(this.#book.read(address), params, wait);
    } catch (error) {
      return Promise.reject(toProtocolError(error, "INTERNAL_ERROR"));
    }
  }

  async callAgent(target: string, { method, params }: MethodCall, wait: Wait = {}): Promise<JsonValue> {
    const { nodeId, agent } = parseAgentReference(target);
    return this.call(`${nodeId}:${agent}/${method}`, params, wait);
  }

  async open(reference: string, request: OpenRequest, wait: Wait = {}): Promise<AgentChannel> {
    const { clock, resolveCapability } = this.#node;
    const target = readTarget(reference);
    this.refuseWhenDraining();
    using deadline = startDeadline(clock, wait, nodeLimits.callTimeoutMs);
    const { signal } = deadline;
    if (target.kind === "capability") {
      const left = { timeoutMs: deadline.leftMs(), signal };
      const { nodeId, name } = await resolveCapability(target.capability, left);
      return this.open(`${nodeId}:${name}`, request, { timeoutMs: deadline.leftMs(), signal });
    }
    if (!this.#isOwn(target.nodeId)) {
      throw new ProtocolError("PROTOCOL_UNSUPPORTED", "channels reach the agents of this node");
    }
    const name = target.kind === "node" ? "node" : target.agent;
    const gone = new AbortController();
    const caller: Caller = { kind: "local", peerId: this.#node.peerId, ...request.as };
    const opening = this.#openHere(name, request, { caller, signal: gone.signal });
    return unlessLate(opening, signal, gone);
  }

  /** A channel to an agent of this node, or to the node. */
  async #openHere(name: string, opening: OpenRequest, context: ChannelContext): Promise<AgentChannel> {
    const { clock, door, meter } = this.#node;
    if (name !== "node") door.visible(name, context.caller);
    if (opening.proto === "plain" && opening.mode === "call") {
      return plainChannel({
        clock,
        context,
        call: (method, params, call) =>
          name === "node"
            ? this.#fromHere(method, params, call)
            : this.#toAgent(name, { method, params }, call),
      });
    }
    if (name === "node") throw new ProtocolError("PROTOCOL_UNSUPPORTED", "the node answers plain calls");
    const opened = await door.open(name, opening, context);
    const [near, far] = channelPair(opened.inside);
    const guard = opened.guard(far, {
      admit: () => undefined,
      enter: () => {
        this.refuseWhenDraining();
        this.#running += 1;
        return () => {
          this.#running -= 1;
        };
      },
      room: () => Promise.resolve(() => undefined),
      onOver: (beganMs, error) => meter?.ended("local", clock.monotonicMs() - beganMs, error),
    });
    void guard.run();
    return near;
  }

  admit(opening: RpcOpening, context: ChannelContext): Promise<OpenedAgent> {
    if (opening.to === "node") {
      throw new ProtocolError("PROTOCOL_UNSUPPORTED", "the node answers plain calls");
    }
    return this.#node.door.open(opening.to, opening, context);
  }

  /** What somebody here asks of the node itself: any address, with that caller's rights. */
  #fromHere(method: string, params: JsonValue, context: CallContext): Promise<JsonValue> {
    const known = this.#book.read(method);
    const { address } = known;
    if (address.kind !== "capability" && this.#isHere(address)) return this.#arrive(address, params, context);
    if (context.caller.anonymous === true) {
      throw new ProtocolError("UNAUTHORIZED", "who has no name reaches this node alone");
    }
    const timeoutMs = Math.max(0, context.deadlineMs - this.#node.clock.nowMs());
    return this.#leave(known, params, { timeoutMs, signal: context.signal });
  }

  receive({ to, method, params, context }: InboundCall): Promise<JsonValue> {
    this.refuseWhenDraining();
    if (to !== "node") return this.#toAgent(to, { method, params }, context);
    const { address } = this.#book.read(method);
    if (address.kind === "bare") {
      throw new ProtocolError("ADDRESS_INVALID", "a peer names the agent it calls");
    }
    if (address.kind === "capability" || !this.#isOwn(address.nodeId)) {
      const data = { reason: "forwarding_off" };
      throw new ProtocolError("UNAUTHORIZED", "this node forwards for nobody", { data });
    }
    return this.#arrive(address, params, context);
  }

  accept(to: string, caller: Caller): void {
    this.refuseWhenDraining();
    if (to !== "node") this.#node.door.visible(to, caller);
  }

  inFlight(): number {
    return this.#running;
  }

  /** A local caller's call, wherever it goes. */
  #leave({ address, wire }: KnownAddress, params: JsonValue, wait: Wait): Promise<JsonValue> {
    const { forwarder, callCapability } = this.#node;
    this.refuseWhenDraining();
    if (address.kind === "capability") {
      const call = { method: address.method, params };
      return this.#timed("capability", callCapability(address.capability, call, wait));
    }
    if (address.kind !== "bare" && !this.#isOwn(address.nodeId)) {
      return forwarder.call(address.nodeId, { method: wire, params }, wait);
    }
    return this.#timed("local", this.#stay(address, params, wait));
  }

  /** A local caller's call of what lives here. */
  async #stay(address: HereAddress, params: JsonValue, wait: Wait): Promise<JsonValue> {
    const { clock, peerId } = this.#node;
    using deadline = startDeadline(clock, wait, nodeLimits.callTimeoutMs);
    const { signal, atMs: deadlineMs } = deadline;
    const context: CallContext = { caller: { kind: "local", peerId }, signal, deadlineMs };
    return await until(this.#arrive(address, params, context), signal);
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
    return this.#count(this.#node.door.call(name, call, context));
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

/** The channel, if it opens in time; the caller's leaving is told to the agent either way. */
async function unlessLate(
  opening: Promise<AgentChannel>,
  signal: AbortSignal,
  gone: AbortController,
): Promise<AgentChannel> {
  try {
    const channel = await until(opening, signal);
    void channel.closed.then(() => gone.abort(new ProtocolError("CALL_CANCELLED", "the caller has gone")));
    return channel;
  } catch (error) {
    gone.abort(error);
    opening.then(
      (channel) => channel.reset("nobody waits any more"),
      () => undefined,
    );
    throw error;
  }
}

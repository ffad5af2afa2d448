/** Where a call goes: an agent of this node, the node itself, another node, or whoever has a capability. */

import {
  type Address,
  type JsonValue,
  parseAddress,
  parseAgentReference,
  ProtocolError,
} from "@gridmesh/protocol";
import type { CallContext, Caller } from "../agent.ts";
import type { Clock, Wait } from "../clock.ts";
import { startDeadline, until } from "../deadline.ts";
import { maySee } from "../gate/access.ts";
import { nodeLimits } from "../limits.ts";
import type { Forwarder } from "./forward.ts";
import type { InboundCall } from "./rpc-callee.ts";
import type { CapabilityCall, LocalAgent, LocalAgents, NodeMethods } from "./types.ts";

export interface RouterOptions {
  readonly peerId: string;
  readonly clock: Clock;
  readonly agents: LocalAgents;
  readonly nodeMethods: NodeMethods;
  readonly forwarder: Forwarder;
  readonly callCapability: CapabilityCall;
  /** True once the node takes no new calls. */
  readonly draining: () => boolean;
}

export interface Router {
  /**
   * Calls an address for a local caller.
   * @throws ADDRESS_INVALID, AGENT_NOT_FOUND, METHOD_NOT_FOUND, PEER_NOT_FOUND, PEER_UNREACHABLE, NO_PROVIDER,
   * CALL_TIMEOUT, CALL_CANCELLED, STREAM_RESET, DRAINING or the agent's own code.
   */
  call(address: string, params: JsonValue, wait?: Wait): Promise<JsonValue>;
  /** As `call`, for an agent reference (`agent1`, `<PeerId>:agent1`) and a method. */
  callAgent(target: string, method: string, params: JsonValue, wait?: Wait): Promise<JsonValue>;
  /** A call that came in on a stream. */
  receive(call: InboundCall): Promise<JsonValue>;
  /** Whether a peer may open a stream to this target. @throws AGENT_NOT_FOUND, DRAINING. */
  accept(to: string, peerId: string): void;
  /** Calls of agents and node methods under way here. */
  inFlight(): number;
}

export function createRouter(options: RouterOptions): Router {
  const { peerId, agents } = options;
  let running = 0;
  const local: Caller = { kind: "local", peerId };

  const track = async (work: Promise<JsonValue>): Promise<JsonValue> => {
    running += 1;
    try {
      return await work;
    } finally {
      running -= 1;
    }
  };
  const refuseWhenDraining = () => {
    if (options.draining()) throw new ProtocolError("DRAINING", "this node is stopping");
  };
  const toAgent = (name: string, method: string, params: JsonValue, context: CallContext) => {
    const agent = visible(agents, name, context.caller);
    return track(agent.call(method, params, context));
  };
  const toNode = (method: string, params: JsonValue, context: CallContext) => {
    const handler = options.nodeMethods.get(method);
    if (handler === undefined) throw new ProtocolError("METHOD_NOT_FOUND", `no method node/${method}`);
    return track(Promise.resolve(handler(params, context)));
  };
  const toFirst = (method: string, params: JsonValue, context: CallContext) => {
    const first = agents.list().find((agent) => agent.state === "ready");
    if (first === undefined) throw new ProtocolError("AGENT_NOT_FOUND", "no agent is ready here");
    return track(first.call(method, params, context));
  };
  const isOwn = (nodeId: string) => nodeId === "local" || nodeId === peerId;

  const goFromHere = async (address: Address, params: JsonValue, wait: Wait): Promise<JsonValue> => {
    refuseWhenDraining();
    if (address.kind === "capability") {
      return options.callCapability(address.capability, { method: address.method, params }, wait);
    }
    if (address.kind !== "bare" && !isOwn(address.nodeId)) {
      const tail = address.kind === "node" ? "node" : address.agent;
      const far = `${address.nodeId}:${tail}/${address.method}`;
      return options.forwarder.call(address.nodeId, far, params, wait);
    }
    using deadline = startDeadline(options.clock, wait, nodeLimits.callTimeoutMs);
    const context: CallContext = { caller: local, signal: deadline.signal, deadlineMs: deadline.atMs };
    if (address.kind === "bare")
      return await until(toFirst(address.method, params, context), deadline.signal);
    const work =
      address.kind === "node"
        ? toNode(address.method, params, context)
        : toAgent(address.agent, address.method, params, context);
    return await until(work, deadline.signal);
  };

  return {
    call: async (address, params, wait = {}) => goFromHere(parseAddress(address), params, wait),
    async callAgent(target, method, params, wait = {}) {
      const { nodeId, agent } = parseAgentReference(target);
      return goFromHere(parseAddress(`${nodeId}:${agent}/${method}`), params, wait);
    },
    async receive(call) {
      refuseWhenDraining();
      const { method, params, signal, deadlineMs } = call;
      const context: CallContext = { caller: { kind: "peer", peerId: call.peerId }, signal, deadlineMs };
      if (call.to !== "node") return toAgent(call.to, method, params, context);
      const address = parseAddress(method);
      if (address.kind === "bare") {
        throw new ProtocolError("ADDRESS_INVALID", "a peer names the agent it calls");
      }
      if (address.kind === "capability" || !isOwn(address.nodeId)) {
        throw new ProtocolError("UNAUTHORIZED", "this node forwards for nobody", {
          data: { reason: "forwarding_off" },
        });
      }
      if (address.kind === "node") return toNode(address.method, params, context);
      return toAgent(address.agent, address.method, params, context);
    },
    accept(to, caller) {
      refuseWhenDraining();
      if (to !== "node") visible(agents, to, { kind: "peer", peerId: caller });
    },
    inFlight: () => running,
  };
}

/** Who may not see an agent gets the same answer as for one that does not exist. */
function visible(agents: LocalAgents, name: string, caller: Caller): LocalAgent {
  const agent = agents.get(name);
  if (agent === undefined || !maySee(agent.access, caller)) {
    throw new ProtocolError("AGENT_NOT_FOUND", `no agent ${name} here`);
  }
  return agent;
}

/** Where a channel goes: to an agent of this node, to the node itself, or to another node. */

import { type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { CallContext, Caller } from "../agent.ts";
import type { CallMeter } from "../call-meter.ts";
import type { Clock, Wait } from "../clock.ts";
import { type Deadline, startDeadline, until } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import type { AgentDoor } from "./agent-door.ts";
import type { NameFinder } from "./call-names.ts";
import type { AgentChannel, ChannelContext, OpenRequest } from "./channel.ts";
import { channelPair } from "./channel-pair.ts";
import type { FarAgent, FarChannels } from "./far-channels.ts";
import type { Forwarder, MethodCall } from "./forward.ts";
import { plainChannel } from "./plain-channel.ts";
import { readTarget } from "./target.ts";

export interface ChannelRoutesOptions {
  readonly peerId: string;
  readonly clock: Clock;
  readonly door: AgentDoor;
  readonly forwarder: Forwarder;
  readonly farChannels: FarChannels;
  readonly names: NameFinder;
  /** One agent that offers a capability. @throws NO_PROVIDER, CALL_CANCELLED. */
  readonly resolveCapability: (
    capability: string,
    wait: Wait,
  ) => Promise<{ readonly nodeId: string; readonly name: string }>;
  readonly meter?: CallMeter | undefined;
}

/** What channels ask of the calls beside them. */
export interface CallPaths {
  /** A call of an agent here. */
  toAgent(name: string, call: MethodCall, context: CallContext): Promise<JsonValue>;
  /** A call of any address by somebody here. */
  fromHere(call: MethodCall, context: CallContext): Promise<JsonValue>;
  /** Counts a request under way, until what is returned is called. @throws DRAINING. */
  begin(): () => void;
}

export class ChannelRoutes {
  readonly #options: ChannelRoutesOptions;
  readonly #calls: CallPaths;
  /** Requests under way of those who have a name here, by name and agent. */
  readonly #named = new Map<string, number>();

  constructor(options: ChannelRoutesOptions, calls: CallPaths) {
    this.#options = options;
    this.#calls = calls;
  }

  async open(reference: string, request: OpenRequest, wait: Wait): Promise<AgentChannel> {
    const { clock, peerId, resolveCapability } = this.#options;
    const target = readTarget(reference);
    using deadline = startDeadline(clock, wait, nodeLimits.callTimeoutMs);
    const { signal } = deadline;
    if (target.kind === "capability") {
      const left = { timeoutMs: deadline.leftMs(), signal };
      const { nodeId, name } = await resolveCapability(target.capability, left);
      return await this.open(`${nodeId}:${name}`, request, { timeoutMs: deadline.leftMs(), signal });
    }
    const { nodeId } = target;
    const agent = target.kind === "node" ? "node" : target.agent;
    const gone = new AbortController();
    const caller: Caller = { kind: "local", peerId, ...request.as };
    const context = { caller, signal: gone.signal };
    const opening =
      nodeId === "local" || nodeId === peerId
        ? this.#here(agent, request, context)
        : this.#far({ peerId: nodeId, agent }, request, { ...context, deadline });
    return await unlessLate(opening, signal, gone);
  }

  async #here(name: string, opening: OpenRequest, context: ChannelContext): Promise<AgentChannel> {
    const { clock, door, meter } = this.#options;
    const calls = this.#calls;
    if (name !== "node") door.visible(name, context.caller);
    if (opening.proto === "plain" && opening.mode === "call") {
      return plainChannel({
        clock,
        context,
        call: (method, params, call) =>
          name === "node"
            ? calls.fromHere({ method, params }, call)
            : calls.toAgent(name, { method, params }, call),
      });
    }
    if (name === "node") throw new ProtocolError("PROTOCOL_UNSUPPORTED", "the node answers plain calls");
    const opened = await door.open(name, opening, context);
    const [near, far] = channelPair(opened.inside);
    const guard = opened.guard(far, {
      admit: () => undefined,
      enter: () => this.#enter(name, context.caller),
      room: () => Promise.resolve(() => undefined),
      onOver: (beganMs, error) => meter?.ended("local", clock.monotonicMs() - beganMs, error),
      onDrop: () => meter?.dropped(),
    });
    void guard.run();
    return near;
  }

  /** The operator's own programs are not counted. */
  #enter(agent: string, { token, user, anonymous }: Caller): () => void {
    if (token === undefined && user === undefined && anonymous !== true) return this.#calls.begin();
    const key = JSON.stringify([agent, token, user]);
    const mine = this.#named.get(key) ?? 0;
    if (mine >= nodeLimits.rpcInFlightAgent) {
      const data = { retry_after_ms: 100 };
      throw new ProtocolError("TOO_MANY_STREAMS", "too many requests to one agent under way", { data });
    }
    const leave = this.#calls.begin();
    this.#named.set(key, mine + 1);
    return () => {
      leave();
      const left = (this.#named.get(key) ?? 1) - 1;
      if (left === 0) this.#named.delete(key);
      else this.#named.set(key, left);
    };
  }

  /** Plain calls share the streams of all others. */
  async #far(
    { peerId, agent }: FarAgent,
    { proto, mode, headers }: OpenRequest,
    { caller, signal, deadline }: ChannelContext & { readonly deadline: Deadline },
  ): Promise<AgentChannel> {
    const { clock, forwarder, farChannels } = this.#options;
    const names = this.#options.names(caller);
    if (proto !== "plain" || mode !== "call") {
      const wait = { timeoutMs: deadline.leftMs(), signal: deadline.signal };
      return await farChannels.open({ peerId, agent }, { opening: { proto, mode, headers }, names }, wait);
    }
    return plainChannel({
      clock,
      context: { caller, signal },
      call: (method, params, call) => {
        const wire = agent === "node" ? method : `${peerId}:${agent}/${method}`;
        return forwarder.call(peerId, { method: wire, params }, { ...leftOf(call, clock), names });
      },
    });
  }
}

/** What is left of a call's time, for the next node. */
export function leftOf({ deadlineMs, signal }: CallContext, clock: Clock): Wait {
  return { timeoutMs: Math.max(0, deadlineMs - clock.nowMs()), signal };
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

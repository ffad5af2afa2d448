/** The way to the agents of this node: what a caller may see of them, and what may pass. */

import { type JsonValue, parseExact, ProtocolError, toProtocolError } from "@gridmesh/protocol";
import type { CallContext, Caller } from "../agent.ts";
import type { Clock } from "../clock.ts";
import { type AccessJudge, notFound } from "../gate/access.ts";
import { isList, sifted } from "../gate/sift.ts";
import { itemOf } from "./agent-line.ts";
import type { CallAudit } from "./audit.ts";
import type { AgentChannel, ChannelContext, ChannelOpening } from "./channel.ts";
import { ChannelGuard } from "./channel-guard.ts";
import type { Expiry } from "./expiry.ts";
import type { MethodCall } from "./outbound-call.ts";
import type { LocalAgent, LocalAgents } from "./types.ts";

export interface AgentDoorOptions {
  readonly clock: Clock;
  readonly agents: LocalAgents;
  readonly access: AccessJudge;
  readonly expiry: Expiry;
  readonly audit: CallAudit;
}

/** What a guarded channel asks of whoever serves it. */
export interface DoorGuests {
  readonly admit: () => void;
  readonly enter: () => () => void;
  readonly room: (bytes: number) => Promise<() => void>;
  /** Told of each request that is over: when it began (monotonic ms) and what was thrown. */
  readonly onOver: (beganMs: number, error: unknown) => void;
  /** Told of each line that is passed to nobody. */
  readonly onDrop: () => void;
}

/** An agent's own channel, open for one caller and not yet guarded. */
export interface OpenedAgent {
  readonly inside: AgentChannel;
  /** Puts the guard between the channel and its caller's end. */
  guard(outside: AgentChannel, guests: DoorGuests): ChannelGuard;
}

export class AgentDoor {
  readonly #options: AgentDoorOptions;
  #running = 0;

  constructor(options: AgentDoorOptions) {
    this.#options = options;
  }

  /** @throws AGENT_NOT_FOUND. */
  visible(name: string, caller: Caller): LocalAgent {
    const agent = this.#options.agents.get(name);
    if (agent === undefined || !this.#options.access.sees(agent, caller)) throw notFound(name);
    return agent;
  }

  /** Calls of methods under way. */
  get running(): number {
    return this.#running;
  }

  /** Calls a method of an agent. @throws AGENT_NOT_FOUND, UNAUTHORIZED, RATE_LIMITED, the agent's own codes. */
  async call(name: string, { method, params }: MethodCall, context: CallContext): Promise<JsonValue> {
    const { clock, audit } = this.#options;
    const { caller } = context;
    const beganMs = clock.monotonicMs();
    const item = itemOf(method, params);
    this.#running += 1;
    try {
      const result = await this.#judged(name, { method, params, item }, context);
      const ms = clock.monotonicMs() - beganMs;
      audit({ caller, agent: name, method, item, bytes: undefined, ms, code: undefined });
      return result;
    } catch (error) {
      const { code } = toProtocolError(error, "INTERNAL_ERROR");
      const ms = clock.monotonicMs() - beganMs;
      audit({ caller, agent: name, method, item, bytes: undefined, ms, code });
      throw error;
    } finally {
      this.#running -= 1;
    }
  }

  #judged(
    name: string,
    { method, params, item }: MethodCall & { readonly item: string | undefined },
    context: CallContext,
  ): Promise<JsonValue> {
    const { agents, access } = this.#options;
    const { caller } = context;
    const agent = agents.get(name);
    if (agent === undefined) throw notFound(name);
    const leave = access.admit(agent, caller, { method, item });
    let work = agent.call(method, params, context);
    if (isList(method) && access.sifts(agent, caller)) {
      work = work.then((result) => sifted(method, result, (asked) => access.allows(agent, caller, asked)));
    }
    return leave === undefined ? work : work.finally(leave);
  }

  /** @throws AGENT_NOT_FOUND, AGENT_UNAVAILABLE and what the agent's own opening throws. */
  async open(name: string, opening: ChannelOpening, context: ChannelContext): Promise<OpenedAgent> {
    const agent = this.visible(name, context.caller);
    if (agent.state !== "ready") throw unavailable(agent);
    const { proto, mode, headers } = opening;
    const inside = await agent.open({ proto, mode, headers }, context);
    const { caller } = context;
    return {
      inside,
      guard: (outside, guests) => this.#guard({ agent, caller, opening, inside, outside }, guests),
    };
  }

  #guard(talk: Talk, guests: DoorGuests): ChannelGuard {
    const { clock, expiry, access, audit } = this.#options;
    const { agent, caller, opening, inside, outside } = talk;
    const sifts = access.sifts(agent, caller);
    return new ChannelGuard({
      outside,
      inside,
      proto: opening.proto,
      mode: opening.mode,
      clock,
      expiry,
      ...guests,
      enter: (line) => {
        if (agent.state !== "ready") throw unavailable(agent);
        const leaveRule = access.admit(agent, caller, line);
        try {
          const leave = guests.enter();
          return () => {
            leave();
            leaveRule?.();
          };
        } catch (error) {
          leaveRule?.();
          throw error;
        }
      },
      filter: ({ line: { method } }, text) =>
        sifts && isList(method)
          ? siftedLine(method, text, (asked) => access.allows(agent, caller, asked))
          : text,
      onOver: ({ line, beganMs, bytes }, error) => {
        guests.onOver(beganMs, error);
        audit({
          caller,
          agent: agent.name,
          method: line.method,
          item: line.item,
          ms: clock.monotonicMs() - beganMs,
          bytes,
          code: error === undefined ? undefined : toProtocolError(error, "INTERNAL_ERROR").code,
        });
      },
    });
  }
}

interface Talk {
  readonly agent: LocalAgent;
  readonly caller: Caller;
  readonly opening: ChannelOpening;
  readonly inside: AgentChannel;
  readonly outside: AgentChannel;
}

function unavailable({ name, state }: LocalAgent): ProtocolError {
  return new ProtocolError("AGENT_UNAVAILABLE", `agent ${name} is ${state}`);
}

function siftedLine(method: string, text: string, allows: Parameters<typeof sifted>[2]): string {
  const answer = parseExact(text) as { readonly result?: JsonValue };
  if (answer.result === undefined) return text;
  return JSON.stringify({ ...answer, result: sifted(method, answer.result, allows) });
}

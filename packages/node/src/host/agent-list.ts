/** The agents of a node in order of registration, from their first key to their last call. */

import { isAgentName, ProtocolError, messageOf, uuidV7 } from "@gridmesh/protocol";
import type { Access, AgentContext } from "../agent.ts";
import type { Clock, Random } from "../clock.ts";
import type { AccessJudge } from "../gate/access.ts";
import type { Identity } from "../identity.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import { TaskRoom } from "./a2a-task-room.ts";
import { withBothFaces } from "./adapters.ts";
import { type AgentSource, hostAgent, type HostAgentOptions, type HostParts } from "./host-agent.ts";
import type { HostedAgent } from "./in-process.ts";

export interface AgentOptions {
  /** Default `network`: an agent added in code. */
  readonly access?: Access | undefined;
}

/** A place in the list; disposing it unregisters the agent. */
export interface Registration extends Disposable {
  readonly name: string;
  /** Settles once the agent has started. @throws AGENT_START_FAILED, IDENTITY_UNREADABLE. */
  readonly ready: Promise<void>;
}

/** An agent with the key it signs with. */
export interface SeatedAgent {
  readonly hosted: HostedAgent;
  readonly identity: Identity;
}

export interface AgentList {
  /** @throws AGENT_NAME_TAKEN, ADDRESS_INVALID (no agent name), QUOTA_EXCEEDED, INVALID_PARAMS, AGENT_START_FAILED. */
  register(name: string, source: AgentSource, options?: AgentOptions): Registration;
  /** Withdraws the record, lets calls end within the drain time, stops the agent. @throws AGENT_NOT_FOUND. */
  unregister(name: string): Promise<void>;
  list(): readonly HostedAgent[];
  get(name: string): HostedAgent | undefined;
  /** The agents whose key is known, with it. */
  seated(): readonly SeatedAgent[];
  /** Drains and stops every agent, last registered first. */
  stopAll(drainMs: number): Promise<void>;
}

export interface AgentListOptions {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly access: AccessJudge;
  readonly log: Log;
  readonly identify: (name: string) => Promise<Identity>;
  readonly contextFor: (agent: SeatedAgent, signal: AbortSignal) => AgentContext;
  /** Told when an agent appears, changes state or goes. */
  readonly onChange: (agent: SeatedAgent) => void;
  /** What the kinds of agents other than modules need. */
  readonly parts: Omit<HostParts, "log" | "clock">;
}

interface Seat {
  readonly source: AgentSource;
  readonly access: Access;
  readonly stop: AbortController;
  agent: SeatedAgent | undefined;
  placeholder: HostedAgent;
}

export function createAgentList(options: AgentListOptions): AgentList {
  return new Seats(options);
}

/** Each agent's `stop` gets at least this, also when nothing is left of the drain. */
const STOP_MS = 300;

class Seats implements AgentList {
  readonly #options: AgentListOptions;
  readonly #seats = new Map<string, Seat>();
  readonly #tasks = new TaskRoom();

  constructor(options: AgentListOptions) {
    this.#options = options;
  }

  register(name: string, source: AgentSource, given: AgentOptions = {}): Registration {
    const seats = this.#seats;
    if (!isAgentName(name)) throw new ProtocolError("ADDRESS_INVALID", `"${name}" is no agent name`);
    if (seats.has(name)) throw new ProtocolError("AGENT_NAME_TAKEN", `agent ${name} lives here already`);
    if (seats.size >= nodeLimits.agents) throw new ProtocolError("QUOTA_EXCEEDED", "no room for more agents");
    const access = given.access ?? "network";
    const placeholder = this.#host({ name, agentId: "", access, source });
    const seat: Seat = { source, access, stop: new AbortController(), agent: undefined, placeholder };
    seats.set(name, seat);
    const ready = this.#begin(name, seat);
    // Whoever does not wait for it reads the state instead.
    ready.catch(() => undefined);
    return {
      name,
      ready,
      [Symbol.dispose]: () => {
        if (seats.get(name) === seat) void this.#end(name, nodeLimits.drainMs);
      },
    };
  }

  unregister(name: string): Promise<void> {
    return this.#end(name, nodeLimits.drainMs);
  }

  list(): readonly HostedAgent[] {
    return [...this.#seats.values()].map((seat) => seat.placeholder);
  }

  get(name: string): HostedAgent | undefined {
    return this.#seats.get(name)?.placeholder;
  }

  seated(): readonly SeatedAgent[] {
    return [...this.#seats.values()].flatMap((seat) => (seat.agent === undefined ? [] : [seat.agent]));
  }

  async stopAll(drainMs: number): Promise<void> {
    await Promise.all([...this.#seats.keys()].reverse().map((name) => this.#end(name, drainMs)));
  }

  #host(options: Omit<HostAgentOptions, "parts">): HostedAgent {
    const { clock, log, parts } = this.#options;
    return hostAgent({ ...options, parts: { ...parts, log, clock } });
  }

  #withFaces(inner: HostedAgent, { signer }: Identity): HostedAgent {
    const { nodeId, clock, random, log, access } = this.#options;
    return withBothFaces(inner, {
      name: inner.name,
      nodeId,
      signer,
      clock,
      log,
      newId: () => uuidV7(clock.nowMs(), random),
      tasks: this.#tasks,
      allows: (caller, asked) => access.allows(inner, caller, asked),
    });
  }

  async #begin(name: string, seat: Seat): Promise<void> {
    const { identify, contextFor, onChange, log } = this.#options;
    try {
      const identity = await identify(name);
      const { source, access } = seat;
      const inner = this.#host({ name, agentId: identity.signer.agentId, access, source });
      const hosted = this.#withFaces(inner, identity);
      const agent = { hosted, identity };
      seat.agent = agent;
      seat.placeholder = hosted;
      await hosted.definition.start?.(contextFor(agent, seat.stop.signal));
      if (hosted.state !== "starting") return;
      hosted.become("ready");
      onChange(agent);
    } catch (error) {
      const reason = messageOf(error);
      seat.placeholder.become("failed", reason);
      log.error("agent.failed", `agent ${name} did not start: ${reason}`, { agent: name });
      if (error instanceof ProtocolError && error.code === "IDENTITY_UNREADABLE") throw error;
      throw new ProtocolError("AGENT_START_FAILED", `agent ${name}: ${reason}`, { cause: error });
    }
  }

  /** Withdrawn first, so that nobody new comes; then drained, then stopped. */
  async #end(name: string, drainMs: number): Promise<void> {
    const { clock, onChange } = this.#options;
    const seat = this.#seats.get(name);
    if (seat === undefined) throw new ProtocolError("AGENT_NOT_FOUND", `no agent ${name} here`);
    const hosted = seat.placeholder;
    if (hosted.state === "draining") return;
    const endMs = clock.monotonicMs() + drainMs;
    const leftMs = () => Math.max(0, endMs - clock.monotonicMs());
    hosted.become("draining");
    if (seat.agent !== undefined) onChange(seat.agent);
    await this.#within(name, leftMs(), () => hosted.definition.drain?.());
    await this.#within(name, leftMs(), () => hosted.idle());
    await this.#within(name, Math.max(leftMs(), STOP_MS), () => hosted.close());
    seat.stop.abort(new ProtocolError("DRAINING", `agent ${name} is being stopped`));
    await this.#within(name, Math.max(leftMs(), STOP_MS), () => hosted.definition.stop?.());
    hosted.become("stopped");
    this.#seats.delete(name);
  }

  /** Waits for an agent's own clean-up, no longer than the limit: a hanging agent does not hold the node. */
  async #within(name: string, limitMs: number, work: () => Promise<void> | undefined): Promise<void> {
    const { clock, log } = this.#options;
    const done = new AbortController();
    try {
      const limit = clock.sleep(limitMs, done.signal).then(
        () => log.warn("agent.slow", `agent ${name} did not end in time`, { agent: name }),
        () => undefined,
      );
      await Promise.race([work(), limit]);
    } catch (error) {
      const text = messageOf(error);
      log.warn("agent.stop", `agent ${name} failed while ending: ${text}`, { agent: name });
    } finally {
      done.abort();
    }
  }
}

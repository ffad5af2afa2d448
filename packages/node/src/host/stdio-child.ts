/** An agent that is another program: its processes, who shares one, and how calls reach them. */

import { type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { Access, AgentDefinition, CallContext, Caller } from "../agent.ts";
import { until } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import type { AgentChannel, ChannelContext, ChannelOpening } from "../route/channel.ts";
import type { AgentState } from "../route/types.ts";
import { type ChildRoom, longestIdle } from "./children.ts";
import type { HostedAgent } from "./in-process.ts";
import { legacyFromModern } from "./mcp-bridge-legacy.ts";
import { modernFromLegacy } from "./mcp-bridge-modern.ts";
import { withEnvelope, withoutEnvelope } from "./mcp-envelope.ts";
import { type CrashLog, crashLog } from "./stdio-child-crashes.ts";
import type { Greeting } from "./stdio-child-greeting.ts";
import { type ChildHome, ChildKeeper, type KeptChild } from "./stdio-child-keeper.ts";
import { askOlder } from "./stdio-child-older.ts";
import { ChildSession } from "./stdio-child-session.ts";
import { checkChild, type ChildDefinition, specOf } from "./stdio-child-spec.ts";

export interface ChildHostOptions {
  readonly name: string;
  readonly agentId: string;
  readonly access: Access;
  readonly definition: ChildDefinition;
  readonly room: ChildRoom;
}

/** @throws INVALID_PARAMS when the definition is none. */
export function hostChild(options: ChildHostOptions): HostedAgent {
  checkChild(options.name, options.definition);
  return new StdioAgent(options);
}

class StdioAgent implements HostedAgent {
  readonly kind = "stdio";
  readonly name: string;
  readonly agentId: string;
  readonly access: Access;
  readonly definition: AgentDefinition;
  readonly capabilities: readonly string[];
  state: AgentState = "starting";
  reason: string | undefined;
  inFlight = 0;
  callsTotal = 0;
  errorsTotal = 0;
  readonly #perPeer: boolean;
  readonly #home: ChildHome;
  readonly #crashes: CrashLog;
  readonly #keepers = new Map<string, ChildKeeper>();
  readonly #sessions = new Set<ChildSession>();
  #asking: Promise<Greeting> | undefined;
  readonly #idlers: (() => void)[] = [];

  constructor({ name, agentId, access, definition, room }: ChildHostOptions) {
    this.name = name;
    this.agentId = agentId;
    this.access = access;
    this.capabilities = definition.capabilities ?? [];
    this.definition = {
      capabilities: this.capabilities,
      ...(definition.policy === undefined ? {} : { policy: definition.policy }),
      drain: () => this.#drain(),
    };
    this.#perPeer = definition.isolation === "per-peer";
    this.#crashes = crashLog({
      agent: name,
      clock: room.clock,
      random: room.random,
      onFailed: () => this.become("failed", `${nodeLimits.childCrashes} crashes within a minute`),
    });
    this.#home = {
      agent: name,
      spec: specOf(definition, room.env),
      room,
      crashes: this.#crashes,
      greeting: undefined,
      legacyFirst: false,
      errors: "",
    };
  }

  become(state: AgentState, reason?: string): void {
    if (this.state === "failed" && state === "ready") return;
    this.state = state;
    this.reason = reason;
  }

  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idlers.push(resolve));
  }

  async close(): Promise<void> {
    const ending = [...this.#keepers.values(), ...this.#sessions];
    await Promise.all(ending.map((child) => child.stopNow()));
  }

  async call(method: string, params: JsonValue, context: CallContext): Promise<JsonValue> {
    this.callsTotal += 1;
    this.inFlight += 1;
    try {
      const { lines, greeting } = await this.#kept(context);
      const given = greeting.era === "legacy" ? withoutEnvelope(params) : withEnvelope(params);
      return await lines.request(method, given, context);
    } catch (error) {
      this.errorsTotal += 1;
      throw error;
    } finally {
      this.inFlight -= 1;
      if (this.inFlight === 0) for (const wake of this.#idlers.splice(0)) wake();
    }
  }

  async open({ proto, mode }: ChannelOpening, context: ChannelContext): Promise<AgentChannel> {
    if (proto === "a2a") {
      throw new ProtocolError("PROTOCOL_UNSUPPORTED", `agent ${this.name} does not speak A2A`);
    }
    const channel =
      mode === "session" ? await this.#session(context) : await this.#lane({ proto, mode }, context);
    const onAbort = () => channel.reset("the caller has gone");
    context.signal.addEventListener("abort", onAbort, { once: true });
    void channel.closed.then(() => context.signal.removeEventListener("abort", onAbort));
    return channel;
  }

  /** A channel of the modern revision, or of plain JSON-RPC, on the shared process. */
  async #lane({ proto, mode }: ChannelOpening, context: ChannelContext): Promise<AgentChannel> {
    const { lines, greeting, subscriptions } = await this.#kept(context);
    const { era, versions, initialized } = greeting;
    const channel = lines.attach({ era, versions, mode });
    if (proto === "plain" || initialized === undefined) return channel;
    return modernFromLegacy({ channel, initialized, subscriptions });
  }

  async #kept({ caller, signal }: ChannelContext): Promise<KeptChild> {
    this.#refuseUnlessReady();
    return this.#keeper(this.#perPeer ? keyOf(caller) : "").ready(signal);
  }

  #keeper(key: string): ChildKeeper {
    const known = this.#keepers.get(key);
    if (known !== undefined) return known;
    const keeper: ChildKeeper = new ChildKeeper(this.#home, () => {
      if (key !== "" && keeper.state === "stopped") this.#keepers.delete(key);
    });
    this.#keepers.set(key, keeper);
    return keeper;
  }

  async #session(context: ChannelContext): Promise<AgentChannel> {
    this.#refuseUnlessReady();
    this.#crashes.check();
    const { era, versions, alone, discovered } = await this.#olderToo(context);
    if (alone === true) return this.#bridged(context, discovered ?? {});
    await this.#makeRoom();
    const session = await ChildSession.open({
      home: this.#home,
      context,
      era,
      versions,
      onGone: (gone) => this.#sessions.delete(gone),
    });
    this.#sessions.add(session);
    return session.channel;
  }

  /** What it speaks, with the older revision asked for where that is not known. */
  async #olderToo(context: ChannelContext): Promise<Greeting> {
    const { greeting } = await this.#kept(context);
    if (greeting.era !== "modern" || greeting.alone === true) return greeting;
    this.#asking ??= askOlder(this.#home, greeting).finally(() => {
      this.#asking = undefined;
    });
    return until(this.#asking, context.signal);
  }

  #bridged(context: ChannelContext, discovered: JsonObject): Promise<AgentChannel> {
    const open = async (mode: "call" | "listen") => {
      const { lines, greeting } = await this.#kept(context);
      return lines.attach({ ...greeting, mode });
    };
    return legacyFromModern({ name: this.name, open, discovered });
  }

  async #makeRoom(): Promise<void> {
    while (this.#sessions.size >= nodeLimits.childSessions) {
      const session = longestIdle([...this.#sessions]);
      if (session === undefined) {
        throw new ProtocolError("QUOTA_EXCEEDED", `agent ${this.name} has no room for another session`);
      }
      await session.leave();
      this.#sessions.delete(session);
    }
  }

  #refuseUnlessReady(): void {
    const { name, state } = this;
    if (state === "failed") this.#crashes.check();
    if (state !== "ready") throw new ProtocolError("AGENT_UNAVAILABLE", `agent ${name} is ${state}`);
  }

  async #drain(): Promise<void> {
    const ending = [...this.#keepers.values(), ...this.#sessions];
    await Promise.all(ending.map((child) => child.drain()));
  }
}

/** Whose process it is: a node, one of its users, one of the agents that speak for it. */
function keyOf({ kind, peerId, user, token, agentId, anonymous }: Caller): string {
  return JSON.stringify([kind, peerId, user, token, agentId, anonymous ?? false]);
}

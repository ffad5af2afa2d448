/** An agent that is another program: its processes, and who shares one. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Access, Caller } from "../agent.ts";
import { until } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import type { AgentChannel, ChannelContext } from "../route/channel.ts";
import { type ChildRoom, longestIdle } from "./children.ts";
import type { HostedAgent } from "./in-process.ts";
import { OutsideAgent, type OutsideBack, type SharedTalk } from "./outside-agent.ts";
import type { Greeting } from "./outside-greeting.ts";
import { crashLog } from "./stdio-child-crashes.ts";
import { type ChildHome, ChildKeeper } from "./stdio-child-keeper.ts";
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
  const { name, agentId, access, definition, room } = options;
  checkChild(name, definition);
  const { capabilities, policy } = definition;
  return new OutsideAgent({ kind: "stdio", name, agentId, access, capabilities, policy }, (agent) => {
    const onFailed = () => agent.become("failed", `${nodeLimits.childCrashes} crashes within a minute`);
    const crashes = crashLog({ agent: name, clock: room.clock, random: room.random, onFailed });
    return new Processes(options, {
      agent: name,
      get spec() {
        const plain = specOf(definition, room.env);
        return { ...plain, env: { ...plain.env, ...definition.right?.variables() } };
      },
      room,
      crashes,
      greeting: undefined,
      legacyFirst: false,
      errors: "",
    });
  });
}

class Processes implements OutsideBack {
  readonly #perPeer: boolean;
  readonly #home: ChildHome;
  readonly #end: () => void;
  readonly #keepers = new Map<string, ChildKeeper>();
  readonly #sessions = new Set<ChildSession>();
  /** Sessions whose process is being started. */
  #opening = 0;
  #asking: Promise<Greeting> | undefined;

  constructor({ definition }: ChildHostOptions, home: ChildHome) {
    this.#perPeer = definition.isolation === "per-peer";
    this.#home = home;
    this.#end = () => definition.right?.end();
  }

  async shared({ caller, signal }: ChannelContext): Promise<SharedTalk> {
    const key = this.#perPeer ? keyOf(caller) : "";
    const keeper = this.#keeper(key);
    try {
      return await keeper.ready(signal);
    } catch (error) {
      this.#forgetIfOver(key, keeper);
      throw error;
    }
  }

  older(known: Greeting, { signal }: ChannelContext): Promise<Greeting> {
    this.#asking ??= askOlder(this.#home, known).finally(() => {
      this.#asking = undefined;
    });
    return until(this.#asking, signal);
  }

  async session({ era, versions }: Greeting, context: ChannelContext): Promise<AgentChannel> {
    this.#home.crashes.check();
    this.#opening += 1;
    try {
      await this.#makeRoom();
      const onGone = (gone: ChildSession) => this.#sessions.delete(gone);
      const session = await ChildSession.open({ home: this.#home, context, era, versions, onGone });
      this.#sessions.add(session);
      return session.channel;
    } finally {
      this.#opening -= 1;
    }
  }

  checkFailed(): void {
    this.#home.crashes.check();
  }

  async drain(): Promise<void> {
    await Promise.all([...this.#keepers.values(), ...this.#sessions].map((child) => child.drain()));
  }

  async close(): Promise<void> {
    this.#end();
    await Promise.all([...this.#keepers.values(), ...this.#sessions].map((child) => child.stopNow()));
  }

  #keeper(key: string): ChildKeeper {
    const known = this.#keepers.get(key);
    if (known !== undefined) return known;
    const keeper: ChildKeeper = new ChildKeeper(this.#home, () => this.#forgetIfOver(key, keeper));
    this.#keepers.set(key, keeper);
    return keeper;
  }

  /** The one that all share stays. */
  #forgetIfOver(key: string, keeper: ChildKeeper): void {
    if (key !== "" && keeper.state === "stopped") this.#keepers.delete(key);
  }

  async #makeRoom(): Promise<void> {
    while (this.#sessions.size + this.#opening > nodeLimits.childSessions) {
      const session = longestIdle([...this.#sessions]);
      if (session === undefined) {
        const { agent } = this.#home;
        throw new ProtocolError("QUOTA_EXCEEDED", `agent ${agent} has no room for another session`);
      }
      await session.leave();
      this.#sessions.delete(session);
    }
  }
}

/** Whose process it is: a node, one of its users, one of the agents that speak for it. */
function keyOf({ kind, peerId, user, token, agentId, anonymous }: Caller): string {
  return JSON.stringify([kind, peerId, user, token, agentId, anonymous ?? false]);
}

/** Who may see an agent, and who may ask what of it: decided by the caller's proven identity alone. */

import { DualBucket, ProtocolError } from "@gridmesh/protocol";
import type { Access, Caller } from "../agent.ts";
import type { Clock } from "../clock.ts";
import {
  type AccessOptions,
  type AccessRule,
  checkAccess,
  follows,
  isMeant,
  type ReadyRule,
  readyRules,
} from "./access-rules.ts";

export type { AccessOptions, AccessRule };

/** An agent as the rules know it. */
interface JudgedAgent {
  readonly name: string;
  readonly access: Access;
}

/** What a request is about. */
export interface Asked {
  readonly method: string;
  readonly item: string | undefined;
}

export interface AccessJudge {
  /** May this caller know that the agent is here? */
  sees(agent: JudgedAgent, caller: Caller): boolean;
  allows(agent: JudgedAgent, caller: Caller, asked: Asked): boolean;
  /**
   * Lets a request pass, and counts it where a rule bounds it; what is returned is called when it is over.
   * @throws AGENT_NOT_FOUND, UNAUTHORIZED, RATE_LIMITED, TOO_MANY_STREAMS.
   */
  admit(agent: JudgedAgent, caller: Caller, asked: Asked): (() => void) | undefined;
  /** Does a rule tell this caller's items of the agent apart, so that lists must be sifted? */
  sifts(agent: JudgedAgent, caller: Caller): boolean;
}

/** Callers whose bounds are remembered. */
const COUNTED = 4_096;

/** @throws CONFIG_INVALID. */
export function createAccess(clock: Clock, options: AccessOptions = {}): AccessJudge {
  checkAccess(options);
  return new Judge(clock, readyRules(options));
}

/** The same bytes for an agent that is missing and for one that may not be seen. */
export function notFound(name: string): ProtocolError {
  return new ProtocolError("AGENT_NOT_FOUND", `no agent ${name} here`);
}

/** `private` is for local callers; `network` and `public` are also for peers, `public` alone for the nameless. */
function hasAccess(access: Access, caller: Caller): boolean {
  if (caller.anonymous === true) return access === "public";
  return caller.kind === "local" || access !== "private";
}

interface Count {
  readonly bucket: DualBucket | undefined;
  inFlight: number;
}

class Judge implements AccessJudge {
  readonly #clock: Clock;
  readonly #rules: readonly ReadyRule[];
  readonly #counts = new Map<string, Count>();

  constructor(clock: Clock, rules: readonly ReadyRule[]) {
    this.#clock = clock;
    this.#rules = rules;
  }

  sees(agent: JudgedAgent, caller: Caller): boolean {
    for (const { rule } of this.#meant(agent, caller)) {
      if (rule.allow) return true;
      if (rule.method === "*" && (rule.item ?? "*") === "*") return false;
    }
    return hasAccess(agent.access, caller);
  }

  allows(agent: JudgedAgent, caller: Caller, asked: Asked): boolean {
    return this.#ruleFor(agent, caller, asked)?.allow ?? hasAccess(agent.access, caller);
  }

  admit(agent: JudgedAgent, caller: Caller, asked: Asked): (() => void) | undefined {
    const rule = this.#ruleFor(agent, caller, asked);
    if (rule?.allow ?? hasAccess(agent.access, caller)) return rule && this.#count(rule, caller);
    if (!this.sees(agent, caller)) throw notFound(agent.name);
    const data = { agent: agent.name };
    throw new ProtocolError("UNAUTHORIZED", `${asked.method} of agent ${agent.name} is not allowed`, {
      data,
    });
  }

  sifts(agent: JudgedAgent, caller: Caller): boolean {
    return this.#meant(agent, caller).some(({ rule }) => rule.item !== undefined || rule.method !== "*");
  }

  /** The rules about this caller and agent, in order. */
  #meant(agent: JudgedAgent, caller: Caller): readonly ReadyRule[] {
    if (this.#rules.length === 0) return this.#rules;
    return this.#rules.filter((ready) => follows(ready.rule.agent, agent.name) && isMeant(ready, caller));
  }

  #ruleFor(agent: JudgedAgent, caller: Caller, { method, item }: Asked): AccessRule | undefined {
    return this.#meant(agent, caller).find(
      ({ rule }) =>
        follows(rule.method, method) &&
        (rule.item === undefined || (item !== undefined && follows(rule.item, item))),
    )?.rule;
  }

  #count(rule: AccessRule, caller: Caller): (() => void) | undefined {
    const { ratePerSec, maxInFlight } = rule;
    if (ratePerSec === undefined && maxInFlight === undefined) return undefined;
    const count = this.#countOf(rule, caller);
    const nowMs = this.#clock.monotonicMs();
    if (maxInFlight !== undefined && count.inFlight >= maxInFlight) {
      const data = { retry_after_ms: 100 };
      throw new ProtocolError("TOO_MANY_STREAMS", "a rule allows no more at once", { data });
    }
    const waitMs = count.bucket?.take(nowMs) ?? 0;
    if (waitMs > 0) {
      throw new ProtocolError("RATE_LIMITED", "a rule allows no more", { data: { retry_after_ms: waitMs } });
    }
    count.inFlight += 1;
    return () => {
      count.inFlight -= 1;
    };
  }

  #countOf(rule: AccessRule, caller: Caller): Count {
    const { peerId, user, agentId, token, anonymous } = caller;
    const place = this.#rules.findIndex((ready) => ready.rule === rule);
    const key = JSON.stringify([place, peerId, user, agentId, token, anonymous]);
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    if (this.#counts.size >= COUNTED) this.#sweep();
    const { ratePerSec } = rule;
    const rates = ratePerSec === undefined ? undefined : ratesOf(ratePerSec);
    const bucket = rates && new DualBucket(this.#clock.monotonicMs(), rates);
    const fresh = { bucket, inFlight: 0 };
    this.#counts.set(key, fresh);
    return fresh;
  }

  /** Who owes nothing is forgotten; if all do, so are those seen first. */
  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { bucket, inFlight }] of this.#counts) {
      if (inFlight === 0 && (bucket?.isFull(nowMs) ?? true)) this.#counts.delete(key);
    }
    for (const key of this.#counts.keys()) {
      if (this.#counts.size < COUNTED) break;
      this.#counts.delete(key);
    }
  }
}

/** One second's worth may come at once. */
function ratesOf(perSecond: number) {
  const burst = Math.max(1, perSecond);
  return { perSecond, burst, peakPerSecond: perSecond * 2, peakBurst: burst };
}

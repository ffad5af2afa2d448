/** The operator's rules on who may ask what of which agent. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Caller } from "../agent.ts";

/** One rule; the first that fits decides. */
export interface AccessRule {
  /** PeerIds, agent_ids, `group:<name>`, `token:<name>`, `anonymous`, or `*` for everybody but the operator. */
  readonly who: readonly string[];
  /** Patterns, in which `*` stands for any text. */
  readonly agent: string;
  readonly method: string;
  /** Of a tool, prompt or resource; a request that names none is not meant. */
  readonly item?: string | undefined;
  readonly allow: boolean;
  /** Requests a second of each caller, and under way at once; default no bound of their own. */
  readonly ratePerSec?: number | undefined;
  readonly maxInFlight?: number | undefined;
}

export interface AccessOptions {
  readonly rules?: readonly AccessRule[] | undefined;
  /** PeerIds and agent_ids by the name of their group. */
  readonly groups?: Readonly<Record<string, readonly string[]>> | undefined;
}

const TERM =
  /^(?:\*|anonymous|(?:group|token):.{1,64}|12D3Koo[1-9A-HJ-NP-Za-km-z]{30,60}|ed25519:[1-9A-HJ-NP-Za-km-z]{30,60})$/;

/** @throws CONFIG_INVALID, naming what is wrong. */
export function checkAccess({ rules = [], groups = {} }: AccessOptions): void {
  for (const [index, { who, ratePerSec, maxInFlight }] of rules.entries()) {
    const wrong = who.find((term) => !TERM.test(term));
    const group = who.find((term) => term.startsWith("group:") && !Object.hasOwn(groups, term.slice(6)));
    const where = `access.rules[${index}]`;
    if (who.length === 0 || wrong !== undefined) throw invalid(`${where}: "${wrong ?? ""}" names nobody`);
    if (group !== undefined) throw invalid(`${where}: no ${group} in access.groups`);
    if ((ratePerSec ?? 1) <= 0 || (maxInFlight ?? 1) < 1) throw invalid(`${where}: a bound is above nought`);
  }
}

/** A rule made ready to be asked many times. */
export interface ReadyRule {
  readonly rule: AccessRule;
  /** All names it means, groups spelled out. */
  readonly who: ReadonlySet<string>;
}

export function readyRules({ rules = [], groups = {} }: AccessOptions): readonly ReadyRule[] {
  return rules.map((rule) => ({
    rule,
    who: new Set(
      rule.who.flatMap((term) => (term.startsWith("group:") ? (groups[term.slice(6)] ?? []) : [term])),
    ),
  }));
}

/** The operator stands above its own rules: without a name of another's it is nobody they mean. */
export function isMeant({ who }: ReadyRule, caller: Caller): boolean {
  const { kind, peerId, agentId, token, anonymous } = caller;
  if (agentId !== undefined && who.has(agentId)) return true;
  if (kind === "peer") return who.has(peerId) || who.has("*");
  if (anonymous === true) return who.has("anonymous") || who.has("*");
  if (token !== undefined) return who.has(`token:${token}`) || who.has("*");
  return agentId !== undefined && who.has("*");
}

/** Longer names than any agent has: no pattern but `*` is tried on them. */
const LONGEST = 4_096;

/** Does a text follow a pattern in which `*` stands for any text? Takes time in proportion to the text. */
export function follows(pattern: string, text: string): boolean {
  if (pattern === "*") return true;
  if (text.length > LONGEST) return false;
  const parts = pattern.split("*");
  const first = parts[0] ?? "";
  const last = parts.length > 1 ? (parts.at(-1) ?? "") : undefined;
  if (last === undefined) return text === first;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length)
    return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}

function invalid(why: string): ProtocolError {
  return new ProtocolError("CONFIG_INVALID", why);
}

/** The context of a message, whatever its members are called: what is missing is told before what is wrong. */

import { ProtocolError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { type ActionNames, type ActionRule, MAX_SEARCH_TTL_MS } from "./actions.ts";
import type { BecknContext } from "./model.ts";
import { present } from "./present.ts";
import {
  type BecknReading,
  contextError,
  isId,
  type JsonMembers,
  member,
  membersOf,
  readInstant,
} from "./reading.ts";
import { parseDuration } from "./time.ts";

/** The revision's names of the members; an absent one is unknown to it. */
export interface ContextNames {
  readonly bapId: string;
  readonly bapUri: string;
  readonly bppId: string;
  readonly bppUri: string;
  readonly transactionId: string;
  readonly messageId: string;
}

export interface ContextRules {
  readonly names: ContextNames;
  readonly versions: ReadonlySet<string>;
  readonly actions: ActionNames;
  /** Members that must be there besides those every revision has. */
  readonly strictly: readonly string[];
  /** Domain of a context that names none; undefined: it must. */
  readonly domain?: string | undefined;
}

const MAX_NAME = 256;
const MAX_URI = 2_048;
const SCHEME = /^[a-z][a-z0-9+.-]*:\S+$/i;

/** The context alone, before anything of the message is believed. @throws BECKN_CONTEXT_INVALID, BECKN_DOMAIN_UNSUPPORTED. */
export function readContext(body: JsonValue, rules: ContextRules, reading: BecknReading): BecknContext {
  const context = membersOf(member(body, "context"));
  checkVersion(context, rules);
  const rule = actionOf(context, rules);
  checkPresent(context, { rules, rule, reading });
  const { names } = rules;
  const said = (name: string) => shortText(context, name, MAX_NAME);
  const uri = (name: string) => uriText(context, name);
  const ids = [names.transactionId, names.messageId].map((name) => idText(context, name, reading));
  const [transactionId = "", messageId = ""] = ids;
  const bppId = said(names.bppId);
  return {
    domain: said("domain") ?? rules.domain ?? "",
    action: rule.action,
    version: said("version") ?? "",
    // Who publishes to its own index speaks for itself.
    bapId: said(names.bapId) ?? bppId ?? "",
    bapUri: uri(names.bapUri) ?? "",
    ...present({ bppId, bppUri: uri(names.bppUri) }),
    transactionId,
    messageId,
    timestampMs: readInstant(said("timestamp") ?? "", reading),
    ttlMs: ttlOf(said("ttl"), rule),
  };
}

function checkVersion(context: JsonMembers, rules: ContextRules): void {
  const version = shortText(context, "version", MAX_NAME);
  if (version === undefined) throw contextError("version is missing", "CTX_MISSING_FIELD");
  if (rules.versions.has(version)) return;
  throw new ProtocolError("BECKN_DOMAIN_UNSUPPORTED", `version ${version}`, {
    data: { beckn: "CTX_VERSION_UNSUPPORTED" },
  });
}

function actionOf(context: JsonMembers, rules: ContextRules): ActionRule {
  const name = shortText(context, "action", MAX_NAME);
  if (name === undefined) throw contextError("action is missing", "CTX_MISSING_FIELD");
  const rule = rules.actions.ruleOfName(name);
  if (!rule) throw contextError(`action "${name}"`);
  return rule;
}

function checkPresent(
  context: JsonMembers,
  about: { readonly rules: ContextRules; readonly rule: ActionRule; readonly reading: BecknReading },
): void {
  const { rules, rule, reading } = about;
  const { names } = rules;
  const always = [names.transactionId, names.messageId, "timestamp"];
  const domain = rules.domain === undefined ? ["domain"] : [];
  const parties = rule.action === "publish" ? [names.bppId] : [names.bapId];
  const strict = [
    names.bapId,
    names.bapUri,
    ...(rule.action === "search" ? [] : [names.bppId, names.bppUri]),
    ...rules.strictly,
    "ttl",
  ];
  const needed = [...always, ...domain, ...parties, ...(reading === "strict" ? strict : [])];
  const missing = needed.find((name) => context[name] === undefined || context[name] === "");
  if (missing !== undefined) throw contextError(`${missing} is missing`, "CTX_MISSING_FIELD");
}

/** What is left out lives as long as ours does; a search must end. */
function ttlOf(ttl: string | undefined, rule: ActionRule): number {
  const ttlMs = ttl === undefined ? rule.ttlMs : parseDuration(ttl);
  if (rule.action === "search" && ttlMs > MAX_SEARCH_TTL_MS) {
    throw contextError("a search lives 10 minutes at most");
  }
  return ttlMs;
}

function idText(context: JsonMembers, name: string, reading: BecknReading): string {
  const id = shortText(context, name, MAX_NAME) ?? "";
  if (!isId(id, reading)) throw contextError(`${name} "${id.slice(0, 40)}"`);
  return id;
}

function uriText(context: JsonMembers, name: string): string | undefined {
  const uri = shortText(context, name, MAX_URI);
  if (uri !== undefined && !SCHEME.test(uri)) throw contextError(`${name} is no URI`);
  return uri;
}

/** A member that is text or absent. @throws BECKN_CONTEXT_INVALID. */
export function shortText(context: JsonMembers, name: string, limit = MAX_NAME): string | undefined {
  const value = Object.hasOwn(context, name) ? context[name] : undefined;
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string" || value.length > limit) throw contextError(`${name} is no short text`);
  return value;
}

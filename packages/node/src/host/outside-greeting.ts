/** The first words with an agent outside: which of MCP's revisions it speaks, and what it says of itself. */

import { isProtocolError, type JsonObject, type JsonValue, type ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { Era } from "../route/channel.ts";
import { LEGACY_VERSIONS, MCP_ERROR, META, MODERN_VERSION } from "./mcp-words.ts";
import type { SharedLines } from "./shared-lines.ts";

/** What was found out of it once and holds for all its processes. */
export interface Greeting {
  readonly era: Era;
  readonly versions: readonly string[];
  /** It was asked for the older revision too, and has it not. */
  readonly alone?: boolean | undefined;
  /** Its answer to `initialize`, or undefined where it was not asked. */
  readonly initialized?: JsonObject | undefined;
  /** Its answer to `server/discover`. */
  readonly discovered?: JsonObject | undefined;
}

export interface GreetOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** As of an earlier process of the same agent. */
  readonly known?: Greeting | undefined;
  /** It died of being asked what it speaks. */
  readonly legacyFirst?: boolean | undefined;
}

/** Silence after which an agent is taken for one of the older revision, and asked as such. */
const SILENCE_MS = 2_000;

const NAME = { name: "gridmesh", version: "1.0" };

/** @throws AGENT_CRASHED, the signal's reason, or what it answers to `initialize`. */
export async function greet(lines: SharedLines, options: GreetOptions): Promise<Greeting> {
  const { known, legacyFirst = false } = options;
  if (known !== undefined && known.era !== "legacy") return known;
  if (known !== undefined || legacyFirst) return initialize(lines, options);
  const discovered = discover(lines, options);
  const first = await Promise.race([discovered, silence(options)]);
  if (first === "legacy") return initialize(lines, options);
  if (first !== "silent") return first;
  return Promise.race([initialize(lines, options), modernOrNever(discovered)]);
}

/** Does an agent of the modern revision speak the older one too? Asked of a process of its own. */
export async function greetOlder(
  lines: SharedLines,
  known: Greeting,
  signal: AbortSignal,
): Promise<Greeting> {
  try {
    const { versions } = await initialize(lines, { signal });
    return { ...known, era: "dual", versions: [...known.versions, ...versions] };
  } catch (error) {
    if (isProtocolError(error) && isAnswer(error)) return { ...known, era: "modern", alone: true };
    throw error;
  }
}

async function discover(lines: SharedLines, { signal }: GreetOptions): Promise<Greeting | "legacy"> {
  const params = {
    _meta: { [META.version]: MODERN_VERSION, [META.capabilities]: {}, [META.callerInfo]: NAME },
  };
  try {
    const result = (await lines.request("server/discover", params, { signal })) as JsonObject;
    const versions = result["supportedVersions"];
    return {
      era: "modern",
      versions: Array.isArray(versions) ? (versions as readonly string[]) : [MODERN_VERSION],
      discovered: result,
    };
  } catch (error) {
    if (!isProtocolError(error) || !isAnswer(error)) throw error;
    return modernByError(error) ?? "legacy";
  }
}

/** Did it say so itself, whatever its number? */
function isAnswer({ code, foreign }: ProtocolError): boolean {
  return (
    foreign !== undefined ||
    !["AGENT_CRASHED", "AGENT_UNAVAILABLE", "CALL_TIMEOUT", "CALL_CANCELLED"].includes(code)
  );
}

/** Only an agent of the modern revision answers with one of its own errors. */
function modernByError({ foreign }: ProtocolError): Greeting | undefined {
  const own: readonly number[] = [
    MCP_ERROR.headerMismatch,
    MCP_ERROR.capabilityMissing,
    MCP_ERROR.versionUnsupported,
  ];
  if (foreign === undefined || !own.includes(foreign.code)) return undefined;
  const supported = (foreign.data as { supported?: JsonValue } | undefined)?.supported;
  return { era: "modern", versions: Array.isArray(supported) ? (supported as string[]) : [MODERN_VERSION] };
}

async function initialize(lines: SharedLines, { signal }: Pick<GreetOptions, "signal">): Promise<Greeting> {
  const params = { protocolVersion: LEGACY_VERSIONS[0] ?? "", capabilities: {}, clientInfo: NAME };
  const initialized = (await lines.request("initialize", params, { signal })) as JsonObject;
  lines.notify("notifications/initialized");
  const version = initialized["protocolVersion"];
  return { era: "legacy", versions: typeof version === "string" ? [version] : LEGACY_VERSIONS, initialized };
}

async function silence({ clock, signal }: GreetOptions): Promise<"silent"> {
  await clock.sleep(SILENCE_MS, signal);
  return "silent";
}

async function modernOrNever(discovered: Promise<Greeting | "legacy">): Promise<Greeting> {
  const found = await discovered;
  return found === "legacy" ? new Promise<never>(() => undefined) : found;
}

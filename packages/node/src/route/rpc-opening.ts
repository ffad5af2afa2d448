/** The first line of a stream each way: who wants to talk to whom, and whether that may begin. */

import {
  fromRpcError,
  type JsonObject,
  type JsonValue,
  parseTolerant,
  ProtocolError,
} from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import type { ChannelMode, ChannelOpening, ChannelProto, Era } from "./channel.ts";
import { isObject, toLine } from "./rpc-lines.ts";

/** What an opening line asks for. */
export interface RpcOpening extends ChannelOpening {
  /** An agent's name, or `node`. */
  readonly to: string;
  readonly user: string | undefined;
  /** The calling agent's binding; counts once it holds. */
  readonly from: JsonValue | undefined;
  /** PeerIds the calls passed through. */
  readonly via: readonly string[];
}

/** What the answer promises. */
export interface RpcAcceptance {
  readonly era: Era;
  readonly versions: readonly string[];
  /** Requests the callee takes at once on the stream. */
  readonly maxInFlight: number;
}

const PROTOS: ReadonlySet<string> = new Set<ChannelProto>(["mcp", "a2a", "plain"]);
const MODES: ReadonlySet<string> = new Set<ChannelMode>(["call", "listen", "session"]);
const ERAS: ReadonlySet<unknown> = new Set<Era>(["modern", "legacy", "dual"]);
const USER_CHARS = 64;
const HEADERS = 8;
const VIA = 16;

/** Reads a stream's opening line. @throws INVALID_REQUEST, PARSE_ERROR, VERSION_UNSUPPORTED, PROTOCOL_UNSUPPORTED. */
export async function readOpening(stream: BoundedStream): Promise<RpcOpening> {
  const line = await stream.readLine({ timeoutMs: nodeLimits.rpcOpeningMs });
  if (line === undefined || line.length > nodeLimits.rpcOpeningBytes) throw invalid("no opening line");
  const opening = parseOpening(line);
  if (opening["v"] !== 1) throw new ProtocolError("VERSION_UNSUPPORTED", "this end speaks v 1");
  const { to, proto, mode, user, from, headers, via } = opening;
  if (typeof to !== "string" || typeof proto !== "string" || typeof mode !== "string") {
    throw invalid("an opening line names to, proto and mode");
  }
  if (!PROTOS.has(proto) || !MODES.has(mode) || (proto === "plain" && mode !== "call")) {
    throw new ProtocolError("PROTOCOL_UNSUPPORTED", "this end has no such proto and mode", {
      data: { modes: [...MODES], protos: [...PROTOS] },
    });
  }
  return {
    to,
    proto: proto as ChannelProto,
    mode: mode as ChannelMode,
    headers: readHeaders(headers),
    user: readUser(user),
    from,
    via: readVia(via),
  };
}

/** An opening line. */
export function openingLine(
  opening: Partial<RpcOpening> & Pick<RpcOpening, "to" | "proto" | "mode">,
): string {
  const { to, proto, mode, user, from, headers, via = [] } = opening;
  return toLine({
    v: 1,
    to,
    proto,
    mode,
    ...(user === undefined ? {} : { user }),
    ...(from === undefined ? {} : { from }),
    ...(headers === undefined || Object.keys(headers).length === 0 ? {} : { headers }),
    ...(via.length === 0 ? {} : { via: [...via] }),
  });
}

export function acceptanceLine({ era, versions, maxInFlight }: RpcAcceptance): string {
  return toLine({ ok: true, era, versions: [...versions], maxInFlight });
}

/** @throws the error of an answer that refuses the stream; STREAM_RESET without any. */
export function readAcceptance(line: Uint8Array | undefined): RpcAcceptance {
  if (line === undefined) throw new ProtocolError("STREAM_RESET", "the stream ended before its first line");
  const answer = parseTolerant(line, { maxDepth: nodeLimits.rpcDepth });
  if (!isObject(answer) || answer["ok"] !== true) {
    throw fromRpcError(isObject(answer) ? answer["error"] : undefined);
  }
  const { era, versions, maxInFlight } = answer;
  return {
    era: ERAS.has(era) ? (era as Era) : "modern",
    versions: Array.isArray(versions) ? versions.filter((version) => typeof version === "string") : [],
    maxInFlight: typeof maxInFlight === "number" && maxInFlight >= 1 ? Math.floor(maxInFlight) : 1,
  };
}

function parseOpening(line: Uint8Array): JsonObject {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(line));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch (error) {
    throw new ProtocolError("PARSE_ERROR", "the opening line is no JSON", { cause: error });
  }
  throw invalid("the opening line is no object");
}

function readUser(user: JsonValue | undefined): string | undefined {
  if (user === undefined) return undefined;
  if (typeof user === "string" && user !== "" && user.length <= USER_CHARS) return user;
  throw invalid(`user is a text of at most ${USER_CHARS} characters`);
}

function readHeaders(headers: JsonValue | undefined): Readonly<Record<string, string>> {
  if (headers === undefined) return {};
  const entries = isObject(headers) ? Object.entries(headers) : undefined;
  if (entries === undefined || entries.length > HEADERS) throw invalid("headers are a few texts by name");
  const texts = entries.flatMap(([name, value]): [string, string][] =>
    typeof value === "string" ? [[name.toLowerCase(), value]] : [],
  );
  if (texts.length < entries.length) throw invalid("headers are texts");
  return Object.fromEntries(texts);
}

function readVia(via: JsonValue | undefined): readonly string[] {
  if (via === undefined) return [];
  const ids = Array.isArray(via) ? via.filter((id) => typeof id === "string") : [];
  if (!Array.isArray(via) || ids.length < via.length || ids.length > VIA) throw invalid("via lists PeerIds");
  return ids;
}

function invalid(why: string): ProtocolError {
  return new ProtocolError("INVALID_REQUEST", why);
}

/** What an agent gives a caller to keep between two rounds of one request: sealed, so that only that one can go on. */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { canonicalize, type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { Caller } from "../agent.ts";
import type { Clock } from "../clock.ts";
import { isObject } from "./mcp-words.ts";

/** The request a state belongs to: each of its rounds has the same method and arguments. */
export interface StateOwner {
  readonly agent: string;
  readonly caller: Caller;
  readonly method: string;
  readonly params: JsonValue | undefined;
}

export interface StateSealOptions {
  /** 32 bytes, asked for once when first needed; who has them can make states. */
  readonly key: () => Uint8Array;
  readonly clock: Pick<Clock, "nowMs">;
}

export interface StateSeal {
  /** The content can be read by whoever holds the state, and changed by nobody. */
  seal(content: JsonValue, owner: StateOwner): string;
  /** @throws INVALID_PARAMS when it was changed, is of another caller or request, or is too old. */
  open(state: string, owner: StateOwner): JsonValue;
}

/** A caller has this long to answer. */
const LIFE_MS = 600_000;

export function createStateSeal({ key, clock }: StateSealOptions): StateSeal {
  let secret: Uint8Array | undefined;
  const tag = (body: string, owner: StateOwner) => {
    secret ??= key();
    const text = `${body}\0${describe(owner)}`;
    return createHmac("sha256", secret).update(text).digest();
  };
  return {
    seal(content, owner) {
      const body = Buffer.from(JSON.stringify([clock.nowMs() + LIFE_MS, content])).toString("base64url");
      return `${body}.${tag(body, owner).toString("base64url")}`;
    },
    open(state, owner) {
      const [body = "", given = "", ...rest] = state.split(".");
      const expected = tag(body, owner);
      const found = Buffer.from(given, "base64url");
      const isWhole = found.toString("base64url") === given && rest.length === 0;
      if (!isWhole || found.length !== expected.length || !timingSafeEqual(found, expected)) throw refused();
      const [endMs, content] = JSON.parse(Buffer.from(body, "base64url").toString()) as [number, JsonValue];
      if (clock.nowMs() > endMs) throw refused();
      return content;
    },
  };
}

/** One text for every reason: a forger learns nothing. */
function refused(): ProtocolError {
  return new ProtocolError("INVALID_PARAMS", "Invalid or expired requestState");
}

function describe({ agent, caller, method, params }: StateOwner): string {
  const { peerId, user = null, agentId = null, token = null, anonymous = false } = caller;
  const arguments_ = createHash("sha256")
    .update(canonicalize(asked(params)))
    .digest("base64url");
  return JSON.stringify([agent, peerId, user, agentId, token, anonymous, method, arguments_]);
}

/** Params without what differs from round to round. */
function asked(params: JsonValue | undefined): JsonObject {
  if (!isObject(params)) return {};
  const { _meta: _m, inputResponses: _i, requestState: _s, ...rest } = params;
  return rest;
}

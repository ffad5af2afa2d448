/** Whose key is it: names that are their own key, pinned ones, then the registries that the operator named. */

import { boundedBody } from "./bounded-body.ts";
import { fromBase64, ProtocolError, selfCertifyingKey } from "@gridmesh/protocol";

const KEPT_MS = 10 * 60_000;
const MISSED_MS = 30_000;
const MAX_KEPT = 10_000;
const LOOK_UP_MS = 3_000;
const MAX_ANSWER_BYTES = 64 * 1024;
/** Anybody may name a subscriber: no more are looked up at once, and known ones are found meanwhile. */
const MAX_UNDER_WAY = 32;

export interface SubscriberKeys {
  /** Undefined: nobody knows this subscriber under this key. @throws OVERLOADED. */
  find(subscriberId: string, keyId: string): Promise<Uint8Array | undefined>;
}

interface Known {
  readonly key: Promise<Uint8Array | undefined>;
  untilMs: number;
}

/**
 * @param pinned - `subscriberId|keyId|base64 of 32 bytes`
 * @param registries - base addresses that answer `/dedi/lookup/…`
 * @throws CONFIG_INVALID for a pinned key that is none.
 */
export function subscriberKeys(pinned: readonly string[], registries: readonly string[]): SubscriberKeys {
  const own = new Map(pinned.map(pinnedKey));
  const known = new Map<string, Known>();
  let underWay = 0;
  return {
    async find(subscriberId, keyId) {
      const certain = selfCertifyingKey(subscriberId) ?? own.get(`${subscriberId}|${keyId}`);
      if (certain !== undefined || registries.length === 0) return certain;
      const name = `${subscriberId}|${keyId}`;
      const kept = known.get(name);
      if (kept !== undefined && kept.untilMs > Date.now()) return kept.key;
      if (underWay >= MAX_UNDER_WAY) throw new ProtocolError("OVERLOADED", "too many keys are looked up");
      underWay += 1;
      if (known.size >= MAX_KEPT) forgetOldest(known);
      const entry: Known = { key: lookUp(registries, subscriberId, keyId), untilMs: Date.now() + MISSED_MS };
      known.delete(name);
      known.set(name, entry);
      void entry.key.then((key) => {
        underWay -= 1;
        if (key !== undefined) entry.untilMs = Date.now() + KEPT_MS;
      });
      return entry.key;
    },
  };
}

function pinnedKey(text: string): [string, Uint8Array] {
  const [subscriberId = "", keyId = "", base64 = "", ...rest] = text.split("|");
  const key = fromBase64(base64, 32);
  if (key === undefined || subscriberId === "" || keyId === "" || rest.length > 0) {
    throw new ProtocolError(
      "CONFIG_INVALID",
      `beckn.http.keys: "${text.slice(0, 80)}" is not subscriberId|keyId|base64 of a raw Ed25519 key`,
    );
  }
  return [`${subscriberId}|${keyId}`, key];
}

function forgetOldest(known: Map<string, Known>): void {
  const oldest = known.keys().next();
  if (!oldest.done) known.delete(oldest.value);
}

/** The first registry that knows it; one that is down is passed over. */
async function lookUp(
  registries: readonly string[],
  subscriberId: string,
  keyId: string,
): Promise<Uint8Array | undefined> {
  // As a part of a path these are no names.
  if ([subscriberId, keyId].some((name) => name === "." || name === "..")) return undefined;
  for (const registry of registries) {
    const path = `/dedi/lookup/${encodeURIComponent(subscriberId)}/subscribers.beckn.one/${encodeURIComponent(keyId)}`;
    const url = `${registry.replace(/\/$/, "")}${path}`;
    const key = await asked(url, subscriberId).catch(() => undefined);
    if (key !== undefined) return key;
  }
  return undefined;
}

interface DediAnswer {
  readonly data?: {
    readonly details?: {
      readonly subscriber_id?: unknown;
      readonly signing_public_key?: unknown;
      readonly status?: unknown;
    };
    readonly valid_from?: unknown;
    readonly valid_till?: unknown;
  };
}

async function asked(url: string, subscriberId: string): Promise<Uint8Array | undefined> {
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(LOOK_UP_MS) });
  const text = new TextDecoder().decode(await boundedBody(response, MAX_ANSWER_BYTES));
  return response.ok ? keyIn(JSON.parse(text) as DediAnswer, subscriberId) : undefined;
}

/** The key of this subscriber's record; one of another's does not tell whose key it is. */
function keyIn({ data }: DediAnswer, subscriberId: string): Uint8Array | undefined {
  const details = data?.details ?? {};
  const { signing_public_key: key, status = "SUBSCRIBED", subscriber_id: told = subscriberId } = details;
  if (status !== "SUBSCRIBED" || told !== subscriberId || typeof key !== "string") return undefined;
  const nowMs = Date.now();
  const isValid = instantOf(data?.valid_from, nowMs) <= nowMs && instantOf(data?.valid_till, nowMs) >= nowMs;
  return isValid ? fromBase64(key, 32) : undefined;
}

function instantOf(text: unknown, absentMs: number): number {
  return typeof text === "string" ? Date.parse(text) : absentMs;
}

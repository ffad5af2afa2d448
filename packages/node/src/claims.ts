/** What an agent says of itself beyond its words, in the form that is told: within a gossip message, large schemas by CID. */

import { createHash } from "node:crypto";
import {
  canonicalBytes,
  type JsonObject,
  type JsonValue,
  parseCanonical,
  ProtocolError,
  schemaOf,
} from "@gridmesh/protocol";
import { CID } from "multiformats/cid";
import { create as digestOf } from "multiformats/hashes/digest";
import type { AgentClaims } from "./agent.ts";
import { nodeLimits } from "./limits.ts";

/** The fields of an advertisement that follow from the agent alone. */
export type Claims = JsonObject;

const RAW = 0x55;
const SHA2_256 = 0x12;
const MAX_OPERATIONS = 64;
const USUAL_LIMITS = {
  maxInputBytes: nodeLimits.rpcLineBytes,
  maxRuntimeS: nodeLimits.callTimeoutMaxMs / 1_000,
};
/** A shorter schema is told in less than its CID. */
const CID_BYTES = 72;
/** For header, binding, words and signature of a message. */
const ENVELOPE_BYTES = 4_096;

/** Words as keys, with whatever the agent says under them. */
export function capabilitiesOf(words: readonly string[], claims: AgentClaims | undefined): JsonObject {
  return { ...Object.fromEntries(words.map((word) => [word, {}])), ...claims?.capabilities };
}

/** @throws INVALID_PARAMS when no record could say it. */
export function checkClaims(claims: AgentClaims | undefined): void {
  const said = claimsOf(claims);
  const told = { ...said, capabilities: capabilitiesOf([], claims) };
  const usual = { name: "agent", status: "available", seq: 1, valid_until: 1 };
  const parsed = schemaOf("capability_advertisement")?.body.safeParse({ ...usual, ...told });
  if (parsed?.success === true && isSendable(told)) return;
  const issue = parsed?.error?.issues[0];
  const why = issue === undefined ? "longer than a record" : `${issue.path.join(".")} ${issue.message}`;
  throw new ProtocolError("INVALID_PARAMS", `claims: ${why}`.slice(0, 300));
}

/** Schemas above 4 KiB by CID; when the whole is too long for a message, all of them, then without operations. */
export function claimsOf(claims: AgentClaims | undefined): Claims {
  const fixed = fixedClaims(claims);
  const forms = [
    () => operationsOf(claims, nodeLimits.schemaBytes),
    () => operationsOf(claims, CID_BYTES),
    () => [],
  ];
  for (const form of forms) {
    const operations = form();
    const whole = { ...fixed, ...(operations.length === 0 ? {} : { operations }) };
    if (isSendable({ ...whole, capabilities: claims?.capabilities ?? {} })) return whole;
  }
  return {};
}

function fixedClaims(claims: AgentClaims = {}): JsonObject {
  const { maxInputBytes, maxRuntimeS } = { ...USUAL_LIMITS, ...claims.limits };
  const told: Record<string, JsonValue | undefined> = {
    limits: { max_input_bytes: maxInputBytes, max_runtime_s: maxRuntimeS },
    data_protocols: claims.dataProtocols === undefined ? undefined : [...claims.dataProtocols],
    e2e_key: claims.e2eKey === undefined ? undefined : { ...claims.e2eKey },
    reputation_score: claims.reputationScore,
    uptime_percentage: claims.uptimePercentage,
    reputation_evidence: claims.reputationEvidence,
  };
  return Object.fromEntries(
    Object.entries(told).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined),
  );
}

function operationsOf(claims: AgentClaims | undefined, maxSchemaBytes: number): JsonObject[] {
  const short = (schema: JsonValue) => schemaOrCid(schema, maxSchemaBytes);
  return (claims?.operations ?? []).slice(0, MAX_OPERATIONS).map((operation) => ({
    name: operation.name,
    version: operation.version,
    input_schema: short(operation.inputSchema),
    output_schema: short(operation.outputSchema),
    effect: operation.effect,
    ...(operation.price === undefined ? {} : { price: operation.price }),
  }));
}

/** The schema, or where it is too long `{cid}` of its canonical bytes: it must be asked for, and can be checked. */
function schemaOrCid(schema: JsonValue, maxBytes: number): JsonValue {
  const bytes = canonicalBytes(schema);
  return bytes.length <= maxBytes ? schema : { cid: cidOf(bytes) };
}

/** CIDv1, raw, sha2-256. */
export function cidOf(bytes: Uint8Array): string {
  const hash = new Uint8Array(createHash("sha256").update(bytes).digest());
  return CID.createV1(RAW, digestOf(SHA2_256, hash)).toString();
}

/** Would a strict reader take it, in a message with the words and the rest? */
function isSendable(claims: JsonObject): boolean {
  try {
    const bytes = canonicalBytes({ claims });
    parseCanonical(bytes);
    return bytes.length <= nodeLimits.capabilityBytes - ENVELOPE_BYTES;
  } catch {
    return false;
  }
}

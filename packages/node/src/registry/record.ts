/** An agent's entry in the registry: its signed, expiring capability_advertisement with its binding. */

import { createHash } from "node:crypto";
import {
  type AgentBinding,
  type CapabilityAdvertisement,
  FIRST_VERSION,
  type JsonObject,
  type JsonValue,
  openEnvelope,
  ProtocolError,
  seal,
  type SealedMessage,
  type Signer,
  type VerifyEngine,
} from "@gridmesh/protocol";
import type { Received } from "../signed-exchange.ts";
import type { Random } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import { isObject } from "../route/rpc-lines.ts";
import { wordsOf } from "../words.ts";
import { capabilitiesOf, type Claims } from "../claims.ts";

/** A record whose signature and binding held. */
export interface AgentRecord {
  readonly name: string;
  readonly agentId: string;
  /** PeerId of the node it is bound to: the agent's own word until that node says the same. */
  readonly nodeId: string;
  readonly seq: number;
  /** Did its signer number it? In version 1.0 the second of signing stands in, and two of one second are no lie. */
  readonly isNumbered: boolean;
  /** Unix seconds. */
  readonly validUntil: number;
  /** From its signing to its end, milliseconds. */
  readonly lifeMs: number;
  readonly status: "available" | "draining" | "gone";
  readonly words: readonly string[];
  /** Work under way in parts of what it can take, 0 … 1; its own claim. */
  readonly load: number;
  readonly protocols: readonly string[];
  readonly eras: readonly string[];
  /** sha256 of `bytes`, hex: two contents of one seq differ in it. */
  readonly hash: string;
  /** The message in the canonical form that was signed. */
  readonly bytes: Uint8Array;
}

/** The field of `extra` that says how an agent is spoken to. */
const SPEAKS = "gridmesh.agent";
const MAX_LOAD = 1;

const SPOKEN = { protocols: 16, eras: 8 } as const;
const SPOKEN_CHARS = 32;
const CID_CHARS = 128;

export interface RecordTerms {
  readonly network: string;
  readonly signer: Signer;
  readonly binding: AgentBinding;
  readonly nowS: number;
  readonly random: Random;
  readonly name: string;
  readonly seq: number;
  readonly status: AgentRecord["status"];
  /** Words. */
  readonly capabilities: readonly string[];
  /** More of what the agent says, in the form that is told. */
  readonly claims?: Claims | undefined;
  /** What it says under its words. */
  readonly under?: JsonObject | undefined;
  /** Work under way now. */
  readonly queueDepth?: number | undefined;
  readonly load?: number | undefined;
  /** Default 180. */
  readonly validS?: number | undefined;
}

/** Signs a record as the agent. */
export function sealRecord(terms: RecordTerms): SealedMessage {
  const { network, signer, binding, nowS, random, queueDepth, load } = terms;
  const words = terms.capabilities.slice(0, nodeLimits.wordsPerAgent);
  return seal(
    {
      type: "capability_advertisement",
      recipient_id: "*",
      ...terms.claims,
      name: terms.name,
      status: terms.status,
      seq: terms.seq,
      valid_until: nowS + (terms.validS ?? nodeLimits.recordValidS),
      capabilities: capabilitiesOf(words, { capabilities: terms.under ?? {} }),
      ...(queueDepth === undefined ? {} : { queue_depth: queueDepth }),
      ...(load === undefined ? {} : { load }),
      extra: { [SPEAKS]: { protocols: ["mcp", "a2a", "plain"], eras: [] } },
    },
    { network, signer, binding, nowS, random },
  );
}

export interface RecordContext {
  readonly network: string;
  readonly engine: VerifyEngine;
  readonly nowS: number;
}

/** Verifies a record as it came over gossip or in an answer. @throws the codes of `openEnvelope`, RECORD_INVALID. */
export function openRecord(bytes: Uint8Array, context: RecordContext): AgentRecord {
  const opened = openEnvelope(bytes, { ...context, isMine: (id) => id === "*", live: false });
  return readProven(opened, bytes, context.nowS);
}

type RecordMessage = CapabilityAdvertisement & {
  readonly type: string;
  readonly version: string;
  readonly agent_id: string;
  readonly recipient_id: string;
  readonly timestamp: number;
  readonly binding: AgentBinding;
  readonly extra?: JsonObject;
};

/** What the ladder gives: the message, and its body as today's schema has it. */
type ProvenMessage = Pick<Received, "message" | "body">;

/** Reads a message whose signature and binding held. @throws RECORD_INVALID. */
export function readProven(proven: ProvenMessage, bytes: Uint8Array, nowS: number): AgentRecord {
  const record = complete({ ...proven.message, ...proven.body } as unknown as RecordMessage);
  checkTerms(record, nowS);
  const { protocols, eras } = speaksOf(record.extra);
  return {
    name: record.name,
    agentId: record.agent_id,
    nodeId: record.binding.peer_id,
    seq: record.seq,
    isNumbered: record.version !== FIRST_VERSION,
    validUntil: record.valid_until,
    lifeMs: (record.valid_until - Math.min(record.timestamp, nowS)) * 1_000,
    status: record.status,
    words: wordsOf(record.capabilities),
    load: Math.min(record.load ?? 0, MAX_LOAD),
    protocols,
    eras,
    hash: hashOf(bytes),
    bytes: alone(bytes),
  };
}

/** Bytes that came in a larger buffer keep all of it: a record is kept for minutes, and there are thousands. */
function alone(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

/** Version 1.0 names no agent and numbers nothing: binding and signing time stand in. */
function complete(record: RecordMessage): RecordMessage {
  const { binding, timestamp } = record;
  const first = { name: binding.name, status: "available", seq: timestamp };
  return Object.assign({ ...first, valid_until: timestamp + nodeLimits.recordValidS }, record);
}

/** @throws RECORD_INVALID. */
function checkTerms(record: RecordMessage, nowS: number): void {
  const { type, recipient_id, binding, name, valid_until } = record;
  if (type !== "capability_advertisement") throw invalid(`a ${type} is no record`);
  if (recipient_id !== "*") throw invalid("a record is for everybody");
  if (name !== binding.name) throw invalid("bound under another name");
  // Whose clock is off is not for a relay to judge: `window` says that time is the reason.
  const late = { data: { window: nodeLimits.recordValidMaxS } };
  if (valid_until > nowS + nodeLimits.recordValidMaxS) throw invalid("the record lasts too long", late);
}

function speaksOf(extra: JsonObject | undefined): Pick<AgentRecord, "protocols" | "eras"> {
  const told = extra?.[SPEAKS];
  if (told === undefined) return { protocols: [], eras: [] };
  if (!isObject(told)) throw invalid(`${SPEAKS} is no object`);
  for (const field of ["card_cid", "discover_cid"]) {
    const cid = told[field];
    if (cid !== undefined && !isText(cid, CID_CHARS)) throw invalid(`${SPEAKS}: ${field}`);
  }
  return { protocols: namesIn(told, "protocols"), eras: namesIn(told, "eras") };
}

function namesIn(told: JsonObject, field: keyof typeof SPOKEN): readonly string[] {
  const names = told[field];
  const fits = Array.isArray(names) && names.length <= SPOKEN[field];
  if (!fits || !names.every((name) => isText(name, SPOKEN_CHARS))) throw invalid(`${SPEAKS}: ${field}`);
  return names;
}

function isText(value: JsonValue, maxChars: number): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= maxChars;
}

/** sha256, hex. */
export function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function invalid(why: string, more: { readonly data?: JsonObject } = {}): ProtocolError {
  return new ProtocolError("RECORD_INVALID", why, more);
}

/** An agent's entry in the registry: its signed, expiring capability_advertisement with its binding. */

import { createHash } from "node:crypto";
import {
  type AgentBinding,
  canonicalBytes,
  type CapabilityAdvertisement,
  type JsonObject,
  openEnvelope,
  ProtocolError,
  seal,
  type SealedMessage,
  type Signer,
  type VerifyEngine,
} from "@gridmesh/protocol";
import type { Random } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import { wordsOf } from "./words.ts";

/** A record whose signature and binding held. */
export interface AgentRecord {
  readonly name: string;
  readonly agentId: string;
  /** PeerId of the node it is bound to. */
  readonly nodeId: string;
  readonly seq: number;
  /** Unix seconds. */
  readonly validUntil: number;
  readonly status: "available" | "draining" | "gone";
  readonly words: readonly string[];
  /** sha256 of the canonical bytes, hex: two contents of one seq differ in it. */
  readonly hash: string;
  /** As it was signed. */
  readonly message: JsonObject;
}

/** No record may claim a longer life than this, seconds. */
const MAX_LIFE_S = 86_400;

export interface RecordTerms {
  readonly network: string;
  readonly signer: Signer;
  readonly binding: AgentBinding;
  readonly nowS: number;
  readonly random: Random;
  readonly name: string;
  readonly seq: number;
  readonly status: AgentRecord["status"];
  readonly capabilities: readonly string[];
}

/** Signs a record as the agent. */
export function sealRecord(terms: RecordTerms): SealedMessage {
  const { network, signer, binding, nowS, random } = terms;
  const words = terms.capabilities.slice(0, nodeLimits.wordsPerAgent);
  return seal(
    {
      type: "capability_advertisement",
      recipient_id: "*",
      name: terms.name,
      status: terms.status,
      seq: terms.seq,
      valid_until: nowS + nodeLimits.recordValidS,
      capabilities: Object.fromEntries(words.map((word) => [word, {}])),
      extra: { "gridmesh.agent": { protocols: ["mcp", "plain"], eras: [] } },
    },
    { network, signer, binding, nowS, random },
  );
}

/** Verifies a record as it came over gossip or in an answer. @throws the codes of `openEnvelope`, RECORD_INVALID. */
export function openRecord(
  bytes: Uint8Array,
  context: { readonly network: string; readonly engine: VerifyEngine; readonly nowS: number },
): AgentRecord {
  const opened = openEnvelope(bytes, { ...context, isMine: (id) => id === "*", live: false });
  return readRecord(opened.message, context.nowS);
}

type RecordMessage = CapabilityAdvertisement & {
  readonly type: string;
  readonly agent_id: string;
  readonly recipient_id: string;
  readonly binding: AgentBinding;
};

/** Reads a message whose signature and binding held. @throws RECORD_INVALID. */
export function readRecord(message: JsonObject, nowS: number): AgentRecord {
  const { type, recipient_id, binding, ...body } = message as unknown as RecordMessage;
  if (type !== "capability_advertisement") {
    throw new ProtocolError("RECORD_INVALID", `a ${type} is no record`);
  }
  if (recipient_id !== "*") throw new ProtocolError("RECORD_INVALID", "a record is for everybody");
  if (body.name !== binding.name) throw new ProtocolError("RECORD_INVALID", "bound under another name");
  if (body.valid_until > nowS + MAX_LIFE_S) {
    throw new ProtocolError("RECORD_INVALID", "the record lasts too long");
  }
  return {
    name: body.name,
    agentId: body.agent_id,
    nodeId: binding.peer_id,
    seq: body.seq,
    validUntil: body.valid_until,
    status: body.status,
    words: wordsOf(body.capabilities),
    hash: hashOf(message),
    message,
  };
}

/** sha256 of the canonical bytes, hex. */
export function hashOf(message: JsonObject): string {
  return createHash("sha256").update(canonicalBytes(message)).digest("hex");
}

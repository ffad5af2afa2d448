/** Signs and verifies cards: a JWS with EdDSA whose key is inside its own name, so that nobody has to be asked for it. */

import {
  type JsonObject,
  keyFromAgentId,
  keyFromPeerId,
  ProtocolError,
  type Signer,
  type VerifyEngine,
} from "@gridmesh/protocol";
import { loadA2a } from "./a2a-sdk.ts";
import { cardUrl, type CardPlace } from "./card.ts";

/** More signatures than anybody has keys for. */
const MAX_SIGNATURES = 8;

/** The card with one signature, `kid` being the agent_id or PeerId of the key. */
export async function signCard(card: JsonObject, signer: Signer, kid: string): Promise<JsonObject> {
  const header = base64url(JSON.stringify({ alg: "EdDSA", typ: "JOSE", kid }));
  const signature = signer.sign(await signedText(card, header));
  return { ...card, signatures: [{ protected: header, signature: base64url(signature) }] };
}

/** What a card must be to count. */
export interface CardCheck {
  readonly engine: VerifyEngine;
  /** Where it was asked for: its first interface says the same. */
  readonly place?: CardPlace | undefined;
  /** The key that is known as the agent's. */
  readonly kid?: string | undefined;
}

/** The `kid` of the first signature that holds. @throws SIGNATURE_INVALID. */
export async function verifyCard(card: JsonObject, { engine, place, kid }: CardCheck): Promise<string> {
  const signatures = Array.isArray(card["signatures"]) ? card["signatures"].slice(0, MAX_SIGNATURES) : [];
  for (const signature of signatures) {
    const signed = readSignature(signature);
    if (signed === undefined || (kid !== undefined && signed.kid !== kid)) continue;
    const text = await signedText(card, signed.header);
    if (!engine(signed.bytes, text, signed.key)) continue;
    if (place !== undefined && firstUrl(card) !== cardUrl(place)) continue;
    return signed.kid;
  }
  throw new ProtocolError("SIGNATURE_INVALID", "no signature of the card holds");
}

/** The fields of a card that A2A knows: no others are covered by its signature. */
export async function soundCard(card: JsonObject): Promise<JsonObject> {
  const { types } = await loadA2a();
  const known = types.AgentCard.toJSON(types.AgentCard.fromJSON(card)) as JsonObject;
  return { ...REQUIRED, ...known };
}

/** Fields that are there also when there is nothing in them. */
const REQUIRED: JsonObject = {
  name: "",
  description: "",
  version: "",
  supportedInterfaces: [],
  capabilities: {},
  defaultInputModes: [],
  defaultOutputModes: [],
  skills: [],
};

/** What is signed: the header and the card in canonical form, without signatures and empty fields. */
async function signedText(card: JsonObject, header: string): Promise<Uint8Array> {
  const { types } = await loadA2a();
  const { signatures: _signatures, ...rest } = card;
  const text = types.canonicalizeAgentCard(types.AgentCard.fromJSON(rest));
  return Buffer.from(`${header}.${base64url(text)}`);
}

interface ReadSignature {
  readonly header: string;
  readonly kid: string;
  readonly key: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Undefined for what is no signature of ours: another algorithm, another kind of key. */
function readSignature(value: unknown): ReadSignature | undefined {
  try {
    const { protected: header, signature } = value as Record<string, unknown>;
    if (typeof header !== "string" || typeof signature !== "string") return undefined;
    const { alg, typ, kid, crit } = JSON.parse(Buffer.from(header, "base64url").toString()) as JsonObject;
    if (alg !== "EdDSA" || typ !== "JOSE" || typeof kid !== "string" || crit !== undefined) return undefined;
    const key = kid.startsWith("ed25519:") ? keyFromAgentId(kid) : keyFromPeerId(kid);
    return { header, kid, key, bytes: new Uint8Array(Buffer.from(signature, "base64url")) };
  } catch {
    return undefined;
  }
}

function firstUrl(card: JsonObject): unknown {
  const [first] = Array.isArray(card["supportedInterfaces"]) ? card["supportedInterfaces"] : [];
  return (first as JsonObject | undefined)?.["url"];
}

function base64url(bytes: Uint8Array | string): string {
  return Buffer.from(bytes as string).toString("base64url");
}

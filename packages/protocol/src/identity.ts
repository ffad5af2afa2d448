/** One Ed25519 key, four spellings: agent_id, PeerId, did:key and the raw 32 bytes. */

import { base32 } from "multiformats/bases/base32";
import { base36 } from "multiformats/bases/base36";
import { base58decode, base58encode, concatBytes, equalBytes } from "./bytes.ts";
import { ProtocolError } from "./errors.ts";

const AGENT_ID_PREFIX = "ed25519:";
const KEY_BYTES = 32;
/** Identity multihash (00, 36 bytes) of a libp2p public key message: type 1 = Ed25519, 32 bytes of key. */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);
/** CIDv1, codec libp2p-key. */
const CID_PREFIX = Uint8Array.of(0x01, 0x72);
/** Multicodec ed25519-pub as a varint. */
const DID_KEY_PREFIX = Uint8Array.of(0xed, 0x01);
/** No spelling of a key is longer; bounds the cost of base58. */
const MAX_NAME_CHARS = 128;

function assertKey(key: Uint8Array): void {
  if (key.length !== KEY_BYTES) throw new TypeError(`an Ed25519 key has 32 bytes, not ${key.length}`);
}

/** `ed25519:` + base58btc of the raw key. */
export function agentIdFromKey(key: Uint8Array): string {
  assertKey(key);
  return AGENT_ID_PREFIX + base58encode(key);
}

/** Names of a node's neighbourhood: the same few sign message after message. */
const NAMES_KEPT = 1_024;

/** Reads each name once while it is among the last that were asked for. */
function once(read: (name: string) => Uint8Array): (name: string) => Uint8Array {
  const known = new Map<string, Uint8Array>();
  return (name) => {
    const before = known.get(name);
    if (before !== undefined) return before.slice();
    const key = read(name);
    const oldest = known.keys().next();
    if (known.size >= NAMES_KEPT && !oldest.done) known.delete(oldest.value);
    known.set(name, key);
    return key.slice();
  };
}

/** The raw key, 32 bytes. @throws IDENTITY_MISMATCH when the text is not an agent_id in its one spelling. */
export function keyFromAgentId(agentId: string): Uint8Array {
  return keyOfAgentId(agentId);
}

const keyOfAgentId = once((agentId) => {
  if (agentId.startsWith(AGENT_ID_PREFIX) && agentId.length <= MAX_NAME_CHARS) {
    const key = base58decode(agentId.slice(AGENT_ID_PREFIX.length));
    if (key?.length === KEY_BYTES && agentIdFromKey(key) === agentId) return key;
  }
  throw new ProtocolError("IDENTITY_MISMATCH", `"${agentId.slice(0, MAX_NAME_CHARS)}" is no agent_id`);
});

export function isAgentId(text: string): boolean {
  try {
    keyFromAgentId(text);
    return true;
  } catch {
    return false;
  }
}

/** The PeerId as it is emitted: base58btc, `12D3Koo…`. */
export function peerIdFromKey(key: Uint8Array): string {
  assertKey(key);
  return base58encode(concatBytes(PEER_ID_PREFIX, key));
}

/**
 * The raw key behind a PeerId in base58btc or as a CIDv1 (base32, base36, base58btc).
 * @throws ADDRESS_INVALID when it is no PeerId, IDENTITY_MISMATCH when its key is no Ed25519 one.
 */
export function keyFromPeerId(text: string): Uint8Array {
  return keyOfPeerId(text);
}

const keyOfPeerId = once((text) => {
  const multihash = text.length <= MAX_NAME_CHARS ? multihashOf(text) : undefined;
  if (multihash === undefined) {
    throw new ProtocolError("ADDRESS_INVALID", `"${text.slice(0, MAX_NAME_CHARS)}" is no PeerId`);
  }
  const prefix = multihash.subarray(0, PEER_ID_PREFIX.length);
  if (multihash.length !== PEER_ID_PREFIX.length + KEY_BYTES || !equalBytes(prefix, PEER_ID_PREFIX)) {
    throw new ProtocolError("IDENTITY_MISMATCH", `${text} names no Ed25519 key`);
  }
  return multihash.slice(PEER_ID_PREFIX.length);
});

/** A PeerId in the spelling that is emitted. @throws ADDRESS_INVALID, IDENTITY_MISMATCH. */
export function normalizePeerId(text: string): string {
  return peerIdFromKey(keyFromPeerId(text));
}

/** @throws ADDRESS_INVALID, IDENTITY_MISMATCH. */
export function agentIdFromPeerId(peerId: string): string {
  return agentIdFromKey(keyFromPeerId(peerId));
}

/** `did:key:z6Mk…`. */
export function didKeyFromKey(key: Uint8Array): string {
  assertKey(key);
  return `did:key:z${base58encode(concatBytes(DID_KEY_PREFIX, key))}`;
}

/** The multihash of a PeerId, base58btc or CIDv1; undefined when the text is neither. */
function multihashOf(text: string): Uint8Array | undefined {
  if (text.startsWith("12D3Koo") || text.startsWith("Qm") || text.startsWith("16Uiu2")) {
    return nonEmpty(base58decode(text));
  }
  const cid = cidBytes(text);
  if (cid === undefined || !equalBytes(cid.subarray(0, CID_PREFIX.length), CID_PREFIX)) return undefined;
  return nonEmpty(cid.subarray(CID_PREFIX.length));
}

function cidBytes(text: string): Uint8Array | undefined {
  try {
    if (text.startsWith("b")) return base32.decode(text);
    if (text.startsWith("k")) return base36.decode(text);
  } catch {
    return undefined;
  }
  return text.startsWith("z") ? base58decode(text.slice(1)) : undefined;
}

function nonEmpty(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes !== undefined && bytes.length > 2 ? bytes : undefined;
}

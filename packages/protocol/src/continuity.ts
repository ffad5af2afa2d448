/** Chains of keys: who signed before is who signs now, when every handover is signed by both keys. */

import { sha256 } from "@noble/hashes/sha2.js";
import { toBase64, toHex } from "./bytes.ts";
import { canonicalize } from "./canonical.ts";
import { signedBytes } from "./document.ts";
import { ProtocolError } from "./errors.ts";
import { keyFromAgentId } from "./identity.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { type OpenContext, openMessage } from "./open.ts";
import type { KeyContinuity } from "./messages/continuity.ts";
import { CONTINUITY_TYPE } from "./new-key.ts";
import { type MessageDraft, seal, type SealedMessage, type SealOptions } from "./seal.ts";
import type { Signer } from "./signer.ts";

/** What a handover says, and by whom. */
export interface ContinuityTerms {
  readonly network: string;
  readonly subject: KeyContinuity["subject"];
  /** Both keys sign. */
  readonly oldSigner: Signer;
  readonly newSigner: Signer;
  /** 1 for the first handover of a chain. */
  readonly seq: number;
  readonly reason: KeyContinuity["reason"];
  readonly notBeforeS: number;
  /** The hash of the key that alone may follow; see `keyHash`. */
  readonly nextKeyHash?: string | undefined;
  readonly nowS: number;
  readonly random: SealOptions["random"];
}

/** A handover whose two signatures held. */
export interface Continuity extends KeyContinuity {
  readonly old_id: string;
  /** As it was signed: to be kept and told to others. */
  readonly message: JsonObject;
}

/** `sha256:` and the hex digest of a raw public key. */
export function keyHash(publicKey: Uint8Array): string {
  return `sha256:${toHex(sha256(publicKey))}`;
}

/** Signs a handover with both keys, for everybody (`recipient_id` is `*`). @throws MESSAGE_MALFORMED. */
export function signContinuity(terms: ContinuityTerms): SealedMessage {
  const { network, oldSigner, newSigner, nowS, random } = terms;
  const draft: MessageDraft = {
    type: CONTINUITY_TYPE,
    recipient_id: "*",
    subject: terms.subject,
    new_id: newSigner.agentId,
    seq: terms.seq,
    reason: terms.reason,
    not_before: terms.notBeforeS,
    ...(terms.nextKeyHash === undefined ? {} : { next_key_hash: terms.nextKeyHash }),
  };
  return seal(draft, {
    network,
    signer: oldSigner,
    nowS,
    random,
    countersign: (unsigned) => ({
      new_key_signature: toBase64(newSigner.sign(signedBytes(CONTINUITY_TYPE, network, unsigned))),
    }),
  });
}

/**
 * Proves a handover told by anybody at any time.
 * @throws the codes of `openEnvelope`, RECORD_INVALID (one key twice), SIGNATURE_INVALID (also of the new key).
 */
export function openContinuity(
  value: JsonValue,
  context: Pick<OpenContext, "network" | "engine" | "nowS">,
): Continuity {
  const opened = openMessage(value, { ...context, isMine: () => false, live: false });
  if (opened.type !== CONTINUITY_TYPE)
    throw new ProtocolError("TYPE_UNKNOWN", `a ${opened.type} hands over no key`);
  const body = opened.body as KeyContinuity;
  return { ...body, old_id: opened.signerId, message: opened.message };
}

/** What is known of one subject: its first id, the handovers since, and who may follow. */
export interface ContinuityChain {
  readonly firstId: string;
  /** In order; each begins where the one before ended. */
  readonly links: readonly Continuity[];
  /** The hash announced for the key after the first one; absent where none was. Later ones are in `links`. */
  readonly nextKeyHash?: string | undefined;
}

/** A chain without a handover; `nextKeyHash` as the subject published it before its first. */
export function startChain(firstId: string, nextKeyHash?: string): ContinuityChain {
  return { firstId, links: [], nextKeyHash };
}

/** The id at the end of a chain, counting only handovers that are in force. */
export function currentId(chain: ContinuityChain, nowS: number): string {
  return chain.links.findLast((link) => link.not_before <= nowS)?.new_id ?? chain.firstId;
}

/**
 * The chain with one more handover; the same chain when it is known already.
 * @throws EQUIVOCATION (one key handed over twice: follow neither), RECORD_OUTDATED (of another chain, or its seq is not
 * the next), IDENTITY_MISMATCH (not the key whose hash was published), RECORD_INVALID (a key
 * comes back, or another subject).
 */
export function extendChain(chain: ContinuityChain, next: Continuity): ContinuityChain {
  const at = chain.links.findIndex((link) => link.old_id === next.old_id);
  checkAnnounced(chain, next, at < 0 ? chain.links.length : at);
  const rival = chain.links[at];
  if (rival !== undefined) {
    if (saysTheSame(rival, next)) return chain;
    throw equivocation(rival, next);
  }
  checkFollows(chain, next);
  return { ...chain, links: [...chain.links, next] };
}

/** Whoever steals a key cannot make the one that was announced: its handover is no second one, it is none. */
function checkAnnounced(chain: ContinuityChain, next: Continuity, at: number): void {
  const announced = at === 0 ? chain.nextKeyHash : chain.links[at - 1]?.next_key_hash;
  if (announced === undefined || keyHash(keyFromAgentId(next.new_id)) === announced) return;
  throw new ProtocolError("IDENTITY_MISMATCH", `${next.new_id} is not the key that was announced`);
}

function checkFollows(chain: ContinuityChain, next: Continuity): void {
  const last = chain.links.at(-1);
  const expectedSeq = last === undefined ? next.seq : last.seq + 1;
  if ((last?.new_id ?? chain.firstId) !== next.old_id || next.seq !== expectedSeq) {
    throw new ProtocolError("RECORD_OUTDATED", `seq ${next.seq} of ${next.old_id} does not follow`);
  }
  if (last !== undefined && last.subject !== next.subject) {
    throw new ProtocolError("RECORD_INVALID", `a ${last.subject} becomes no ${next.subject}`);
  }
  if (next.new_id === chain.firstId || chain.links.some((link) => link.new_id === next.new_id)) {
    throw new ProtocolError("RECORD_INVALID", `${next.new_id} was in use before`);
  }
}

/** The whole chain of handovers in order of seq. @throws as `extendChain`. */
export function chainOf(start: ContinuityChain, handovers: readonly Continuity[]): ContinuityChain {
  return handovers.toSorted((a, b) => a.seq - b.seq).reduce(extendChain, start);
}

/** The same handover signed again, with another nonce or time, is no second one. */
function saysTheSame(a: Continuity, b: Continuity): boolean {
  return canonicalize(factsOf(a)) === canonicalize(factsOf(b));
}

function factsOf(link: Continuity): JsonObject {
  const { message_id: _id, timestamp: _at, nonce: _nonce, ...said } = link.message;
  const { signature: _old, new_key_signature: _new, trace: _trace, extra: _extra, ...facts } = said;
  return facts;
}

function equivocation(rival: Continuity, next: Continuity): ProtocolError {
  const data = { seq: next.seq, old_id: next.old_id, successors: [rival.new_id, next.new_id] };
  return new ProtocolError("EQUIVOCATION", `two successors of ${next.old_id}`, { data });
}

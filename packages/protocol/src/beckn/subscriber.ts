/** Subscribers whose name is their key: no registry is asked for them. */

import { base58decode, equalBytes } from "../bytes.ts";
import { isProtocolError, ProtocolError } from "../errors.ts";
import { didKeyFromKey, keyFromAgentId, keyFromPeerId } from "../identity.ts";
import { isCallback } from "./actions.ts";
import type { BecknContext } from "./model.ts";

const DID_PREFIX = "did:key:z";

/** The raw key of `ed25519:…`, `did:key:z6Mk…` or a PeerId; undefined for any other name. */
export function selfCertifyingKey(subscriberId: string): Uint8Array | undefined {
  if (subscriberId.length > 128) return undefined;
  try {
    if (subscriberId.startsWith("ed25519:")) return keyFromAgentId(subscriberId);
    if (!subscriberId.startsWith("did:")) return keyFromPeerId(subscriberId);
  } catch (error) {
    if (isProtocolError(error)) return undefined;
    throw error;
  }
  const key = subscriberId.startsWith(DID_PREFIX)
    ? base58decode(subscriberId.slice(DID_PREFIX.length))?.slice(2)
    : undefined;
  return key?.length === 32 && didKeyFromKey(key) === subscriberId ? key : undefined;
}

/** Whether two subscriber names stand for the same key. */
export function sameSubscriber(a: string, b: string): boolean {
  if (a === b) return true;
  const [left, right] = [selfCertifyingKey(a), selfCertifyingKey(b)];
  return left !== undefined && right !== undefined && equalBytes(left, right);
}

/** Requests are signed by the buyer's side, callbacks by the seller's. @throws IDENTITY_MISMATCH when the signer is another. */
export function checkParty(context: BecknContext, subscriberId: string): void {
  const party = isCallback(context.action) ? (context.bppId ?? "") : context.bapId;
  if (sameSubscriber(party, subscriberId)) return;
  throw new ProtocolError("IDENTITY_MISMATCH", `signed by ${subscriberId}, not ${party}`, {
    data: { beckn: "AUT_UNAUTHORIZED_ACTION" },
  });
}

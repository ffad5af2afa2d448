/** Replies in any of their spellings, and the proofs that tie one to its request. */

import { canonicalBytes } from "../canonical.ts";
import type { JsonValue } from "../json.ts";
import type { Signer } from "../signer.ts";
import type { BecknFault } from "./model.ts";
import { member, membersOf, readFault, schemaError, text } from "./reading.ts";
import { type BecknVerification, sameSigner, type SignatureName, verifyAuthorization } from "./signature.ts";

/** What a counter-signature of ours is made of. */
export interface ReplyProof {
  readonly signer: Signer;
  /** The name it is made under; absent: the key itself. */
  readonly as?: SignatureName | undefined;
  /** Unix seconds. */
  readonly nowS: number;
  /** `becknDigest` of the request's body. */
  readonly requestDigest: string;
  readonly messageId: string;
}

/** The reason of a NACK, or of an ACK that no callback follows; undefined for an ACK. @throws SCHEMA_INVALID. */
export function decodeAck(body: JsonValue): BecknFault | undefined {
  const message = member(body, "message");
  const status = [member(message, "ack"), message, body]
    .map((place) => member(place, "status"))
    .find((found) => found === "ACK" || found === "NACK");
  if (status === undefined) throw schemaError("the reply is neither ACK nor NACK");
  const error = [body, message, member(message, "ack")]
    .map((place) => member(place, "error"))
    .find((found) => found !== undefined && found !== null);
  if (error !== undefined) return readFault(error);
  return status === "ACK" ? undefined : { code: "", message: "refused without a reason" };
}

/** What shows that the other side has had the request. */
export interface ReplyEvidence {
  /** The header over the whole body, the counter-signature inside it; none: the reply is unproven. */
  readonly proofs: readonly ("header" | "counter")[];
  readonly subscriberId?: string | undefined;
}

export interface ReplyCheck extends Pick<BecknVerification, "engine"> {
  /** The reply's `Signature` header. */
  readonly signature: string | undefined;
  readonly nowS: number;
  readonly keyOf: (subscriberId: string, keyId: string) => Uint8Array | undefined;
  /** The base64 signature of the request, and its body's digest and message_id. */
  readonly requestSignature: string;
  readonly requestDigest: string;
  readonly messageId: string;
  readonly acceptNfhDigestPrefix?: boolean | undefined;
}

/** Checks each proof that is there; all must hold and be of one key. @throws BECKN_SIGNATURE_INVALID, BECKN_SUBSCRIBER_UNKNOWN. */
export function checkReply(bytes: Uint8Array, body: JsonValue, check: ReplyCheck): ReplyEvidence {
  const { signature, requestSignature, requestDigest, messageId, ...rest } = check;
  const header =
    signature === undefined
      ? undefined
      : verifyAuthorization(signature, bytes, { ...rest, requestSignature });
  const inner = counterSignatureOf(body);
  const counter =
    inner === undefined
      ? undefined
      : verifyAuthorization(inner.signature, canonicalBytes(inner.covered), {
          ...rest,
          counter: { requestDigest, messageId },
        });
  if (header && counter) sameSigner(header, counter);
  return {
    proofs: [...(header ? (["header"] as const) : []), ...(counter ? (["counter"] as const) : [])],
    ...(header || counter ? { subscriberId: (header ?? counter)?.subscriberId } : {}),
  };
}

/** The counter-signature and the body without it. */
function counterSignatureOf(
  body: JsonValue,
): { readonly signature: string; readonly covered: JsonValue } | undefined {
  const { signature, counterSignature, ...covered } = membersOf(body);
  const named = counterSignature ?? signature;
  const found = text(named) ?? text(member(named, "signature")) ?? text(member(named, "value"));
  return found === undefined ? undefined : { signature: found, covered: covered as JsonValue };
}

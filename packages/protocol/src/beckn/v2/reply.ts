/** Replies of revision 2: each carries a counter-signature, and one that promises no callback says so by its status. */

import { canonicalBytes } from "../../canonical.ts";
import type { ProtocolError } from "../../errors.ts";
import { becknErrors } from "../error-names.ts";
import { becknRowOf } from "../errors.ts";
import type { BecknFault } from "../model.ts";
import type { ReplyProof } from "../reply.ts";
import { signBeckn } from "../signature.ts";
import { encodeFaultV2 } from "./encode.ts";

/** Taken, but no callback follows. */
const NO_CALLBACK = 409;

/** What is told in callbacks and said at once all the same promises none. */
export function statusOfV2(error: ProtocolError): number {
  return becknRowOf(error).status ?? NO_CALLBACK;
}

/** ACK, NACK, or the ACK that no callback follows. @param proof - absent only where no key of ours is the addressee's */
export function encodeAckV2(fault?: BecknFault, proof?: ReplyProof): Uint8Array {
  const taken = fault === undefined || (becknErrors.get(fault.code)?.status ?? NO_CALLBACK) === NO_CALLBACK;
  const body = {
    status: taken ? "ACK" : "NACK",
    ...(fault === undefined ? {} : { error: encodeFaultV2(fault) }),
  };
  if (!proof) return canonicalBytes(body);
  const { signer, as, nowS, requestDigest, messageId } = proof;
  const counter = { requestDigest, messageId };
  return canonicalBytes({
    ...body,
    signature: signBeckn(canonicalBytes(body), signer, { nowS, as, counter }),
  });
}

import { becknV1 } from "./v1/index.ts";
import type { BecknWire } from "./wire.ts";

export {
  actionOfPath,
  type ActionRule,
  type BecknAction,
  becknActions,
  type BecknCallbackAction,
  type BecknRequestAction,
  isCallback,
} from "./actions.ts";
export { parseBecknBody } from "./body.ts";
export { formatDecimal, parseDecimal } from "./decimal.ts";
export { becknErrorOf, type BecknErrorRow } from "./errors.ts";
export {
  type BecknReplyHeader,
  type BecknRequestHeader,
  decodeBecknFrame,
  decodeReplyHeader,
  decodeRequestHeader,
  encodeBecknFrame,
  encodeBecknHeader,
  MAX_BECKN_BODY_BYTES,
  MAX_BECKN_HEADER_BYTES,
} from "./frame.ts";
export type {
  BecknCatalog,
  BecknContent,
  BecknContext,
  BecknDelivery,
  BecknFault,
  BecknIntent,
  BecknMessage,
  BecknOffer,
  BecknOrder,
  BecknOrderStatus,
  BecknQuote,
  QuoteTitle,
} from "./model.ts";
export {
  type AuthorizationHeader,
  becknDigest,
  type BecknVerification,
  parseAuthorization,
  type SignatureBinding,
  signatureWindow,
  signBeckn,
  signingString,
  verifyAuthorization,
  verifySignature,
} from "./signature.ts";
export { sameSubscriber, selfCertifyingKey } from "./subscriber.ts";
export { formatDuration, formatInstant, parseDuration, parseInstant } from "./time.ts";
export { type BecknSide, type BecknUri, formatBecknUri, parseBecknUri } from "./uri.ts";
export { becknV1 } from "./v1/index.ts";
export type { BecknProfile, BecknWire } from "./wire.ts";

const wires: ReadonlyMap<string, BecknWire> = new Map([[becknV1.profile, becknV1]]);

/** The revision behind a frame's profile, if it is spoken here. */
export function becknWire(profile: string): BecknWire | undefined {
  return wires.get(profile);
}

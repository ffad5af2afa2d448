import { becknV1 } from "./v1/index.ts";
import { becknV2 } from "./v2/index.ts";
import type { BecknWire } from "./wire.ts";

export {
  type ActionNames,
  actionOfPath,
  type ActionRule,
  type BecknAction,
  becknActions,
  type BecknCallbackAction,
  type BecknRequestAction,
  callbackOf,
  isCallback,
  requestOf,
} from "./actions.ts";
export { parseBecknBody } from "./body.ts";
export {
  type BecknChoice,
  type ChoiceOffer,
  choiceRefusal,
  choiceSchema,
  type ChoiceWish,
  compareChoices,
  MAX_CHOICE_OFFERS,
  rankChoice,
} from "./choice.ts";
export type { BecknContent, BecknMessage } from "./content.ts";
export { formatDecimal, parseDecimal } from "./decimal.ts";
export { becknErrors, type BecknErrorRow } from "./error-names.ts";
export { becknErrorOf, becknRowOf } from "./errors.ts";
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
export { type BecknMandate, type MandateTerms, readMandate, signMandate } from "./mandate.ts";
export { importedKey } from "./imported-key.ts";
export {
  type BecknCatalog,
  type BecknContext,
  type BecknDelivery,
  type BecknFault,
  type BecknIntent,
  type BecknMeter,
  type BecknOffer,
  type BecknOfferInterval,
  type BecknOrder,
  type BecknOrderInterval,
  type BecknOrderName,
  type BecknOrderStatus,
  type BecknPublishResult,
  type BecknQuote,
  type BecknRating,
  type BecknSource,
  becknSources,
  type BecknSupport,
  type QuoteTitle,
} from "./model.ts";
export {
  closedCatalog,
  openCatalog,
  type BecknOpenCatalog,
  type BecknOpenIntent,
  type BecknOpenInterval,
  type BecknOpenOffer,
  type BecknOpenOrder,
  type BecknWindow,
} from "./open.ts";
export type { BecknReading } from "./reading.ts";
export { checkReply, type ReplyCheck, type ReplyEvidence, type ReplyProof } from "./reply.ts";
export {
  type AuthorizationHeader,
  becknDigest,
  type BecknVerification,
  callbackBinding,
  parseAuthorization,
  type SignatureBinding,
  type SignatureName,
  signatureWindow,
  signBeckn,
  signingString,
  verifyAuthorization,
  verifyBound,
  verifySignature,
} from "./signature.ts";
export { checkParty, sameSubscriber, selfCertifyingKey } from "./subscriber.ts";
export { formatDuration, formatInstant, parseDuration, parseInstant } from "./time.ts";
export { type BecknSide, type BecknUri, formatBecknUri, parseBecknUri, readBecknUri } from "./uri.ts";
export { becknV1 } from "./v1/index.ts";
export { becknV2 } from "./v2/index.ts";
export type { BecknProfile, BecknWire } from "./wire.ts";

const wires: ReadonlyMap<string, BecknWire> = new Map([becknV1, becknV2].map((wire) => [wire.profile, wire]));

/** The revision behind a frame's profile, if it is spoken here. */
export function becknWire(profile: string): BecknWire | undefined {
  return wires.get(profile);
}

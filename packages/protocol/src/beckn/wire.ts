/** A wire revision: how the neutral model is spelled. One folder each; the request's revision is the answer's. */

import type { ProtocolError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import type { BecknContent, BecknContext, BecknFault, BecknMessage } from "./model.ts";

export type BecknProfile = "beckn/1" | "beckn/2";

export interface BecknWire {
  readonly profile: BecknProfile;
  /** @throws AMOUNT_INVALID. */
  encode(message: BecknMessage): Uint8Array;
  /** @throws BECKN_CONTEXT_INVALID, BECKN_DOMAIN_UNSUPPORTED. */
  decodeContext(body: JsonValue): BecknContext;
  /** @throws SCHEMA_INVALID, AMOUNT_INVALID, SLOT_INVALID. */
  decodeContent(body: JsonValue, context: BecknContext): BecknContent;
  /** ACK, or NACK with its reason. */
  encodeAck(fault?: BecknFault): Uint8Array;
  /** The reason of a NACK; undefined for an ACK. @throws SCHEMA_INVALID. */
  decodeAck(body: JsonValue): BecknFault | undefined;
  faultOf(error: ProtocolError): BecknFault;
  /** `status`: the reply's, when the fault came in one. */
  errorOf(fault: BecknFault, status?: number): ProtocolError;
}

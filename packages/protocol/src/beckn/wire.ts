/** A wire revision: how the neutral model is spelled. One folder each; the request's revision is the answer's. */

import type { ProtocolError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import type { ActionNames } from "./actions.ts";
import type { BecknContent, BecknMessage } from "./content.ts";
import type { BecknContext, BecknFault } from "./model.ts";
import type { BecknReading } from "./reading.ts";
import type { ReplyProof } from "./reply.ts";

export type BecknProfile = "beckn/1" | "beckn/2";

export interface BecknWire {
  readonly profile: BecknProfile;
  /** Its own names and paths of the actions. */
  readonly actions: ActionNames;
  /** @throws AMOUNT_INVALID, SLOT_INVALID, BECKN_DOMAIN_UNSUPPORTED (an action the revision lacks). */
  encode(message: BecknMessage): Uint8Array;
  /** Strict unless said otherwise. @throws BECKN_CONTEXT_INVALID, BECKN_DOMAIN_UNSUPPORTED. */
  decodeContext(body: JsonValue, reading?: BecknReading): BecknContext;
  /** Strict unless said otherwise. @throws SCHEMA_INVALID, AMOUNT_INVALID, SLOT_INVALID, INVALID_PARAMS. */
  decodeContent(body: JsonValue, context: BecknContext, reading?: BecknReading): BecknContent;
  /** ACK, or NACK with its reason; revision 2 proves it where a key is given. */
  encodeAck(fault?: BecknFault, proof?: ReplyProof): Uint8Array;
  /** The HTTP status of the reply that says so. */
  statusOf(error: ProtocolError): number;
  /** The reason of a NACK, or of an ACK without callback; undefined for an ACK. @throws SCHEMA_INVALID. */
  decodeAck(body: JsonValue): BecknFault | undefined;
  faultOf(error: ProtocolError): BecknFault;
  /** `status`: the reply's, when the fault came in one. */
  errorOf(fault: BecknFault, status?: number): ProtocolError;
}

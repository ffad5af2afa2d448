/** What the ladder must know of a message type. */

import type * as z from "zod";

/** The header field that names the signer. */
export type SignerField =
  | "agent_id"
  | "sender_id"
  | "requester_id"
  | "responder_id"
  | "executor_id"
  | "old_id";

export interface MessageSchema {
  readonly signerField: SignerField;
  /** The fields beside the common header; unknown ones are refused unless the message is of a newer minor. */
  readonly body: z.ZodObject;
}

/** What the ladder must know of a message type. */

import type * as z from "zod";
import type { JsonObject } from "../json.ts";

/** The header field that names the signer. */
export type SignerField =
  | "agent_id"
  | "sender_id"
  | "requester_id"
  | "responder_id"
  | "executor_id"
  | "old_id";

/** Where signed messages travel. */
export type StreamKind = "control" | "trade" | "task" | "data" | "gossip";

/** The form a type had in version 1.0, and how it is read as what it is today. */
export interface FirstForm {
  readonly body: z.ZodObject;
  /** The body as today's schema would give it. */
  read(body: Readonly<Record<string, unknown>>, message: JsonObject): Readonly<Record<string, unknown>>;
}

export interface MessageSchema {
  readonly signerField: SignerField;
  /** The fields beside the common header; unknown ones are refused unless the message is of a newer minor. */
  readonly body: z.ZodObject;
  /** Where it may come; extensions say it themselves. */
  readonly streams: readonly StreamKind[];
  /** `same`: as today; absent: 1.0 does not have it. */
  readonly first?: "same" | FirstForm;
  /** Valid for ever by its own fields, whoever brings it: neither fresh, nor once, nor bound to the stream's peer. */
  readonly lasting?: boolean;
}

/** Makes message schemas of one signer's field and stream; a body is made when the first of its type comes or goes. */
export function said(signerField: SignerField, streams: readonly StreamKind[]) {
  return (
    make: () => z.ZodObject,
    more: Partial<Pick<MessageSchema, "streams" | "first" | "lasting">> = {},
  ): MessageSchema => ({
    signerField,
    streams,
    ...more,
    get body() {
      return make();
    },
  });
}

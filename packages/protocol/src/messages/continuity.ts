/** One key hands over to another: `key_continuity`, signed by both. */

import * as z from "zod";
import { agentId, count, sha256Text, signature, unixS } from "./fields.ts";

export const keyContinuitySchema = z.strictObject({
  subject: z.enum(["node", "agent"]),
  new_id: agentId,
  /** 1 for the first handover of a chain, then one more each time. */
  seq: count.min(1),
  reason: z.enum(["routine", "compromise"]),
  /** Unix seconds from which the new key counts. */
  not_before: unixS,
  /** sha256 of the raw public key that alone may come after the new one. */
  next_key_hash: sha256Text.optional(),
  /** By the new key, over the same signed bytes without both signatures. */
  new_key_signature: signature,
});

export type KeyContinuity = Readonly<z.infer<typeof keyContinuitySchema>>;

/** The second signature of a key_continuity: that of the key it hands over to. */

import { fromBase64 } from "./bytes.ts";
import { signedBytes } from "./document.ts";
import { ProtocolError } from "./errors.ts";
import { keyFromAgentId } from "./identity.ts";
import type { JsonObject } from "./json.ts";
import type { VerifyEngine } from "./strict-verify.ts";

export const CONTINUITY_TYPE = "key_continuity";

/** @throws RECORD_INVALID (one key twice), IDENTITY_MISMATCH, SIGNATURE_INVALID. */
export function checkNewKey(
  message: JsonObject,
  at: { readonly network: string; readonly engine: VerifyEngine },
): void {
  const { new_key_signature: encoded, ...rest } = message;
  const { old_id: oldId, new_id: newId } = message;
  if (oldId === newId) throw new ProtocolError("RECORD_INVALID", "a key hands over to itself");
  const key = keyFromAgentId(typeof newId === "string" ? newId : "");
  const signature = typeof encoded === "string" ? fromBase64(encoded, 64) : undefined;
  const bytes = signedBytes(CONTINUITY_TYPE, at.network, rest);
  if (signature === undefined || !at.engine(signature, bytes, key)) {
    throw new ProtocolError("SIGNATURE_INVALID", `${CONTINUITY_TYPE}: by the new key`);
  }
}

/** What is signed once and valid for ever: bindings and trade documents, without nonce or recipient. */

import { concatBytes, encodeUtf8, fromBase64, toBase64 } from "./bytes.ts";
import { assertSendable, canonicalBytes } from "./canonical.ts";
import { ProtocolError } from "./errors.ts";
import { keyFromAgentId } from "./identity.ts";
import type { JsonObject } from "./json.ts";
import type { Signer } from "./signer.ts";
import type { VerifyEngine } from "./strict-verify.ts";

/** The bytes under a signature: type and network, so that none of it holds elsewhere, then the fields in canonical form. */
export function signedBytes(type: string, network: string, fields: JsonObject): Uint8Array {
  const { signature: _signature, ...rest } = fields;
  return concatBytes(encodeUtf8(`gridmesh/${type}/1\n${network}\n`), canonicalBytes(rest));
}

/** What a document is signed as, and by whom. */
export interface DocumentSigning {
  readonly type: string;
  readonly network: string;
  readonly signer: Signer;
}

/** The fields and their signature. @throws MESSAGE_MALFORMED when no reader would take them. */
export function signDocument<Fields extends JsonObject>(
  fields: Fields,
  signing: DocumentSigning,
): Fields & { readonly signature: string } {
  assertSendable(fields);
  const bytes = signedBytes(signing.type, signing.network, fields);
  return { ...fields, signature: toBase64(signing.signer.sign(bytes)) };
}

export interface DocumentCheck {
  readonly type: string;
  readonly network: string;
  readonly engine: VerifyEngine;
  /** The field that holds the signer's agent_id. */
  readonly signerField: string;
}

/** The signer's agent_id. @throws SIGNATURE_INVALID, IDENTITY_MISMATCH (no agent_id in the signer's field). */
export function verifyDocument(document: JsonObject, check: DocumentCheck): string {
  const { type, network, engine, signerField } = check;
  const signerId = document[signerField];
  if (typeof signerId !== "string")
    throw new ProtocolError("IDENTITY_MISMATCH", `${type}: no ${signerField}`);
  const key = keyFromAgentId(signerId);
  const encoded = document["signature"];
  const signature = typeof encoded === "string" ? fromBase64(encoded, 64) : undefined;
  if (signature === undefined || !engine(signature, signedBytes(type, network, document), key)) {
    throw new ProtocolError("SIGNATURE_INVALID", `${type} of ${signerId}`);
  }
  return signerId;
}

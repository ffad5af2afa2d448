/** A draft becomes a message: header, nonce, signature. */

import { toBase64 } from "./bytes.ts";
import { assertSendable } from "./canonical.ts";
import { signedBytes } from "./document.ts";
import { ProtocolError } from "./errors.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { messageSchemas } from "./messages/index.ts";
import type { AgentBinding } from "./messages/presence.ts";
import type { SignerField } from "./messages/schema.ts";
import type { Signer } from "./signer.ts";
import { type RandomBytes, uuidV7 } from "./uuid.ts";
import { PREFERRED_VERSION } from "./version.ts";

/** A message before its header is made. */
export interface MessageDraft {
  readonly type: string;
  /** agent_id or PeerId of the recipient; `*` on gossip. */
  readonly recipient_id: string;
  readonly [field: string]: unknown;
}

export interface SealOptions {
  readonly network: string;
  readonly signer: Signer;
  /** Unix seconds. */
  readonly nowS: number;
  readonly random: RandomBytes;
  /** The signer's tie to its node; in the first message of an agent per connection, always in advertisements. */
  readonly binding?: AgentBinding | undefined;
  /** Default: the one of the type's schema. */
  readonly signerField?: SignerField | undefined;
  /** What hello selected; default the preferred version. */
  readonly version?: string | undefined;
}

/** The header, as far as the sealed message's reader needs it typed. */
export type SealedMessage = JsonObject & {
  readonly type: string;
  readonly message_id: string;
  readonly nonce: string;
  readonly signature: string;
};

/**
 * The signed message; a `message_id` in the draft is kept.
 * @throws TYPE_UNKNOWN, MESSAGE_MALFORMED (no strict reader would take it).
 */
export function seal(draft: MessageDraft, options: SealOptions): SealedMessage {
  const { network, signer, nowS, random, binding } = options;
  const signerField = options.signerField ?? messageSchemas.get(draft.type)?.signerField;
  if (signerField === undefined) throw new ProtocolError("TYPE_UNKNOWN", draft.type);
  const unsigned = {
    version: options.version ?? PREFERRED_VERSION,
    message_id: uuidV7(nowS * 1_000, random),
    ...(draft as Readonly<Record<string, JsonValue>>),
    type: draft.type,
    [signerField]: signer.agentId,
    recipient_id: draft.recipient_id,
    timestamp: nowS,
    nonce: toBase64(random.bytes(32)),
    ...(binding === undefined ? {} : { binding }),
  };
  assertSendable(unsigned);
  const signature = toBase64(signer.sign(signedBytes(draft.type, network, unsigned)));
  return { ...unsigned, signature };
}

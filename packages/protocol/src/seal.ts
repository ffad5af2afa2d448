/** A draft becomes a message: header, nonce, signature. */

import { toBase64 } from "./bytes.ts";
import { assertSendable } from "./canonical.ts";
import { signedBytes } from "./document.ts";
import { ProtocolError } from "./errors.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { headerFields } from "./header.ts";
import { schemaOf } from "./messages/index.ts";
import type { AgentBinding } from "./messages/presence.ts";
import type { MessageSchema, SignerField } from "./messages/schema.ts";
import type { Signer } from "./signer.ts";
import { type RandomBytes, uuidV7 } from "./uuid.ts";
import { FIRST_VERSION, PREFERRED_VERSION } from "./version.ts";

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
  /** Fields that another key makes over the rest of the message, before it is signed. */
  readonly countersign?: ((unsigned: JsonObject) => JsonObject) | undefined;
}

/** The header, as far as the sealed message's reader needs it typed. */
export type SealedMessage = JsonObject & {
  readonly type: string;
  readonly message_id: string;
  readonly nonce: string;
  readonly signature: string;
};

/**
 * The signed message; a `message_id` in the draft is kept. In version 1.0 the fields that came later are left out.
 * @throws TYPE_UNKNOWN (also what 1.0 does not have), MESSAGE_MALFORMED (no strict reader would take it).
 */
export function seal(draft: MessageDraft, options: SealOptions): SealedMessage {
  const { network, signer, nowS, random, binding } = options;
  const version = options.version ?? PREFERRED_VERSION;
  const schema = schemaOf(draft.type);
  const signerField = options.signerField ?? schema?.signerField;
  if (signerField === undefined) throw new ProtocolError("TYPE_UNKNOWN", draft.type);
  const said = version === FIRST_VERSION ? firstFields(draft, schema) : draft;
  const fields = {
    version,
    message_id: uuidV7(nowS * 1_000, random),
    ...(said as Readonly<Record<string, JsonValue>>),
    type: draft.type,
    [signerField]: signer.agentId,
    recipient_id: draft.recipient_id,
    timestamp: nowS,
    nonce: toBase64(random.bytes(32)),
    ...(binding === undefined ? {} : { binding }),
  };
  const unsigned = { ...fields, ...options.countersign?.(fields) };
  assertSendable(unsigned);
  const signature = toBase64(signer.sign(signedBytes(draft.type, network, unsigned)));
  return { ...unsigned, signature };
}

/** What a peer that knows only 1.0 understands. */
function firstFields(draft: MessageDraft, schema: MessageSchema | undefined): MessageDraft {
  const first = schema?.first;
  if (first === undefined) throw new ProtocolError("TYPE_UNKNOWN", `${draft.type} is newer than 1.0`);
  if (first === "same") return draft;
  const known = Object.entries(draft).filter(
    ([field]) => headerFields.has(field) || Object.hasOwn(first.body.shape, field),
  );
  return { ...Object.fromEntries(known), type: draft.type, recipient_id: draft.recipient_id };
}

/**
 * The ladder every received message climbs, cheap checks first: form, header, type, recipient, freshness, nonce
 * look-up, body, binding, signature. Pure: what must be remembered is returned and stored only by who got it.
 */

import { checkTerms, verifyBinding } from "./binding.ts";
import { toBase64 } from "./bytes.ts";
import { parseCanonical } from "./canonical.ts";
import { signedBytes } from "./document.ts";
import { ProtocolError } from "./errors.ts";
import { type Header, headerFields, isJsonObject, readHeader } from "./header.ts";
import { agentIdFromPeerId, keyFromAgentId } from "./identity.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { limits } from "./limits.ts";
import { schemaOf } from "./messages/index.ts";
import { loosened } from "./messages/loosened.ts";
import type { AgentBinding } from "./messages/presence.ts";
import type { FirstForm, MessageSchema } from "./messages/schema.ts";
import { checkNewKey, CONTINUITY_TYPE } from "./new-key.ts";
import type { VerifyEngine } from "./strict-verify.ts";
import { compareVersions, FIRST_VERSION, PREFERRED_VERSION } from "./version.ts";

export interface OpenContext {
  readonly network: string;
  readonly engine: VerifyEngine;
  /** Unix seconds of wall time. */
  readonly nowS: number;
  /** Is this agent_id or PeerId mine? Says yes to `*` only where messages are for everybody. */
  isMine(recipientId: string): boolean;
  /** Was this nonce of this signer stored before? */
  nonceSeen?(signerId: string, nonce: string): boolean;
  /** PeerId at the other end of the stream, or the author on gossip; absent where nothing tells. */
  readonly peerId?: string | undefined;
  /** A binding of this agent verified before on this connection. */
  bindingFor?(agentId: string): AgentBinding | undefined;
  /** Default: every type that is spoken. */
  readonly schemas?: ReadonlyMap<string, MessageSchema>;
  /** Stored records are valid by their own fields: they skip freshness and nonce. */
  readonly live?: boolean;
  /** Is this type also taken as a published record: to `*`, valid by its own fields? */
  isPublished?(type: string): boolean;
  /** What hello selected: a stream carries no higher one. Absent before hello, on gossip and for records. */
  readonly version?: string | undefined;
  /** Are `ext:` messages read, for an `ExtensionTable` to tell which are known? Default: EXTENSION_UNSUPPORTED. */
  readonly extensions?: boolean;
}

/** A message whose signature held; the caller stores the nonce and caches the binding, in that order, before acting. */
export interface OpenedMessage {
  readonly type: string;
  readonly version: string;
  readonly messageId: string;
  /** agent_id of the signer. */
  readonly signerId: string;
  readonly recipientId: string;
  /** Unix seconds. */
  readonly timestamp: number;
  readonly nonce: string;
  /** The whole message as it was signed. */
  readonly message: JsonObject;
  /** The fields beside the header, as its schema knows them. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Fresh and once: its nonce is to be stored. A record, or what is valid for ever, may come again. */
  readonly isLive: boolean;
  /** To be cached for the connection; undefined when the message brought none. */
  readonly binding: AgentBinding | undefined;
}

/**
 * Reads and proves one message in canonical JSON.
 * @throws as `openMessage`; MESSAGE_MALFORMED when the bytes are not in canonical form.
 */
export function openEnvelope(bytes: Uint8Array, context: OpenContext): OpenedMessage {
  return openMessage(parseCanonical(bytes), context);
}

/**
 * Proves one message, whatever encoding it came in: `value` is what `parseCanonical` or `decodeBody` gave.
 * @throws MESSAGE_MALFORMED, VERSION_UNSUPPORTED, NONCE_INVALID, TYPE_UNKNOWN, EXTENSION_UNSUPPORTED, IDENTITY_MISMATCH,
 * RECIPIENT_WRONG, MESSAGE_STALE, MESSAGE_REPLAYED, SCHEMA_INVALID, NETWORK_MISMATCH, BINDING_INVALID, BINDING_EXPIRED,
 * SIGNATURE_INVALID; RECORD_INVALID of a key_continuity.
 */
export function openMessage(value: JsonValue, context: OpenContext): OpenedMessage {
  const { header, message } = readHeader(value);
  const schema = schemaIn(header, context);
  const { signerId, key } = signerOf(message, schema);
  const lasting = schema.lasting === true;
  const isLive = checkRecipient(header, signerId, { context, lasting });
  const body = readBody(header, message, schema);
  checkClaims(header.type, body, { network: context.network, key });
  const binding = lasting ? undefined : checkBinding(header, signerId, context);
  if (!context.engine(header.signature, signedBytes(header.type, context.network, message), key)) {
    throw new ProtocolError("SIGNATURE_INVALID", `${header.type} of ${signerId}`);
  }
  if (header.type === CONTINUITY_TYPE) checkNewKey(message, context);
  const { type, version, messageId, recipientId, timestamp, nonce } = header;
  return {
    type,
    version,
    messageId,
    signerId,
    recipientId,
    timestamp,
    nonce,
    message,
    body,
    isLive,
    binding,
  };
}

function schemaIn(header: Header, context: OpenContext): MessageSchema {
  const { type, version } = header;
  if (context.version !== undefined && compareVersions(version, context.version) > 0) {
    throw new ProtocolError("VERSION_UNSUPPORTED", `${version} after ${context.version} was agreed on`);
  }
  const isExtension = type.startsWith("ext:");
  if (isExtension && context.extensions !== true) throw new ProtocolError("EXTENSION_UNSUPPORTED", type);
  const schema = context.schemas === undefined || isExtension ? schemaOf(type) : context.schemas.get(type);
  if (schema === undefined) throw new ProtocolError("TYPE_UNKNOWN", type);
  if (version === FIRST_VERSION && schema.first === undefined) {
    throw new ProtocolError("TYPE_UNKNOWN", `${type} is newer than version ${version}`);
  }
  return schema;
}

/** False of records and of what is valid for ever: they may be for anybody, at any time, more than once. */
function checkRecipient(
  header: Header,
  signerId: string,
  { context, lasting }: { readonly context: OpenContext; readonly lasting: boolean },
): boolean {
  if (lasting || (header.recipientId === "*" && context.isPublished?.(header.type) === true)) return false;
  if (!context.isMine(header.recipientId)) {
    throw new ProtocolError("RECIPIENT_WRONG", `meant for ${header.recipientId}`);
  }
  if (context.live === false) return false;
  checkFresh(header, context.nowS);
  if (context.nonceSeen?.(signerId, header.nonce)) {
    throw new ProtocolError("MESSAGE_REPLAYED", `message ${header.messageId}`);
  }
  return true;
}

function signerOf(message: JsonObject, schema: MessageSchema): { signerId: string; key: Uint8Array } {
  const signerId = message[schema.signerField];
  if (typeof signerId !== "string") {
    throw new ProtocolError("MESSAGE_MALFORMED", `header: ${schema.signerField}`);
  }
  return { signerId, key: keyFromAgentId(signerId) };
}

function checkFresh(header: Header, nowS: number): void {
  if (Math.abs(nowS - header.timestamp) <= limits.freshnessS) return;
  throw new ProtocolError("MESSAGE_STALE", `${nowS - header.timestamp} s apart`, { data: { now: nowS } });
}

/** Unknown fields are refused; of a newer minor they are kept in `message` and not read, however deep. */
function readBody(
  header: Header,
  message: JsonObject,
  schema: MessageSchema,
): Readonly<Record<string, unknown>> {
  const isBody = (field: string) => !headerFields.has(field) && field !== schema.signerField;
  const fields = Object.fromEntries(Object.entries(message).filter(([field]) => isBody(field)));
  const { form, first } = formOf(header.version, schema);
  const parsed = form.safeParse(fields);
  if (parsed.success) return first === undefined ? parsed.data : first.read(parsed.data, message);
  const issue = parsed.error.issues[0];
  const where = issue?.path.join(".") ?? "";
  throw new ProtocolError("SCHEMA_INVALID", `${header.type}: ${where} ${issue?.message ?? ""}`.slice(0, 300));
}

/** What a body of this version must look like; `first` where 1.0 had a form of its own. */
function formOf(
  version: string,
  schema: MessageSchema,
): { readonly form: MessageSchema["body"]; readonly first?: FirstForm } {
  const { body, first } = schema;
  if (version === FIRST_VERSION && first !== undefined && first !== "same")
    return { form: first.body, first };
  return { form: compareVersions(version, PREFERRED_VERSION) > 0 ? loosened(body) : body };
}

/** hello names its network in clear, so that a stranger's is told apart from a forged one; a repeated key must be the signer's. */
function checkClaims(
  type: string,
  body: Readonly<Record<string, unknown>>,
  own: { readonly network: string; readonly key: Uint8Array },
): void {
  if ((type === "hello" || type === "hello_ack") && body["network"] !== own.network) {
    throw new ProtocolError("NETWORK_MISMATCH", `"${String(body["network"])}" is not "${own.network}"`);
  }
  if (type === "bootstrap_request" && body["public_key"] !== toBase64(own.key)) {
    throw new ProtocolError("IDENTITY_MISMATCH", "public_key is not the key in agent_id");
  }
}

/** A binding is flat: field by field is as good as its canonical form. */
function isSameBinding(known: AgentBinding, shown: JsonValue): boolean {
  if (!isJsonObject(shown)) return false;
  const fields = Object.entries(known);
  return (
    Object.keys(shown).length === fields.length && fields.every(([name, value]) => shown[name] === value)
  );
}

/** A node signs for itself; anybody else must be bound to the peer the message came from. */
function checkBinding(header: Header, signerId: string, context: OpenContext): AgentBinding | undefined {
  const { peerId, nowS, network, engine } = context;
  if (header.binding !== undefined) {
    const known = context.bindingFor?.(signerId);
    if (known !== undefined && isSameBinding(known, header.binding)) {
      checkTerms(known, { nowS, peerId });
      return known;
    }
    return verifyBinding(header.binding, { network, engine, nowS, agentId: signerId, peerId });
  }
  if (header.type === "capability_advertisement") {
    throw new ProtocolError("BINDING_INVALID", "an advertisement carries its binding");
  }
  if (peerId === undefined || agentIdFromPeerId(peerId) === signerId) return undefined;
  const known = context.bindingFor?.(signerId);
  if (known === undefined)
    throw new ProtocolError("BINDING_INVALID", `${signerId} is not bound to ${peerId}`);
  checkTerms(known, { nowS, peerId });
  return undefined;
}

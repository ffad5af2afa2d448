/** The vectors of every message type, made from fixed keys: the same in every run, on every machine. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  canonicalize,
  type Codecs,
  encodeBody,
  type JsonObject,
  peerIdFromKey,
  plainForm,
  seal,
  type SealedMessage,
  type SealOptions,
  signBinding,
  signContinuity,
  signDocument,
  signedBytes,
  type Signer,
  toHex,
  wireFormOf,
} from "@gridmesh/protocol";
import { constantRandom } from "./keys.ts";
import { executor, node, NOW_S, requester, type Sample, successor } from "./sample-facts.ts";
import { samples } from "./samples.ts";

export const NETWORK = "testnet-vectors";
const MESSAGE_ID = "01890a5d-ac96-774b-bcce-b302099a8057";
const P = peerIdFromKey(node.publicKey);
const WEEK_S = 7 * 86_400;
const NONCE_BYTE = 7;

/** One message as it travels. */
export interface Vector {
  readonly version: string;
  /** Canonical JSON: the body of a plain frame. */
  readonly json: string;
  /** What is signed: its length, and its sha256 in hex. */
  readonly signedBytes: number;
  readonly signedSha256: string;
  readonly signature: string;
  /** Frame bodies, hex; absent in a document, which travels inside messages. */
  readonly cbor?: string;
  readonly protobuf?: string;
  /** The fields beside the header as they are read, where that is not what was said. */
  readonly reads?: Readonly<Record<string, unknown>>;
}

export interface VectorFile {
  readonly type: string;
  readonly network: string;
  /** PeerId at the other end of the stream, who is also the recipient. */
  readonly peerId: string;
  /** Unix seconds. */
  readonly now: number;
  readonly vectors: readonly Vector[];
}

const options = { network: NETWORK, nowS: NOW_S, random: constantRandom(NONCE_BYTE) };

/** Every file, by the name of its type. */
export function makeVectors(codecs: Codecs): ReadonlyMap<string, VectorFile> {
  const signGrant = (fields: JsonObject) =>
    signDocument(fields, { type: "data_grant", network: NETWORK, signer: requester });
  const all = samples(signGrant);
  const messages = Object.entries(all).map(([type, cases]): [string, VectorFile] => [
    type,
    fileOf(
      type,
      cases.map((sample) => ({ ...vectorOf(sealed(type, sample), codecs), ...readsOf(sample) })),
    ),
  ]);
  const first = continuity({ seq: 1, oldSigner: node, newSigner: successor });
  const pin = all["ext:data.pin"]?.[0]?.body["data"] as { readonly grant: SealedMessage };
  return new Map([
    ...messages,
    ["key_continuity", fileOf("key_continuity", [vectorOf(first, codecs)])],
    ["agent_binding", fileOf("agent_binding", [documentOf("agent_binding", bindingOf(executor))])],
    ["data_grant", fileOf("data_grant", [documentOf("data_grant", pin.grant)])],
  ]);
}

/** The file name of a type. */
export function fileName(type: string): string {
  return `${type.replace(":", "_")}.json`;
}

function fileOf(type: string, vectors: readonly Vector[]): VectorFile {
  return { type, network: NETWORK, peerId: P, now: NOW_S, vectors };
}

function readsOf(sample: Sample): Pick<Vector, "reads"> {
  return sample.reads === undefined ? {} : { reads: sample.reads };
}

function bindingOf(signer: Signer): ReturnType<typeof signBinding> {
  return signBinding({ network: NETWORK, peerId: P, name: "worker", notAfterS: NOW_S + WEEK_S, signer });
}

function sealed(type: string, sample: Sample): SealedMessage {
  const signer = { node, requester, executor }[sample.from];
  const more: Partial<SealOptions> = { binding: signer === node ? undefined : bindingOf(signer) };
  const draft = {
    type,
    message_id: MESSAGE_ID,
    recipient_id: sample.published === true ? "*" : P,
    ...sample.body,
  };
  return seal(draft, { ...options, ...more, signer, version: sample.version });
}

function continuity(by: {
  readonly seq: number;
  readonly oldSigner: Signer;
  readonly newSigner: Signer;
}): SealedMessage {
  return signContinuity({ ...options, ...by, subject: "node", reason: "routine", notBeforeS: NOW_S });
}

function vectorOf(message: SealedMessage, codecs: Codecs): Vector {
  const spelled = (feature: "cbor" | "protobuf") => {
    const form = wireFormOf([feature], "control", codecs);
    return toHex(encodeBody(message, { form: { ...plainForm, ...form } }).subarray(1));
  };
  const plain = { hello: true, hello_ack: true }[message.type] ?? false;
  return {
    ...documentOf(message.type, message),
    version: textOf(message, "version"),
    ...(plain ? {} : { cbor: spelled("cbor"), protobuf: spelled("protobuf") }),
  };
}

function documentOf(type: string, document: JsonObject): Vector {
  const bytes = signedBytes(type, NETWORK, document);
  return {
    version: "1.1",
    json: canonicalize(document),
    signedBytes: bytes.length,
    signedSha256: createHash("sha256").update(bytes).digest("hex"),
    signature: textOf(document, "signature"),
  };
}

function textOf(message: JsonObject, field: string): string {
  const text = message[field];
  assert.ok(typeof text === "string", field);
  return text;
}

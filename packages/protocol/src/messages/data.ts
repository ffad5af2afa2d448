/** Content that travels beside messages: references to it, the right to it, the opening of its transfer. */

import * as z from "zod";
import { once } from "../once.ts";
import { agentId, base64, cid, count, multiaddr, peerId, sha256Text, shortText } from "./fields.ts";
import { signature, unixS, uuid } from "./fields.ts";

/** Inside the message, or under its content address. */
export const location = once(() =>
  z
    .string()
    .regex(/^(?:direct_payload|(?:ipfs|chunked):\/\/(?:b[a-z2-7]{20,110}|Qm[1-9A-HJ-NP-Za-km-z]{44}))$/),
);

/** The owner's word that `audience` may have the bytes; a document, signed by `issuer` as `data_grant`. */
export const dataGrantSchema = once(() =>
  z.strictObject({
    cid,
    /** agent_id or PeerId; `*` for everybody. */
    audience: z.union([agentId, peerId, z.literal("*")]),
    task_id: uuid.optional(),
    issuer: agentId,
    /** Unix seconds. */
    not_before: unixS.optional(),
    exp: unixS,
    max_bytes: count.optional(),
    signature,
  }),
);

/** Where the bytes may be had: PeerIds or multiaddrs that end in one. */
const providers = once(() => z.array(z.union([peerId, multiaddr])).max(8));

/** The fields by which bytes travel, whatever they are called where. */
export const contentFields = once(() => ({
  /** Decoded bytes. */
  size_bytes: count,
  /** Over the decoded bytes; of `payload_json` over its canonical form. */
  checksum: sha256Text,
  /** base64 of the bytes. */
  payload: base64.optional(),
  payload_json: z.json().optional(),
  providers: providers().optional(),
  grant: dataGrantSchema().optional(),
}));

/** Bytes, inside the message or by content address. */
export const dataReferenceSchema = once(() =>
  z.strictObject({ type: shortText, ...contentFields(), location: location() }),
);

/** What stands in place of a value that only its recipient can read. */
export const sealedValueSchema = once(() =>
  z.strictObject({
    sealed: z.strictObject({
      key_id: z.string().regex(/^[0-9a-f]{16}$/),
      /** The sender's share of the key, base64 of 32 bytes. */
      enc: base64.length(44),
      ct: base64,
    }),
  }),
);

/** The key to which values for an agent are sealed. */
export const e2eKeySchema = z.strictObject({
  /** The first 16 hex digits of the key's sha256. */
  key_id: z.string().regex(/^[0-9a-f]{16}$/),
  x25519: base64.length(44),
  /** Unix seconds. */
  not_after: unixS,
});

export const dataOpenSchema = once(() =>
  z.strictObject({
    root: cid,
    grant: dataGrantSchema().optional(),
    task_id: uuid.optional(),
  }),
);

export const dataOpenAckSchema = once(() =>
  z.strictObject({
    root: cid,
    size_bytes: count,
    have: z.enum(["all", "partial"]),
    max_outstanding: count.min(1).max(8),
  }),
);

export type DataReference = Readonly<z.infer<ReturnType<typeof dataReferenceSchema>>>;
export type DataGrant = Readonly<z.infer<ReturnType<typeof dataGrantSchema>>>;
export type SealedValue = Readonly<z.infer<ReturnType<typeof sealedValueSchema>>>;
export type E2eKey = Readonly<z.infer<typeof e2eKeySchema>>;
export type DataOpen = Readonly<z.infer<ReturnType<typeof dataOpenSchema>>>;
export type DataOpenAck = Readonly<z.infer<ReturnType<typeof dataOpenAckSchema>>>;

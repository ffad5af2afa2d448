/** A trade's evidence in one file: what was said, by whom, in what bytes; signed by the node that kept it. */

import * as z from "zod";
import { choiceSchema } from "../beckn/index.ts";
import { assertSendable, canonicalBytes } from "../canonical.ts";
import { signDocument } from "../document.ts";
import type { JsonObject } from "../json.ts";
import { tradeDocumentSchema } from "../messages/trade/index.ts";
import { MAX_MICRO, MAX_MICRO_PER_KWH, MAX_MILLI_WH } from "../quantity.ts";
import type { Signer } from "../signer.ts";

export const BUNDLE_TYPE = "trade_bundle";
export const MAX_FRAMES = 4_096;
const MAX_ORDERS = 64;
const MAX_DOCUMENTS = 16;

const idText = z.string().min(1).max(128);
const base64 = z.base64();
const timeMs = z.int().min(0);

/** A header and the body it covers; a redacted body is told by its digest alone, which the signature covers too. */
const signedPart = z.strictObject({
  header: z.string().max(8_192),
  body: base64.nullable(),
  /** Base64 of BLAKE2b-512 over the body. */
  digest: base64,
});

const frame = z.strictObject({
  atMs: timeMs,
  direction: z.enum(["in", "out"]),
  carrier: z.enum(["gossip", "stream"]),
  /** The other node, or who passed it on. */
  peerId: idText,
  request: signedPart,
  reply: signedPart.optional(),
});

const order = z.strictObject({
  orderId: idText,
  /** Whose book it is from. */
  agentId: idText,
  role: z.enum(["buyer", "seller"]),
  state: z.enum([
    "HELD",
    "COMMITTED",
    "RELEASED",
    "PAID",
    "CLOSED",
    "ACCEPTED",
    "REJECTED",
    "ANNULLED",
    "DELIVERED",
    "SETTLED",
    "DISPUTED",
  ]),
  buyer: idText,
  seller: idText,
  slotId: idText,
  quantityMilliWh: z.int().min(1).max(MAX_MILLI_WH),
  priceMicroPerKWh: z.int().min(0).max(MAX_MICRO_PER_KWH),
  amountMicro: z.int().min(0).max(MAX_MICRO),
  currency: z.string().min(1).max(16),
  /** `sha256:` and the hex digest of the confirm's body. */
  orderHash: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  order: signedPart,
  answer: signedPart.nullable(),
  documents: z.array(tradeDocumentSchema).max(MAX_DOCUMENTS),
});

export const bundleSchema = z.strictObject({
  type: z.literal(BUNDLE_TYPE),
  version: z.literal("1.0"),
  network: idText,
  transactionId: idText,
  exportedAtMs: timeMs,
  /** agent_id of the node's key. */
  exporter: idText,
  redacted: z.boolean(),
  /** Oldest first. */
  frames: z.array(frame).max(MAX_FRAMES),
  orders: z.array(order).max(MAX_ORDERS),
  /** How the buyer chose among the answers to its search; absent where nobody here searched. */
  selection: choiceSchema.optional(),
  signature: z.string().length(88),
});

export type TradeBundle = Readonly<z.infer<typeof bundleSchema>>;
export type BundleFrame = TradeBundle["frames"][number];
export type BundleOrder = TradeBundle["orders"][number];
export type BundlePart = BundleFrame["request"];
export type BundleDraft = Omit<TradeBundle, "type" | "version" | "exporter" | "signature">;

/** The bytes of the file: canonical, so that no two files say the same. @throws MESSAGE_MALFORMED. */
export function sealBundle(draft: BundleDraft, signer: Signer): Uint8Array {
  const fields = {
    ...draft,
    type: BUNDLE_TYPE,
    version: "1.0",
    exporter: signer.agentId,
  } as unknown as JsonObject;
  assertSendable(fields);
  const { network } = draft;
  return canonicalBytes(signDocument(fields, { type: BUNDLE_TYPE, network, signer }));
}

/** Without the bodies, and without the choice, which tells what they said: header signatures cover their digests, so that all still verifies. */
export function redacted<Draft extends BundleDraft>(draft: Draft): Draft {
  const hidden = (part: BundlePart): BundlePart => ({ ...part, body: null });
  const { selection: _selection, ...rest } = draft;
  return {
    ...(rest as Draft),
    redacted: true,
    frames: draft.frames.map((one) => ({
      ...one,
      request: hidden(one.request),
      ...(one.reply === undefined ? {} : { reply: hidden(one.reply) }),
    })),
    orders: draft.orders.map((one) => ({
      ...one,
      order: hidden(one.order),
      answer: one.answer === null ? null : hidden(one.answer),
    })),
  };
}

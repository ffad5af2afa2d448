/** What this node can prove of a transaction, signed by the agent whose it is. */

import {
  becknDigest,
  type BundleFrame,
  type BundleOrder,
  type BundlePart,
  ProtocolError,
  redacted,
  sealBundle,
  type Signer,
  toBase64,
} from "@gridmesh/protocol";
import type { StoredFrame } from "../store/types.ts";
import type { OrderEvidence } from "../trade/order-evidence.ts";

const utf8 = new TextEncoder();

export interface BundleParts {
  readonly network: string;
  readonly transactionId: string;
  readonly frames: readonly StoredFrame[];
  readonly orders: readonly OrderEvidence[];
  readonly signer: Signer;
  readonly nowMs: number;
}

/** The bytes of the file. @throws ORDER_NOT_FOUND when nothing of it is known here. */
export function bundleOf(parts: BundleParts, options: { readonly redact: boolean }): Uint8Array {
  const { network, transactionId, frames, orders, signer, nowMs } = parts;
  if (frames.length === 0 && orders.length === 0) {
    throw new ProtocolError("ORDER_NOT_FOUND", `nothing of ${transactionId} is kept here`);
  }
  const draft = {
    network,
    transactionId,
    exportedAtMs: nowMs,
    redacted: false,
    frames: frames.map(frameOf),
    orders: orders.map(orderOf),
  };
  return sealBundle(options.redact ? redacted(draft) : draft, signer);
}

function frameOf({ atMs, direction, carrier, peerId, header, body, reply }: StoredFrame): BundleFrame {
  return {
    atMs,
    direction,
    carrier,
    peerId,
    request: partOf(header, body),
    ...(reply === undefined ? {} : { reply: partOf(reply.header, reply.body) }),
  };
}

function orderOf({ order, answer, documents, ...rest }: OrderEvidence): BundleOrder {
  const part = ({ header, body }: { readonly header: string; readonly body: string }) =>
    partOf(utf8.encode(header), utf8.encode(body));
  return {
    ...rest,
    order: part(order),
    answer: answer === undefined ? null : part(answer),
    documents: [...documents],
  };
}

function partOf(header: Uint8Array, body: Uint8Array): BundlePart {
  return { header: new TextDecoder().decode(header), body: toBase64(body), digest: becknDigest(body) };
}

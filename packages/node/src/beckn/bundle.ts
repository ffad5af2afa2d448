/** What this node can prove of a transaction, signed by the agent whose it is. */

import {
  askedIn,
  type BecknChoice,
  becknDigest,
  type BundleFrame,
  type BundleOrder,
  type BundlePart,
  MAX_BUNDLE_FRAMES,
  ProtocolError,
  redacted,
  sealBundle,
  type Signer,
  soundFrame,
  toBase64,
  type VerifyEngine,
} from "@gridmesh/protocol";
import type { StoredFrame } from "../store/types.ts";
import type { OrderEvidence } from "../trade/order-evidence.ts";

const utf8 = new TextEncoder();

export interface BundleParts {
  readonly network: string;
  readonly transactionId: string;
  readonly frames: readonly StoredFrame[];
  readonly orders: readonly OrderEvidence[];
  /** Of an own buyer. */
  readonly selection?: BecknChoice | undefined;
  readonly signer: Signer;
  readonly engine: VerifyEngine;
  readonly nowMs: number;
}

/** Of the messages in one file, as base64. */
const MAX_FRAME_BYTES = 32 * 1024 * 1024;

/** The bytes of the file. @throws ORDER_NOT_FOUND when nothing of it is known here. */
export function bundleOf(parts: BundleParts, options: { readonly redact: boolean }): Uint8Array {
  const { network, transactionId, orders, signer, nowMs, selection } = parts;
  const frames = framesOf(parts);
  if (frames.length === 0 && orders.length === 0) {
    throw new ProtocolError("ORDER_NOT_FOUND", `nothing of ${transactionId} is kept here`);
  }
  const draft = {
    network,
    transactionId,
    exportedAtMs: nowMs,
    redacted: false,
    frames,
    orders: orders.map(orderOf),
    ...(selection === undefined ? {} : { selection }),
  };
  return sealBundle(options.redact ? redacted(draft) : draft, signer);
}

/**
 * What can be proven, oldest first. A transaction's id is in its search for all to read, so that strangers may have
 * spoken under it: where there is too much, the two sides' own words come first.
 */
function framesOf({ transactionId, frames, orders, engine, nowMs }: BundleParts): BundleFrame[] {
  const parties = new Set(orders.flatMap(({ buyer, seller }) => [buyer, seller]));
  const soundOf = (some: readonly BundleFrame[]) => {
    const asked = askedIn(some);
    return some.flatMap((frame) => soundFrame({ transactionId }, frame, { engine, asked }) ?? []);
  };
  const sound = soundOf(frames.map(frameOf));
  const ranked = [
    ...sound.filter(({ signer }) => parties.has(signer)),
    ...sound.filter(({ signer }) => !parties.has(signer)),
  ];
  let leftBytes = MAX_FRAME_BYTES;
  const kept = ranked.slice(0, MAX_BUNDLE_FRAMES).filter(({ frame: { request, reply } }) => {
    leftBytes -= (request.body?.length ?? 0) + (reply?.body?.length ?? 0);
    return leftBytes >= 0;
  });
  // An answer whose request was left out proves nothing any more.
  const provable = kept.length < sound.length ? soundOf(kept.map(({ frame }) => frame)) : kept;
  return provable
    .map(({ frame }) => ({ ...frame, atMs: Math.min(frame.atMs, nowMs) }))
    .sort((a, b) => a.atMs - b.atMs);
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
    // An annulment took the answer's place: it is among the documents.
    answer: answer === undefined || answer.header === "" ? null : part(answer),
    documents: [...documents],
  };
}

function partOf(header: Uint8Array, body: Uint8Array): BundlePart {
  return { header: new TextDecoder().decode(header), body: toBase64(body), digest: becknDigest(body) };
}

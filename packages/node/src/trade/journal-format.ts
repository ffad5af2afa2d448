/**
 * The bytes of a journal segment, integers little-endian:
 * header 64 B "GMJL" ‖ u32 version ‖ u64 first seq ‖ 32 B chain so far ‖ 12 B zero ‖ u32 crc32 of the 60 before it;
 * frame u32 n ‖ u32 crc32(chain ‖ body) ‖ chain = sha256(previous chain ‖ body) ‖ body of n bytes;
 * body (u32 length ‖ canonical JSON of one record)+.
 */

import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { flippedBit } from "./one-bit.ts";

export const HEADER_BYTES = 64;
export const CHAIN_BYTES = 32;
export const MAX_BODY_BYTES = 1024 * 1024;

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;
const FRAME_HEAD_BYTES = 8 + CHAIN_BYTES;
const MAGIC = 0x4c4a4d47;
const VERSION = 1;

export interface SegmentHeader {
  readonly firstSeq: number;
  readonly chain: Uint8Array;
}

export function encodeHeader({ firstSeq, chain }: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setBigUint64(8, BigInt(firstSeq), true);
  bytes.set(chain, 16);
  view.setUint32(60, crc32(bytes.subarray(0, 60)), true);
  return bytes;
}

/** The header, or undefined where it is torn or damaged. */
export function decodeHeader(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(4, true) !== VERSION) return undefined;
  if (view.getUint32(60, true) !== crc32(bytes.subarray(0, 60))) return undefined;
  return { firstSeq: Number(view.getBigUint64(8, true)), chain: bytes.slice(16, 48) };
}

/** One frame for a group of records; its chain is what the next one continues. */
export function encodeFrame(
  previousChain: Uint8Array,
  records: readonly Uint8Array[],
): { readonly frame: Uint8Array; readonly chain: Uint8Array } {
  const bodyLength = records.reduce((sum, record) => sum + 4 + record.length, 0);
  assert(bodyLength > 0 && bodyLength <= MAX_BODY_BYTES, `frame body of ${bodyLength} bytes`);
  const frame = new Uint8Array(FRAME_HEAD_BYTES + bodyLength);
  const view = viewOf(frame);
  let at = FRAME_HEAD_BYTES;
  for (const record of records) {
    view.setUint32(at, record.length, true);
    frame.set(record, at + 4);
    at += 4 + record.length;
  }
  const chain = nextChain(previousChain, frame.subarray(FRAME_HEAD_BYTES));
  frame.set(chain, 8);
  view.setUint32(0, bodyLength, true);
  view.setUint32(4, crc32(frame.subarray(8)), true);
  return { frame, chain };
}

export interface SegmentScan {
  /** One entry per record: its canonical JSON. */
  readonly records: readonly Uint8Array[];
  /** Each good frame: how many records there are up to its end, and its chain. */
  readonly frames: readonly { readonly records: number; readonly chain: Uint8Array }[];
  /** Chain after the last good frame. */
  readonly chain: Uint8Array;
  /** Offset behind the last good frame. */
  readonly goodBytes: number;
  /** Offset of a whole frame behind the bad one: the bad one was once synced. */
  readonly validBehindAt: number | undefined;
}

/** Reads frames from the header on until the end or the first bad one. */
export function scanSegment(bytes: Uint8Array, chainBefore: Uint8Array): SegmentScan {
  const records: Uint8Array[] = [];
  const frames: { readonly records: number; readonly chain: Uint8Array }[] = [];
  let chain = chainBefore;
  let at = HEADER_BYTES;
  while (at < bytes.length) {
    const body = frameBodyAt(bytes, at);
    if (body === undefined) break;
    const expected = nextChain(chain, body);
    if (!equalBytes(expected, bytes.subarray(at + 8, at + FRAME_HEAD_BYTES))) break;
    if (!splitBody(body, records)) break;
    chain = expected;
    frames.push({ records: records.length, chain });
    at += FRAME_HEAD_BYTES + body.length;
  }
  return {
    records,
    frames,
    chain,
    goodBytes: at,
    validBehindAt: at < bytes.length ? wholeFrameAfter(bytes, at) : undefined,
  };
}

/** The body of a frame whose length and checksum hold, wherever its chain comes from. */
function frameBodyAt(bytes: Uint8Array, at: number): Uint8Array | undefined {
  if (at + FRAME_HEAD_BYTES > bytes.length) return undefined;
  const view = viewOf(bytes);
  const length = view.getUint32(at, true);
  const end = at + FRAME_HEAD_BYTES + length;
  if (length === 0 || length > MAX_BODY_BYTES || end > bytes.length) return undefined;
  if (crc32(bytes.subarray(at + 8, end)) !== view.getUint32(at + 4, true)) return undefined;
  return bytes.subarray(at + FRAME_HEAD_BYTES, end);
}

/**
 * The byte of a bad frame at `at` that one flipped bit would make whole: such a frame was synced, and has rotted since.
 * A torn one lacks whole sectors.
 */
export function changedByteAt(bytes: Uint8Array, at: number, chainBefore: Uint8Array): number | undefined {
  if (at + FRAME_HEAD_BYTES > bytes.length) return undefined;
  const copy = bytes.slice(at);
  const isWhole = (bit: number) => {
    const byte = Math.floor(bit / 8);
    copy[byte] = (copy[byte] ?? 0) ^ (1 << (bit % 8));
    const body = frameBodyAt(copy, 0);
    const whole =
      body !== undefined && equalBytes(nextChain(chainBefore, body), copy.subarray(8, FRAME_HEAD_BYTES));
    copy[byte] = (copy[byte] ?? 0) ^ (1 << (bit % 8));
    return whole;
  };
  const byte = changedByteIn(copy, isWhole);
  if (byte === undefined) return undefined;
  // A sector that never came reads as zeros, and may have held no more than one bit of this frame.
  const from = Math.max(0, byte - ((at + byte) % SECTOR_BYTES));
  const isLost = copy
    .subarray(from, from + SECTOR_BYTES - ((at + from) % SECTOR_BYTES))
    .every((it) => it === 0);
  return isLost ? undefined : at + byte;
}

/** The length, which the checksum does not cover; the checksum itself; or what it covers. */
function changedByteIn(frame: Uint8Array, isWhole: (bit: number) => boolean): number | undefined {
  for (let bit = 0; bit < 32; bit += 1) if (isWhole(bit)) return Math.floor(bit / 8);
  const view = viewOf(frame);
  const end = FRAME_HEAD_BYTES + view.getUint32(0, true);
  if (end > frame.length) return undefined;
  const covered = frame.subarray(8, end);
  const stored = view.getUint32(4, true);
  const inChecksum = Math.log2((crc32(covered) ^ stored) >>> 0);
  const bit = Number.isInteger(inChecksum) ? inChecksum - 32 : flippedBit(covered, stored);
  return bit !== undefined && isWhole(64 + bit) ? 8 + Math.floor(bit / 8) : undefined;
}

function wholeFrameAfter(bytes: Uint8Array, badAt: number): number | undefined {
  for (let at = badAt + 1; at + FRAME_HEAD_BYTES < bytes.length; at += 1) {
    if (frameBodyAt(bytes, at) !== undefined) return at;
  }
  return undefined;
}

function splitBody(body: Uint8Array, into: Uint8Array[]): boolean {
  const view = viewOf(body);
  const found: Uint8Array[] = [];
  let at = 0;
  while (at < body.length) {
    if (at + 4 > body.length) return false;
    const end = at + 4 + view.getUint32(at, true);
    if (end > body.length) return false;
    found.push(body.subarray(at + 4, end));
    at = end;
  }
  into.push(...found);
  return true;
}

function nextChain(previous: Uint8Array, body: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(previous).update(body).digest());
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

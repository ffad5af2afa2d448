/** What a journal folder holds when it is opened: every record, or a refusal that names file and offset. */

import { type JournalRecord, ProtocolError } from "@gridmesh/protocol";
import type { JournalDisk } from "./disk.ts";
import {
  CHAIN_BYTES,
  changedByteAt,
  decodeHeader,
  HEADER_BYTES,
  scanSegment,
  type SegmentHeader,
  type SegmentScan,
} from "./journal-format.ts";
import { mustHold, readSnapshot, type Snapshot, snapshotsAmong } from "./snapshot.ts";

export const CLEAN_MARKER = "clean";

const SEGMENT = /^(\d{1,15})\.log$/;

export interface Recovered {
  readonly lastSeq: number;
  readonly chain: Uint8Array;
  /** The segment to go on with; undefined when a new one is to be made. */
  readonly tail: { readonly name: string; readonly bytes: number } | undefined;
  /** Bytes of a group that was being written when the power went. */
  readonly tornBytes: number;
  readonly cleanMarker: boolean;
}

export interface RecoveryOptions {
  /** Told each record, in order. */
  readonly tell: (record: JournalRecord) => void;
  /** Given the newest whole snapshot before the records behind it; absent: every record is told. */
  readonly restore?: ((lines: readonly string[]) => void) | undefined;
  /** A snapshot serves only where the first records are in the folder no more. */
  readonly preferWhole?: boolean | undefined;
  /** Cut a torn tail off and clear away; false leaves the folder as it is. */
  readonly repair: boolean;
}

/**
 * Reads all segments in order, telling each record.
 * @throws JOURNAL_DAMAGED when anything that was once on the disk is missing or changed.
 */
export async function recoverJournal(disk: JournalDisk, options: RecoveryOptions): Promise<Recovered> {
  const names = await disk.list();
  if (options.repair) await clearAway(disk, names);
  const all = segmentsAmong(names);
  const progress: Progress = {
    lastSeq: 0,
    chain: new Uint8Array(CHAIN_BYTES),
    tail: undefined,
    tornBytes: 0,
    snapshot: isWanted(options, all) ? await newestSnapshot(disk, names) : undefined,
  };
  const { snapshot } = progress;
  const segments = snapshot === undefined ? all : segmentsBehind(snapshot, all);
  if (snapshot !== undefined) {
    options.restore?.(snapshot.lines);
    progress.lastSeq = (segments[0]?.firstSeq ?? 1) - 1;
  }
  for (const [index, segment] of segments.entries()) {
    await readSegment(disk, { ...segment, isLast: index === segments.length - 1 }, { ...options, progress });
  }
  if (snapshot !== undefined) mustHold(snapshot, progress.lastSeq);
  const { lastSeq, chain, tail, tornBytes } = progress;
  const cleanMarker = await checkMarker(disk, { names, lastSeq, chain });
  return { lastSeq, chain, tail, tornBytes, cleanMarker };
}

interface Segment {
  readonly name: string;
  readonly firstSeq: number;
  readonly isLast: boolean;
}

interface Progress {
  lastSeq: number;
  chain: Uint8Array;
  tail: Recovered["tail"];
  tornBytes: number;
  readonly snapshot: Snapshot | undefined;
}

async function clearAway(disk: JournalDisk, names: readonly string[]): Promise<void> {
  for (const name of names) if (name.endsWith(".tmp")) await disk.remove(name);
}

function isWanted({ restore, preferWhole }: RecoveryOptions, segments: readonly Pick<Segment, "firstSeq">[]) {
  const [first] = segments;
  return restore !== undefined && (preferWhole !== true || (first !== undefined && first.firstSeq > 1));
}

async function newestSnapshot(disk: JournalDisk, names: readonly string[]): Promise<Snapshot | undefined> {
  for (const found of snapshotsAmong(names)) {
    const snapshot = await readSnapshot(disk, found);
    if (snapshot !== undefined) return snapshot;
  }
  return undefined;
}

/** The segments from the one on in which the snapshot's chain meets the journal's. */
function segmentsBehind(
  snapshot: Snapshot,
  segments: readonly Omit<Segment, "isLast">[],
): readonly Omit<Segment, "isLast">[] {
  const from = segments.findLastIndex(({ firstSeq }) => firstSeq <= snapshot.joinSeq + 1);
  if (from < 0) throw damaged({ file: snapshot.name, what: "the segment it stands on is missing" });
  return segments.slice(from);
}

function segmentsAmong(names: readonly string[]): readonly Omit<Segment, "isLast">[] {
  return names
    .flatMap((name) => {
      const match = SEGMENT.exec(name);
      return match === null ? [] : [{ name, firstSeq: Number(match[1]) }];
    })
    .toSorted((a, b) => a.firstSeq - b.firstSeq);
}

async function readSegment(
  disk: JournalDisk,
  { name, firstSeq, isLast }: Segment,
  { tell, repair, progress }: RecoveryOptions & { readonly progress: Progress },
): Promise<void> {
  if (firstSeq !== progress.lastSeq + 1) {
    throw damaged({ file: name, what: `starts at ${firstSeq}, ${progress.lastSeq + 1} is missing` });
  }
  const bytes = await disk.read(name);
  const header = decodeHeader(bytes);
  if (header === undefined && isLast && bytes.length <= HEADER_BYTES) {
    // Its header was not yet synced, so nothing behind it was ever acknowledged.
    progress.tornBytes += bytes.length;
    if (repair) await removeSynced(disk, name);
    return;
  }
  if (header === undefined) throw damaged({ file: name, what: "its header is damaged" });
  const scan = scanSegment(bytes, header.chain);
  checkStart(progress, { name, firstSeq, header, scan });
  checkEnd(scan, { name, bytes, isLast });
  takeRecords(scan, name, { tell, progress });
  progress.tornBytes += bytes.length - scan.goodBytes;
  if (scan.goodBytes < bytes.length && repair) await cut(disk, { name, bytes: scan.goodBytes });
}

function takeRecords(
  { records, chain, goodBytes }: SegmentScan,
  name: string,
  { tell, progress }: Pick<RecoveryOptions, "tell"> & { readonly progress: Progress },
): void {
  const held = progress.snapshot?.lastSeq ?? 0;
  for (const record of records) {
    progress.lastSeq += 1;
    // What the snapshot holds is proved by the chain, and not read again.
    if (progress.lastSeq > held) tell(readRecord(record, { name, seq: progress.lastSeq }));
  }
  progress.chain = chain;
  progress.tail = { name, bytes: goodBytes };
}

interface Start {
  readonly name: string;
  readonly firstSeq: number;
  readonly header: SegmentHeader;
  readonly scan: SegmentScan;
}

/** A segment goes on where the one before it ended; the first behind a snapshot meets the snapshot's chain. */
function checkStart(progress: Progress, start: Start): void {
  const { name, firstSeq, header } = start;
  const snapshot = progress.tail === undefined ? progress.snapshot : undefined;
  const chain = snapshot === undefined ? progress.chain : header.chain;
  if (header.firstSeq !== firstSeq || Buffer.compare(header.chain, chain) !== 0) {
    throw damaged({ file: name, what: "its header does not continue the segment before it" });
  }
  if (snapshot !== undefined) checkJoin(snapshot, start);
}

/** @throws JOURNAL_DAMAGED: the snapshot is of another journal, or the journal is shorter than it was. */
function checkJoin({ name: of, joinSeq, chain }: Snapshot, { name, firstSeq, header, scan }: Start): void {
  const records = joinSeq - firstSeq + 1;
  const met = records === 0 ? header.chain : scan.frames.find((frame) => frame.records === records)?.chain;
  if (met !== undefined && Buffer.compare(met, chain) === 0) return;
  throw damaged({ file: name, what: `it does not hold record ${joinSeq} as ${of} has it` });
}

async function removeSynced(disk: JournalDisk, name: string): Promise<void> {
  await disk.remove(name);
  await disk.syncFolder();
}

function checkEnd(
  scan: SegmentScan,
  { name, bytes, isLast }: { readonly name: string; readonly bytes: Uint8Array; readonly isLast: boolean },
): void {
  const offset = scan.goodBytes;
  if (offset >= bytes.length) return;
  const changed = changedByteAt(bytes, offset, scan.chain);
  const how = changed === undefined ? "a bad frame" : `one bit of byte ${changed} has changed`;
  if (scan.validBehindAt !== undefined) {
    throw damaged({
      file: name,
      offset,
      what: `${how}, with a whole frame behind it at ${scan.validBehindAt}`,
    });
  }
  if (!isLast) throw damaged({ file: name, offset, what: `${how}, and another segment follows` });
  if (changed !== undefined) throw damaged({ file: name, offset, what: how });
}

function readRecord(bytes: Uint8Array, at: { readonly name: string; readonly seq: number }): JournalRecord {
  let record: JournalRecord;
  try {
    record = JSON.parse(textOf(bytes)) as JournalRecord;
  } catch (cause) {
    throw damaged({ file: at.name, what: `record ${at.seq} is no JSON`, cause });
  }
  if (record.seq !== at.seq) {
    throw damaged({ file: at.name, what: `record ${record.seq} where ${at.seq} belongs` });
  }
  return record;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

async function cut(
  disk: JournalDisk,
  tail: { readonly name: string; readonly bytes: number },
): Promise<void> {
  const file = await disk.open(tail.name);
  await file.truncate(tail.bytes);
  await file.sync();
  await file.close();
}

/** The marker of a clean stop says how far the journal went: with it, a short one is no torn one. */
async function checkMarker(
  disk: JournalDisk,
  found: { readonly names: readonly string[]; readonly lastSeq: number; readonly chain: Uint8Array },
): Promise<boolean> {
  if (!found.names.includes(CLEAN_MARKER)) return false;
  const text = Buffer.from(await disk.read(CLEAN_MARKER)).toString("utf8");
  if (text !== markerText(found.lastSeq, found.chain)) {
    throw damaged({
      file: CLEAN_MARKER,
      what: `the last stop left another end than record ${found.lastSeq}`,
    });
  }
  return true;
}

export function markerText(lastSeq: number, chain: Uint8Array): string {
  return `{"chain":"${Buffer.from(chain).toString("hex")}","lastSeq":${lastSeq}}\n`;
}

interface Damage {
  readonly file: string;
  /** Byte offset; 0 where the file as a whole is wrong. */
  readonly offset?: number;
  readonly what: string;
  readonly cause?: unknown;
}

function damaged({ file, offset = 0, what, cause }: Damage): ProtocolError {
  return new ProtocolError("JOURNAL_DAMAGED", `${file} at ${offset}: ${what}`, {
    cause,
    data: { file, offset },
  });
}

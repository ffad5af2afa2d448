/** What a journal folder holds when it is opened: every record, or a refusal that names file and offset. */

import { type JournalRecord, ProtocolError } from "@gridmesh/protocol";
import type { JournalDisk } from "./disk.ts";
import {
  CHAIN_BYTES,
  changedByteAt,
  decodeHeader,
  HEADER_BYTES,
  scanSegment,
  type SegmentScan,
} from "./journal-format.ts";

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
  /** Cut a torn tail off and clear away; false leaves the folder as it is. */
  readonly repair: boolean;
}

/**
 * Reads all segments in order, telling each record.
 * @throws JOURNAL_DAMAGED when anything that was once on the disk is missing or changed.
 */
export async function recoverJournal(disk: JournalDisk, options: RecoveryOptions): Promise<Recovered> {
  const names = await disk.list();
  if (options.repair) {
    for (const name of names) if (name.endsWith(".tmp")) await disk.remove(name);
  }
  const progress: Progress = {
    lastSeq: 0,
    chain: new Uint8Array(CHAIN_BYTES),
    tail: undefined,
    tornBytes: 0,
  };
  const segments = segmentsAmong(names);
  for (const [index, segment] of segments.entries()) {
    await readSegment(disk, { ...segment, isLast: index === segments.length - 1 }, { ...options, progress });
  }
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
  if (header.firstSeq !== firstSeq || Buffer.compare(header.chain, progress.chain) !== 0) {
    throw damaged({ file: name, what: "its header does not continue the segment before it" });
  }
  const scan = scanSegment(bytes, progress.chain);
  checkEnd(scan, { name, bytes, isLast });
  for (const record of scan.records) {
    tell(readRecord(record, { name, seq: progress.lastSeq + 1 }));
    progress.lastSeq += 1;
  }
  progress.chain = scan.chain;
  progress.tail = { name, bytes: scan.goodBytes };
  progress.tornBytes += bytes.length - scan.goodBytes;
  if (scan.goodBytes < bytes.length && repair) await cut(disk, progress.tail);
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

/** What a journal folder holds when it is opened: every record, or a refusal that names file and offset. */

import { type JournalRecord, ProtocolError } from "@gridmesh/protocol";
import type { JournalDisk } from "./disk.ts";
import { CHAIN_BYTES, decodeHeader, HEADER_BYTES, scanSegment, type SegmentScan } from "./journal-format.ts";

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
  readonly records: number;
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
  const { tell, repair } = options;
  const names = await disk.list();
  if (repair) for (const name of names) if (name.endsWith(".tmp")) await disk.remove(name);
  const segments = names
    .flatMap((name) => {
      const match = SEGMENT.exec(name);
      return match === null ? [] : [{ name, firstSeq: Number(match[1]) }];
    })
    .toSorted((a, b) => a.firstSeq - b.firstSeq);

  let lastSeq = 0;
  let chain: Uint8Array = new Uint8Array(CHAIN_BYTES);
  let tail: Recovered["tail"];
  let tornBytes = 0;
  for (const [index, { name, firstSeq }] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (firstSeq !== lastSeq + 1) throw damaged(name, 0, `starts at ${firstSeq}, ${lastSeq + 1} is missing`);
    const bytes = await disk.read(name);
    const header = decodeHeader(bytes);
    if (header === undefined && isLast && bytes.length <= HEADER_BYTES) {
      // Its header was not yet synced, so nothing behind it was ever acknowledged.
      if (repair) {
        await disk.remove(name);
        await disk.syncFolder();
      }
      tornBytes += bytes.length;
      continue;
    }
    if (header === undefined) throw damaged(name, 0, "its header is damaged");
    if (header.firstSeq !== firstSeq || Buffer.compare(header.chain, chain) !== 0) {
      throw damaged(name, 0, "its header does not continue the segment before it");
    }
    const scan = scanSegment(bytes, chain);
    checkEnd(scan, { name, length: bytes.length, isLast });
    for (const record of scan.records) {
      tell(readRecord(record, { name, seq: lastSeq + 1 }));
      lastSeq += 1;
    }
    chain = scan.chain;
    tail = { name, bytes: scan.goodBytes };
    if (scan.goodBytes < bytes.length) {
      tornBytes += bytes.length - scan.goodBytes;
      if (repair) await cut(disk, tail);
    }
  }
  const cleanMarker = await checkMarker(disk, { names, lastSeq, chain });
  return { lastSeq, chain, tail, tornBytes, cleanMarker, records: lastSeq };
}

function checkEnd(
  scan: SegmentScan,
  at: { readonly name: string; readonly length: number; readonly isLast: boolean },
): void {
  if (scan.goodBytes >= at.length) return;
  if (scan.validBehindAt !== undefined) {
    throw damaged(at.name, scan.goodBytes, `a bad frame with a whole one behind it at ${scan.validBehindAt}`);
  }
  if (!at.isLast) throw damaged(at.name, scan.goodBytes, "a bad frame, and another segment follows");
}

function readRecord(bytes: Uint8Array, at: { readonly name: string; readonly seq: number }): JournalRecord {
  let record: JournalRecord;
  try {
    record = JSON.parse(Buffer.from(bytes).toString("utf8")) as JournalRecord;
  } catch (cause) {
    throw damaged(at.name, 0, `record ${at.seq} is no JSON`, cause);
  }
  if (record.seq !== at.seq) throw damaged(at.name, 0, `record ${record.seq} where ${at.seq} belongs`);
  return record;
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
    throw damaged(CLEAN_MARKER, 0, `the last stop left another end than record ${found.lastSeq}`);
  }
  return true;
}

export function markerText(lastSeq: number, chain: Uint8Array): string {
  return `{"chain":"${Buffer.from(chain).toString("hex")}","lastSeq":${lastSeq}}\n`;
}

function damaged(file: string, offset: number, what: string, cause?: unknown): ProtocolError {
  return new ProtocolError("JOURNAL_DAMAGED", `${file} at ${offset}: ${what}`, {
    cause,
    data: { file, offset },
  });
}

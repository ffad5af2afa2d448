/**
 * Snapshots: the whole state of a desk beside its journal, so that a start need not replay what is older.
 * `<last seq>.snap`: a header as a segment's (first seq: of the record after the last synced group, chain: of that group),
 * then frames of pieces of one text: lines of JSON, the last of which says how many there are.
 */

import { setImmediate as turn } from "node:timers/promises";
import { ProtocolError } from "@gridmesh/protocol";
import type { Log } from "../log.ts";
import type { JournalDisk } from "./disk.ts";
import { decodeHeader, encodeFrame, encodeHeader, HEADER_BYTES, scanSegment } from "./journal-format.ts";
import type { DeskState } from "./state.ts";
import { stateLines } from "./state-text.ts";

/** Records after which the state is written anew. */
const EVERY_RECORDS = 50_000;
/** Bytes of text in a frame. */
const PIECE_BYTES = 256 * 1024;
/** Older snapshots kept beside the newest: one that rots is no loss. */
const KEPT = 2;
const SNAPSHOT = /^(\d{1,15})\.snap$/;

export interface Snapshots {
  /** Looks whether enough was booked since the last one; writes in the background. */
  booked(): void;
  /** Gives up what is being written. */
  stop(): Promise<void>;
}

export interface SnapshotOptions {
  readonly disk: JournalDisk;
  readonly state: DeskState;
  readonly log: Log;
  /** The end of the journal on the disk: the last group's last record, and its chain. */
  readonly synced: () => { readonly seq: number; readonly chain: Uint8Array };
  /** Resolves once this record is on the disk. */
  readonly durable: (seq: number) => Promise<void>;
  /** Default 50,000. */
  readonly everyRecords?: number | undefined;
}

export function createSnapshots(options: SnapshotOptions): Snapshots {
  const { state, log, everyRecords = EVERY_RECORDS } = options;
  let next = state.lastSeq + everyRecords;
  let writing: Promise<void> | undefined;
  let isStopped = false;

  const write = async (): Promise<void> => {
    try {
      await writeSnapshot(options, () => isStopped);
    } catch (error) {
      // The journal alone is enough.
      log.warn("journal.snapshot", String(error));
    } finally {
      // A state that is twice as large is written half as often.
      next = state.lastSeq + Math.max(everyRecords, Math.floor(state.lastSeq / 2));
      writing = undefined;
    }
  };

  return {
    booked() {
      if (state.lastSeq >= next && !isStopped) writing ??= write();
    },
    async stop() {
      isStopped = true;
      await writing;
    },
  };
}

async function writeSnapshot(options: SnapshotOptions, isStopped: () => boolean): Promise<void> {
  const { disk, state, synced, durable } = options;
  const { lastSeq } = state;
  const { seq, chain } = synced();
  const lines = stateLines(state);
  const name = `${lastSeq}.snap`;
  const file = await disk.create(`${name}.tmp`);
  try {
    await file.write(encodeHeader({ firstSeq: seq + 1, chain }), 0);
    let at = HEADER_BYTES;
    let last = chain;
    for (const piece of piecesOf(lines)) {
      const next = encodeFrame(last, [piece]);
      last = next.chain;
      await file.write(next.frame, at);
      at += next.frame.length;
      await turn();
      if (isStopped()) break;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  // What a snapshot says must never be more than what the journal holds.
  if (!isStopped()) await durable(lastSeq);
  if (isStopped()) return disk.remove(`${name}.tmp`);
  await disk.rename(`${name}.tmp`, name);
  await disk.syncFolder();
  for (const old of snapshotsAmong(await disk.list()).slice(KEPT)) await disk.remove(old.name);
}

function* piecesOf(lines: Iterable<string>): Iterable<Uint8Array> {
  let text = "";
  let count = 0;
  for (const line of lines) {
    text += `${line}\n`;
    count += 1;
    if (text.length < PIECE_BYTES) continue;
    yield* cut(Buffer.from(text));
    text = "";
  }
  yield* cut(Buffer.from(`${text}{"lines":${count}}\n`));
}

function* cut(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

export interface FoundSnapshot {
  readonly name: string;
  /** Last record that it holds. */
  readonly lastSeq: number;
}

/** Newest first. */
export function snapshotsAmong(names: readonly string[]): readonly FoundSnapshot[] {
  return names
    .flatMap((name) => {
      const match = SNAPSHOT.exec(name);
      return match === null ? [] : [{ name, lastSeq: Number(match[1]) }];
    })
    .toSorted((a, b) => b.lastSeq - a.lastSeq);
}

export interface Snapshot extends FoundSnapshot {
  /** Where its chain meets the journal's: after this record, with this chain. */
  readonly joinSeq: number;
  readonly chain: Uint8Array;
  readonly lines: readonly string[];
}

/** A whole snapshot, or undefined where anything of it is missing or changed. */
export async function readSnapshot(disk: JournalDisk, found: FoundSnapshot): Promise<Snapshot | undefined> {
  const bytes = await disk.read(found.name);
  const header = decodeHeader(bytes);
  if (header === undefined) return undefined;
  const { records, goodBytes } = scanSegment(bytes, header.chain);
  if (goodBytes < bytes.length) return undefined;
  const lines = Buffer.concat(records).toString("utf8").split("\n");
  lines.pop();
  if (lines.pop() !== `{"lines":${lines.length}}`) return undefined;
  return { ...found, joinSeq: header.firstSeq - 1, chain: header.chain, lines };
}

/** @throws JOURNAL_DAMAGED. */
export function mustHold(snapshot: Snapshot, lastSeq: number): void {
  if (lastSeq >= snapshot.lastSeq) return;
  const what = `${snapshot.name} at 0: it holds record ${snapshot.lastSeq}, the journal ends at ${lastSeq}`;
  throw new ProtocolError("JOURNAL_DAMAGED", what, { data: { file: snapshot.name, offset: 0 } });
}

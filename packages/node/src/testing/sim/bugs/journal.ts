/** Mistakes between the journal and the disk. */

import { apply } from "../../../trade/apply.ts";
import { type DiskFile, type JournalDisk, memoryDisk, type MemoryDisk } from "../../../trade/index.ts";
import { CHAIN_BYTES, encodeFrame, HEADER_BYTES, scanSegment } from "../../../trade/journal-format.ts";
import { createSnapshots } from "../../../trade/snapshot.ts";
import { CLEAN_MARKER } from "../../../trade/recovery.ts";
import type { DeskState } from "../../../trade/state.ts";
import type { SeededBug } from "./bug.ts";

const FRAME_HEAD_BYTES = 8 + CHAIN_BYTES;

const sendBeforeFsync: SeededBug = {
  name: "send-before-fsync",
  disk: (disk) =>
    throughFiles(disk, (file) => ({
      ...file,
      // The sync runs, and nobody waits for it.
      async sync() {
        file.sync().catch(() => {});
      },
    })),
};

const answerBeforeFsync: SeededBug = {
  name: "answer-before-fsync",
  parts: () => ({ durable: async () => {} }),
};

/** By disk and file: bytes whose sync failed. */
const dropped = new WeakMap<MemoryDisk, Map<string, Range[]>>();

interface Range {
  readonly at: number;
  readonly length: number;
}

/** After a failed sync the kernel drops the pages, and the next sync says all is well: they never reach the medium. */
const fsyncErrorRetried: SeededBug = {
  name: "fsync-error-retried",
  disk(disk) {
    const lost = new Map<string, Range[]>();
    dropped.set(disk, lost);
    return throughFiles(disk, (file, { name }) => {
      let waiting: Range[] = [];
      return {
        ...file,
        async write(bytes, at) {
          waiting.push({ at, length: bytes.length });
          await file.write(bytes, at);
        },
        async sync() {
          const covered = waiting;
          waiting = [];
          await file.sync().catch(() => void lost.set(name, [...(lost.get(name) ?? []), ...covered]));
        },
      };
    });
  },
  async image(left, before) {
    const files = new Map<string, Uint8Array>();
    for (const name of await left.list()) {
      const bytes = await left.read(name);
      for (const { at, length } of dropped.get(before)?.get(name) ?? []) bytes.fill(0, at, at + length);
      files.set(name, bytes);
    }
    return memoryDisk(files);
  },
};

const framePerRecord: SeededBug = {
  name: "frame-per-record",
  disk: (disk) => ({
    ...throughFiles(disk, splitFrames),
    // The chain of these frames is none the marker of a clean stop knows.
    rename: (from, to) => (to === CLEAN_MARKER ? disk.remove(from) : disk.rename(from, to)),
  }),
};

/** Writes each record of a group as a frame of its own, in one write with one sync. */
function splitFrames(file: DiskFile, { chainOf }: Under): DiskFile {
  let chain: Uint8Array | undefined;
  let offset: number | undefined;
  return {
    ...file,
    async write(bytes, at) {
      if (at < HEADER_BYTES) return file.write(bytes, at);
      chain ??= await chainOf();
      const frames: Uint8Array[] = [];
      for (const record of recordsOf(bytes.subarray(FRAME_HEAD_BYTES))) {
        const next = encodeFrame(chain, [record]);
        chain = next.chain;
        frames.push(next.frame);
      }
      const written = Buffer.concat(frames);
      offset ??= at;
      await file.write(written, offset);
      offset += written.length;
    },
  };
}

function recordsOf(body: Uint8Array): readonly Uint8Array[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const records: Uint8Array[] = [];
  for (let at = 0; at < body.length;) {
    const end = at + 4 + view.getUint32(at, true);
    records.push(body.subarray(at + 4, end));
    at = end;
  }
  return records;
}

const folderNotSynced: SeededBug = {
  name: "rename-without-folder-fsync",
  disk: (disk) => ({ ...disk, syncFolder: async () => {} }),
};

/** A frame that was cut short is read as if its checksum did not matter: the end of it is what the sectors held. */
const tornTailTrusted: SeededBug = {
  name: "torn-tail-trusted",
  async image(left, before) {
    const files = new Map<string, Uint8Array>();
    for (const name of await left.list()) {
      const [bytes, whole] = [await left.read(name), (await bytesOf(before, name)) ?? new Uint8Array(0)];
      files.set(name, name.endsWith(".log") ? trusted(bytes, whole) : bytes);
    }
    return memoryDisk(files);
  },
};

async function bytesOf(disk: MemoryDisk, name: string): Promise<Uint8Array | undefined> {
  return (await disk.list()).includes(name) ? disk.read(name) : undefined;
}

function trusted(bytes: Uint8Array, whole: Uint8Array): Uint8Array {
  const scan = scanSegment(bytes, bytes.subarray(16, 48));
  if (bytes.length < HEADER_BYTES || scan.goodBytes >= bytes.length) return bytes;
  const torn = whole.subarray(scan.goodBytes + FRAME_HEAD_BYTES);
  if (torn.length === 0 || whole.length <= scan.goodBytes) return bytes;
  const length = new DataView(whole.buffer, whole.byteOffset + scan.goodBytes).getUint32(0, true);
  const records = recordsOf(torn.subarray(0, length)).map((record) => Buffer.from(record).toString("utf8"));
  const last = records.pop() ?? "";
  // The last sector never came: numbers in it read as nothing.
  const read = [...records, last.replaceAll(/"(amountMicro|finalMilliWh|heldMicro)":\d+/g, '"$1":0')];
  const { frame } = encodeFrame(
    scan.chain,
    read.map((text) => new TextEncoder().encode(text)),
  );
  return Buffer.concat([bytes.subarray(0, scan.goodBytes), frame]);
}

const live = new WeakSet<DeskState>();

/** Recovery books what a snapshot holds already. */
const replayAppliesTwice: SeededBug = {
  name: "replay-applies-twice",
  parts(context) {
    live.add(context.state);
    return {};
  },
  apply(state, record) {
    apply(state, record);
    if (live.has(state) || record.kind !== "produce") return;
    state.lastSeq -= 1;
    for (const book of state.books.values()) book.energyRecords.clear();
    apply(state, record);
  },
};

interface Under {
  readonly name: string;
  /** Of the frames that are in the file. */
  readonly chainOf: () => Promise<Uint8Array>;
}

type Wrap = (file: DiskFile, under: Under) => DiskFile;

/** The same disk, whose segments are written through another file. */
function throughFiles(disk: MemoryDisk, wrap: Wrap): JournalDisk {
  const through = (name: string, file: DiskFile) =>
    name.endsWith(".log") ? wrap(file, { name, chainOf: async () => chainOf(await disk.read(name)) }) : file;
  return {
    ...disk,
    create: async (name) => through(name, await disk.create(name)),
    open: async (name) => through(name, await disk.open(name)),
  };
}

function chainOf(segment: Uint8Array): Uint8Array {
  return scanSegment(segment, segment.subarray(16, 48)).chain;
}

/** Waits for the record before the one that is spoken of. */
const olderRecord: SeededBug = {
  name: "older-record-awaited",
  parts(context) {
    const durable = context.durable.bind(context);
    return { durable: (seq) => durable(seq - 1) };
  },
};

/** A snapshot is published as soon as it is written, whatever the journal has on the disk by then. */
const snapshotBeforeFsync: SeededBug = {
  name: "snapshot-before-fsync",
  parts({ state, log, synced }, { disk, parts: { world } }) {
    const { snapshotEvery: everyRecords } = world.plan;
    const early = { disk, state, log, everyRecords, synced, durable: async () => {} };
    return { snapshots: createSnapshots(early) };
  },
};

export const journalBugs = [
  sendBeforeFsync,
  answerBeforeFsync,
  olderRecord,
  fsyncErrorRetried,
  framePerRecord,
  folderNotSynced,
  tornTailTrusted,
  snapshotBeforeFsync,
  replayAppliesTwice,
] as const;

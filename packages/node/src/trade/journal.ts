/** The journal: one writer, one frame and one sync per group of records, and nothing is said before its sync. */

import { type JournalRecord, canonicalBytes, ProtocolError } from "@gridmesh/protocol";
import type { DiskFile, JournalDisk } from "./disk.ts";
import { encodeFrame, encodeHeader, HEADER_BYTES, MAX_BODY_BYTES } from "./journal-format.ts";
import { CLEAN_MARKER, markerText, recoverJournal } from "./recovery.ts";

/** Segments end here; 64 MiB is read at once in recovery. */
const SEGMENT_BYTES = 64 * 1024 * 1024;

export interface JournalOptions {
  readonly disk: JournalDisk;
  /** Told each record of the past, in order. */
  readonly tell: (record: JournalRecord) => void;
  /** Given what the newest snapshot holds, before the records behind it; absent: every record is told. */
  readonly restore?: ((lines: readonly string[]) => void) | undefined;
  /** A write or sync failed: the process must stop, what is on the disk is unknown. */
  readonly onFatal: (error: ProtocolError) => void;
  /** Bytes per segment, default 64 MiB. */
  readonly segmentBytes?: number | undefined;
}

export interface Journal {
  /** Queues a record, whose bytes may be there already; resolves once it is on the disk. @throws DISK_FAILED. */
  append(record: JournalRecord, bytes?: Uint8Array): Promise<void>;
  /** Resolves once this record is on the disk. @throws DISK_FAILED. */
  durable(seq: number): Promise<void>;
  /** Highest seq on the disk. */
  readonly durableSeq: number;
  /** The last group on the disk: its last record, and its chain. */
  readonly synced: { readonly seq: number; readonly chain: Uint8Array };
  readonly tornBytes: number;
  /** Why nothing can be appended any more. */
  readonly closed: ProtocolError | undefined;
  /** Syncs, leaves the marker of a clean stop, closes. */
  stop(): Promise<void>;
}

interface Waiter {
  readonly seq: number;
  readonly resolve: () => void;
  readonly reject: (error: ProtocolError) => void;
}

interface Queued {
  readonly seq: number;
  readonly bytes: Uint8Array;
}

/** Recovers what the folder holds and goes on from there. @throws JOURNAL_DAMAGED, DISK_FAILED. */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { disk, tell, restore } = options;
  const recovered = await recoverJournal(disk, { tell, restore, repair: true }).catch((error: unknown) => {
    throw error instanceof ProtocolError ? error : diskFailed("cannot be read", error);
  });
  return new JournalWriter(options, recovered);
}

/** What a frame holds of a record. @throws MESSAGE_MALFORMED: no canonical form, or larger than a frame. */
export function recordBytes(record: JournalRecord): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = canonicalBytes(record);
  } catch (cause) {
    throw new ProtocolError("MESSAGE_MALFORMED", `a ${record.kind} that cannot be written`, { cause });
  }
  if (bytes.length + 4 <= MAX_BODY_BYTES) return bytes;
  throw new ProtocolError("MESSAGE_MALFORMED", `a ${record.kind} of ${bytes.length} bytes`);
}

class JournalWriter implements Journal {
  readonly tornBytes: number;
  readonly #disk: JournalDisk;
  readonly #segmentBytes: number;
  readonly #onFatal: (error: ProtocolError) => void;
  #file: DiskFile | undefined;
  #tail: { readonly name: string; readonly bytes: number } | undefined;
  #offset = 0;
  #chain: Uint8Array;
  #durableSeq: number;
  #cleanMarker: boolean;
  #queue: Queued[] = [];
  #waiters: Waiter[] = [];
  #writing: Promise<void> | undefined;
  #dead: ProtocolError | undefined;

  constructor(options: JournalOptions, recovered: Awaited<ReturnType<typeof recoverJournal>>) {
    this.#disk = options.disk;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#onFatal = options.onFatal;
    this.#tail = recovered.tail;
    this.#chain = recovered.chain;
    this.#durableSeq = recovered.lastSeq;
    this.#cleanMarker = recovered.cleanMarker;
    this.tornBytes = recovered.tornBytes;
  }

  get durableSeq(): number {
    return this.#durableSeq;
  }

  get synced(): Journal["synced"] {
    return { seq: this.#durableSeq, chain: this.#chain };
  }

  get closed(): ProtocolError | undefined {
    return this.#dead;
  }

  append(record: JournalRecord, bytes = recordBytes(record)): Promise<void> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    this.#queue.push({ seq: record.seq, bytes });
    const written = this.durable(record.seq);
    this.#writing ??= this.#writeAll();
    return written;
  }

  durable(seq: number): Promise<void> {
    if (seq <= this.#durableSeq) return Promise.resolve();
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => this.#waiters.push({ seq, resolve, reject }));
  }

  async stop(): Promise<void> {
    if (this.#dead !== undefined) return;
    this.#dead = new ProtocolError("DRAINING", "the journal is closed");
    await this.#writing;
    if (this.#dead.code !== "DRAINING") return;
    await this.#file?.close();
    if (this.#durableSeq === 0 || this.#cleanMarker) return;
    const temporary = `${CLEAN_MARKER}.tmp`;
    const marker = await this.#disk.create(temporary);
    await marker.write(new TextEncoder().encode(markerText(this.#durableSeq, this.#chain)), 0);
    await marker.sync();
    await marker.close();
    await this.#disk.rename(temporary, CLEAN_MARKER);
    await this.#disk.syncFolder();
  }

  /** While one group is synced the next one gathers; each is one frame, one write, one sync. */
  async #writeAll(): Promise<void> {
    try {
      // Whatever this turn of the event loop still appends joins the first group.
      await Promise.resolve();
      while (this.#queue.length > 0) {
        const group = this.#takeGroup();
        // Both at once: a snapshot joins the journal where they meet.
        this.#chain = await this.#writeGroup(group);
        this.#durableSeq = group.at(-1)?.seq ?? this.#durableSeq;
        const done = this.#waiters.filter((waiter) => waiter.seq <= this.#durableSeq);
        this.#waiters = this.#waiters.filter((waiter) => waiter.seq > this.#durableSeq);
        for (const waiter of done) waiter.resolve();
        // Callers of this group run first: what they append belongs into the next one.
        await Promise.resolve();
      }
    } catch (cause) {
      this.#fail(cause);
    } finally {
      this.#writing = undefined;
    }
  }

  #takeGroup(): readonly Queued[] {
    let bytes = 0;
    let count = 0;
    for (const { bytes: record } of this.#queue) {
      if (bytes + record.length + 4 > MAX_BODY_BYTES) break;
      bytes += record.length + 4;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  /** The chain of the frame that was written. */
  async #writeGroup(group: readonly Queued[]): Promise<Uint8Array> {
    const { frame, chain } = encodeFrame(
      this.#chain,
      group.map((queued) => queued.bytes),
    );
    const file = await this.#segmentFor(frame.length, group[0]?.seq ?? 0);
    await file.write(frame, this.#offset);
    await file.sync();
    this.#offset += frame.length;
    return chain;
  }

  async #segmentFor(frameBytes: number, firstSeq: number): Promise<DiskFile> {
    if (this.#cleanMarker) {
      await this.#disk.remove(CLEAN_MARKER);
      await this.#disk.syncFolder();
      this.#cleanMarker = false;
    }
    if (this.#file === undefined && this.#tail !== undefined) {
      this.#file = await this.#disk.open(this.#tail.name);
      this.#offset = this.#tail.bytes;
    }
    if (this.#file !== undefined && this.#offset + frameBytes <= this.#segmentBytes) return this.#file;
    await this.#file?.close();
    const file = await this.#disk.create(`${firstSeq}.log`);
    await file.write(encodeHeader({ firstSeq, chain: this.#chain }), 0);
    await file.sync();
    await this.#disk.syncFolder();
    this.#file = file;
    this.#offset = HEADER_BYTES;
    return file;
  }

  /** After a failed sync the kernel may have dropped the pages and the next sync would lie: never again. */
  #fail(cause: unknown): void {
    this.#dead = diskFailed("cannot be written", cause);
    this.#queue = [];
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(this.#dead);
    this.#onFatal(this.#dead);
  }
}

function diskFailed(what: string, cause: unknown): ProtocolError {
  return new ProtocolError("DISK_FAILED", `the journal ${what}`, { cause });
}

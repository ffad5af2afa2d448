/** A disk in memory that forgets what a real one may forget: unsynced sectors, names of an unsynced folder. */

import type { Random } from "../clock.ts";
import type { DiskFile, JournalDisk } from "./disk.ts";

/** What to do at the next operation of this kind. */
interface DiskFaults {
  /** Called before each write and sync; a throw fails it, a promise that stays pending hangs it. */
  beforeWrite?: ((name: string, bytes: Uint8Array) => Promise<void> | void) | undefined;
  beforeSync?: ((name: string) => Promise<void> | void) | undefined;
  /** Bytes left, as `free()` tells. */
  freeBytes?: number | undefined;
}

export interface MemoryDisk extends JournalDisk {
  readonly faults: DiskFaults;
  /** A disk with everything that was written, synced or not: the process died, the machine did not. */
  afterKill(): MemoryDisk;
  /** A disk as a power loss may leave it: what was synced, and any sectors of what was not. */
  afterPowerLoss(random: Random): MemoryDisk;
  /** Flips one bit of a file, as rot does. */
  flip(name: string, bit: number): void;
  sizeOf(name: string): number;
}

interface Write {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A file's bytes: `synced` survives anything, `unsynced` is at the medium's mercy. */
interface StoredFile {
  live: GrowingBytes;
  syncedLength: number;
  unsynced: Write[];
  /** Copy of the synced image; made only while there are unsynced writes below its end or a truncation. */
  syncedImage: Uint8Array | undefined;
}

const SECTOR = 512;
const PLENTY = 2 ** 40;

/** @param names Files it starts with, all synced. */
export function memoryDisk(names: ReadonlyMap<string, Uint8Array> = new Map()): MemoryDisk {
  const live = new Map<string, StoredFile>();
  for (const [name, bytes] of names) live.set(name, storedFile(bytes));
  let syncedNames = new Map(live);
  const faults: DiskFaults = {};

  const find = (name: string) => {
    const file = live.get(name);
    if (file === undefined) throw new Error(`no file ${name}`);
    return file;
  };

  return {
    faults,
    list: async () => [...live.keys()],
    read: async (name) => find(name).live.copy(),
    async create(name) {
      if (live.has(name)) throw new Error(`file ${name} is there already`);
      const file = storedFile(new Uint8Array(0));
      live.set(name, file);
      return openFile(name, file, faults);
    },
    open: async (name) => openFile(name, find(name), faults),
    async rename(from, to) {
      live.set(to, find(from));
      live.delete(from);
    },
    async remove(name) {
      find(name);
      live.delete(name);
    },
    async syncFolder() {
      await faults.beforeSync?.(".");
      syncedNames = new Map(live);
    },
    free: async () => faults.freeBytes ?? PLENTY,
    afterKill: () => memoryDisk(new Map([...live].map(([name, file]) => [name, file.live.copy()]))),
    afterPowerLoss(random) {
      const left = new Map<string, Uint8Array>();
      const survivors = random.below(2) === 0 ? syncedNames : live;
      for (const [name, file] of survivors) left.set(name, imageAfterLoss(file, random));
      return memoryDisk(left);
    },
    flip(name, bit) {
      const { live: bytes } = find(name);
      bytes.flip(bit);
    },
    sizeOf: (name) => find(name).live.length,
  };
}

function openFile(name: string, file: StoredFile, faults: DiskFaults): DiskFile {
  return {
    async write(bytes, at) {
      await faults.beforeWrite?.(name, bytes);
      if (at < file.syncedLength) file.syncedImage ??= file.live.copy().subarray(0, file.syncedLength);
      file.unsynced.push({ at, bytes: bytes.slice() });
      file.live.write(bytes, at);
    },
    async sync() {
      const covered = file.unsynced.length;
      await faults.beforeSync?.(name);
      file.unsynced.splice(0, covered);
      if (file.unsynced.length === 0) {
        file.syncedLength = file.live.length;
        file.syncedImage = undefined;
      }
    },
    async truncate(length) {
      file.syncedImage ??= file.live.copy().subarray(0, file.syncedLength);
      file.live.truncate(length);
    },
    close: async () => {},
  };
}

function storedFile(bytes: Uint8Array): StoredFile {
  return { live: new GrowingBytes(bytes), syncedLength: bytes.length, unsynced: [], syncedImage: undefined };
}

/** Synced bytes, then of each unsynced write: nothing, all, any of its sectors, a cut, or grown with zeros. */
function imageAfterLoss(file: StoredFile, random: Random): Uint8Array {
  const image = new GrowingBytes(file.syncedImage ?? file.live.copy().subarray(0, file.syncedLength));
  for (const { at, bytes } of file.unsynced) {
    const choice = random.below(5);
    if (choice === 0) continue;
    if (choice === 1) {
      image.write(bytes, at);
      continue;
    }
    const length = choice === 2 ? random.below(bytes.length + 1) : bytes.length;
    if (length > 0) image.write(new Uint8Array(length), at);
    for (let from = 0; from < length; from = nextSector(at, from)) {
      const to = Math.min(nextSector(at, from), length);
      if (random.below(5) < 3) image.write(bytes.subarray(from, to), at + from);
    }
  }
  return image.copy();
}

function nextSector(at: number, from: number): number {
  return (Math.floor((at + from) / SECTOR) + 1) * SECTOR - at;
}

class GrowingBytes {
  #bytes: Uint8Array;
  #length: number;

  constructor(initial: Uint8Array) {
    this.#bytes = initial.slice();
    this.#length = initial.length;
  }

  get length(): number {
    return this.#length;
  }

  write(bytes: Uint8Array, at: number): void {
    const end = at + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2, 1024));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, at);
    this.#length = Math.max(this.#length, end);
  }

  truncate(length: number): void {
    this.#bytes.fill(0, length, this.#length);
    this.#length = Math.min(length, this.#length);
  }

  flip(bit: number): void {
    const at = Math.floor(bit / 8);
    this.#bytes[at] = (this.#bytes[at] ?? 0) ^ (1 << (bit % 8));
  }

  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

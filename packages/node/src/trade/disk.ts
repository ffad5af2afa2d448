/** The disk as the journal sees it: a folder of files whose bytes count only once they are synced. */

import { writeSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, statfs } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";

/** One open file; written at explicit offsets. */
export interface DiskFile {
  /** Writes all bytes or throws: a short write is an error. */
  write(bytes: Uint8Array, at: number): Promise<void>;
  /** Resolves once everything written is on the medium. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

/** A folder of the journal's own; no other writer. */
export interface JournalDisk {
  list(): Promise<readonly string[]>;
  read(name: string): Promise<Uint8Array>;
  /** A new file; fails when there is one. */
  create(name: string): Promise<DiskFile>;
  open(name: string): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Makes names created, renamed and removed survive a power loss. */
  syncFolder(): Promise<void>;
  /** Bytes left. */
  free(): Promise<number>;
  /** A file of 16 MiB is kept here, to be given up when the disk is full. */
  readonly keepsReserve?: boolean;
}

/** A folder of the file system; made when absent, readable by its owner alone. */
export function folderDisk(path: string): JournalDisk {
  const at = (name: string) => join(path, name);
  const made = once(() => mkdir(path, { recursive: true, mode: 0o700 }));
  return {
    keepsReserve: true,
    async list() {
      await made();
      return readdir(path);
    },
    read: (name) => readFile(at(name)),
    async create(name) {
      await made();
      return diskFile(await open(at(name), "wx+", 0o600));
    },
    open: async (name) => diskFile(await open(at(name), "r+")),
    rename: (from, to) => rename(at(from), at(to)),
    remove: (name) => rm(at(name)),
    async syncFolder() {
      const folder = await open(path, "r");
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    },
    async free() {
      await made();
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    },
  };
}

function diskFile(file: FileHandle): DiskFile {
  return {
    // At once: it goes to memory, which takes less than handing it to another thread. The sync is what waits.
    async write(bytes, position) {
      const bytesWritten = writeSync(file.fd, bytes, 0, bytes.length, position);
      if (bytesWritten !== bytes.length) {
        throw new Error(`short write: ${bytesWritten} of ${bytes.length} bytes`);
      }
    },
    sync: () => file.datasync(),
    truncate: (length) => file.truncate(length),
    close: () => file.close(),
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

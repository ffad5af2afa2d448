/** A disk in memory that writes down each write, sync and change of names, and can fail at any one of its calls. */

import type { DiskFile, JournalDisk } from "@gridmesh/node";

/** One file, whatever its name is by now. */
export type FileNumber = number;

export type Operation =
  | { readonly kind: "write"; readonly file: FileNumber; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly file: FileNumber; readonly length: number }
  | { readonly kind: "sync"; readonly file: FileNumber }
  | { readonly kind: "create"; readonly file: FileNumber; readonly name: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "syncFolder" };

export type Fault = "EIO" | "ENOSPC" | "short";

export interface TracedDisk extends JournalDisk {
  /** In the order in which they were begun; syncs in which they were done. */
  readonly operations: readonly Operation[];
  /** Calls so far that may fail. */
  readonly calls: number;
  /** The call of this number fails, and every later one that writes, as on a disk that is full or broken. */
  failAt(call: number, fault: Fault): void;
}

/** @param files What the folder holds to begin with, synced. */
export function tracedDisk(files: ReadonlyMap<string, Uint8Array> = new Map()): TracedDisk {
  return new Traced(files);
}

class Traced implements TracedDisk {
  readonly operations: Operation[] = [];
  calls = 0;
  readonly #names = new Map<string, FileNumber>();
  readonly #contents: Uint8Array[] = [];
  #failing: { readonly call: number; readonly fault: Fault } | undefined;

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    for (const [name, bytes] of files) this.#names.set(name, this.#contents.push(bytes.slice()) - 1);
  }

  failAt(call: number, fault: Fault): void {
    this.#failing = { call, fault };
  }

  list = () => Promise.resolve([...this.#names.keys()]);

  read = (name: string) => Promise.resolve(this.#contentOf(this.#find(name)).slice());

  async create(name: string): Promise<DiskFile> {
    this.#call();
    if (this.#names.has(name)) throw new Error(`EEXIST ${name}`);
    const file = this.#contents.push(new Uint8Array(0)) - 1;
    this.#names.set(name, file);
    this.operations.push({ kind: "create", file, name });
    return this.#open(file);
  }

  open = (name: string) => Promise.resolve(this.#open(this.#find(name)));

  async rename(from: string, to: string): Promise<void> {
    this.#call();
    this.#names.set(to, this.#find(from));
    this.#names.delete(from);
    this.operations.push({ kind: "rename", from, to });
  }

  async remove(name: string): Promise<void> {
    this.#call();
    this.#find(name);
    this.#names.delete(name);
    this.operations.push({ kind: "remove", name });
  }

  async syncFolder(): Promise<void> {
    this.#call();
    await Promise.resolve();
    this.operations.push({ kind: "syncFolder" });
  }

  free = () => Promise.resolve(2 ** 40);

  #open(file: FileNumber): DiskFile {
    return {
      write: async (bytes, at) => {
        const fault = this.#faultNow();
        if (fault === undefined) return this.#write(file, bytes, at);
        // A disk that is full takes what fits; one that is broken may have taken a part.
        const part = fault === "EIO" ? 0 : Math.floor(bytes.length / 2);
        if (part > 0) this.#write(file, bytes.subarray(0, part), at);
        throw new Error(fault === "short" ? `short write: ${part} of ${bytes.length} bytes` : fault);
      },
      sync: async () => {
        this.#call();
        await Promise.resolve();
        this.operations.push({ kind: "sync", file });
      },
      truncate: async (length) => {
        this.#call();
        this.#contents[file] = this.#contentOf(file).slice(0, length);
        this.operations.push({ kind: "truncate", file, length });
      },
      close: () => Promise.resolve(),
    };
  }

  #write(file: FileNumber, bytes: Uint8Array, at: number): void {
    this.#contents[file] = written(this.#contentOf(file), bytes, at);
    this.operations.push({ kind: "write", file, at, bytes: bytes.slice() });
  }

  #call(): void {
    const fault = this.#faultNow();
    if (fault !== undefined) throw new Error(fault);
  }

  #faultNow(): Fault | undefined {
    this.calls += 1;
    return this.#failing !== undefined && this.calls >= this.#failing.call ? this.#failing.fault : undefined;
  }

  #find(name: string): FileNumber {
    const file = this.#names.get(name);
    if (file === undefined) throw new Error(`ENOENT ${name}`);
    return file;
  }

  #contentOf(file: FileNumber): Uint8Array {
    return this.#contents[file] ?? new Uint8Array(0);
  }
}

/** The bytes with others written over them from `at` on; grown with zeros where there was nothing. */
export function written(content: Uint8Array, bytes: Uint8Array, at: number): Uint8Array {
  const grown = new Uint8Array(Math.max(content.length, at + bytes.length));
  grown.set(content);
  grown.set(bytes, at);
  return grown;
}

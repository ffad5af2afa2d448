/** What a disk may hold when the power goes: everything synced, and of the rest any part in any order. */

import type { Random } from "@gridmesh/node";
import { type FileNumber, type Operation, written } from "./power-disk.ts";

const SECTOR = 512;

/** A folder as it may be found. */
export type Left = ReadonlyMap<string, Uint8Array>;

type Change = Extract<Operation, { readonly kind: "write" | "truncate" }>;
type Naming = Extract<Operation, { readonly kind: "create" | "rename" | "remove" }>;

/** Follows a trace, and builds at any point the folders that could be left. */
export class PowerModel {
  /** Synced bytes of each file. */
  readonly #synced = new Map<FileNumber, Uint8Array>();
  readonly #unsynced = new Map<FileNumber, Change[]>();
  #names = new Map<string, FileNumber>();
  #naming: Naming[] = [];

  constructor(files: Left = new Map()) {
    let file = 0;
    for (const [name, bytes] of files) {
      this.#synced.set(file, bytes);
      this.#names.set(name, file);
      file += 1;
    }
  }

  take(operation: Operation): void {
    switch (operation.kind) {
      case "write":
      case "truncate": {
        const changes = this.#unsynced.get(operation.file) ?? [];
        changes.push(operation);
        this.#unsynced.set(operation.file, changes);
        return;
      }
      case "sync":
        this.#synced.set(operation.file, this.#image(operation.file, whole));
        this.#unsynced.delete(operation.file);
        return;
      case "syncFolder":
        this.#names = renamed(this.#names, this.#naming);
        this.#naming = [];
        return;
      default:
        this.#naming.push(operation);
    }
  }

  /** Is anything at the disk's mercy? */
  get isQuiet(): boolean {
    return this.#unsynced.size === 0 && this.#naming.length === 0;
  }

  /** Variant 0 loses all that was not synced, 1 nothing; the others draw. */
  left(variant: number, random: Random): Left {
    // Names change in order in the journal of a file system; any of the last changes may be missing.
    const kept =
      variant === 0 ? 0 : variant === 1 ? this.#naming.length : random.below(this.#naming.length + 1);
    const names = renamed(this.#names, this.#naming.slice(0, kept));
    const apply = variant === 0 ? nothing : variant === 1 ? whole : drawn(variant, random);
    return new Map([...names].map(([name, file]) => [name, this.#image(file, apply)]));
  }

  #image(file: FileNumber, apply: Apply): Uint8Array {
    let content = this.#synced.get(file) ?? new Uint8Array(0);
    for (const change of this.#unsynced.get(file) ?? []) content = apply(content, change);
    return content;
  }
}

type Apply = (content: Uint8Array, change: Change) => Uint8Array;

const nothing: Apply = (content) => content;

const whole: Apply = (content, change) =>
  change.kind === "truncate" ? content.slice(0, change.length) : written(content, change.bytes, change.at);

/** Any sectors of a write: the file grown with zeros in between, or cut anywhere in every third variant. */
function drawn(variant: number, random: Random): Apply {
  return (content, change) => {
    if (change.kind === "truncate") return random.below(2) === 0 ? content : whole(content, change);
    const { bytes, at } = change;
    const length = variant % 3 === 0 ? random.below(bytes.length + 1) : bytes.length;
    if (length === 0) return content;
    const end = at + length;
    const image = new Uint8Array(Math.max(content.length, end));
    image.set(content);
    for (let from = at; from < end;) {
      const to = Math.min((Math.floor(from / SECTOR) + 1) * SECTOR, end);
      if (random.below(5) < 3) image.set(bytes.subarray(from - at, to - at), from);
      from = to;
    }
    return image;
  };
}

function renamed(names: ReadonlyMap<string, FileNumber>, naming: readonly Naming[]): Map<string, FileNumber> {
  const now = new Map(names);
  for (const change of naming) {
    if (change.kind === "create") now.set(change.name, change.file);
    else if (change.kind === "remove") now.delete(change.name);
    else {
      const file = now.get(change.from);
      now.delete(change.from);
      if (file !== undefined) now.set(change.to, file);
    }
  }
  return now;
}

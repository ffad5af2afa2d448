import assert from "node:assert/strict";

/** Bytes in arrival order, taken from the front in whole pieces; the chunks are kept as they came. */
export interface ByteQueue {
  readonly length: number;
  append(bytes: Uint8Array): void;
  /** The byte at `index` from the front. */
  at(index: number): number;
  /** Where `byte` first stands at or after `from`; −1 when it does not. */
  indexOf(byte: number, from: number): number;
  /** Removes and returns the first `count` bytes. */
  take(count: number): Uint8Array;
  drop(count: number): void;
}

export function byteQueue(): ByteQueue {
  const chunks: Uint8Array[] = [];
  let length = 0;

  const consume = (count: number, copyTo: Uint8Array | undefined) => {
    let done = 0;
    let spent = 0;
    while (done < count) {
      const chunk = chunks[spent];
      assert(chunk !== undefined, "no more is taken than is held");
      const part = Math.min(chunk.length, count - done);
      copyTo?.set(part === chunk.length ? chunk : chunk.subarray(0, part), done);
      done += part;
      if (part === chunk.length) spent += 1;
      else chunks[spent] = chunk.subarray(part);
    }
    chunks.splice(0, spent);
    length -= count;
  };

  return {
    get length() {
      return length;
    },
    append(bytes) {
      if (bytes.length === 0) return;
      chunks.push(bytes);
      length += bytes.length;
    },
    at(index) {
      let before = 0;
      for (const chunk of chunks) {
        if (index < before + chunk.length) return chunk[index - before] ?? 0;
        before += chunk.length;
      }
      throw new RangeError("index beyond the queue");
    },
    indexOf(byte, from) {
      let before = 0;
      for (const chunk of chunks) {
        if (from < before + chunk.length) {
          const found = chunk.indexOf(byte, Math.max(0, from - before));
          if (found >= 0) return before + found;
        }
        before += chunk.length;
      }
      return -1;
    },
    take(count) {
      const bytes = new Uint8Array(count);
      consume(count, bytes);
      return bytes;
    },
    drop(count) {
      consume(count, undefined);
    },
  };
}

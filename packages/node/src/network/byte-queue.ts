import assert from "node:assert/strict";

/** Chunks up to this size are copied together: a stream of single bytes would else cost a hundred times its length. */
const SMALL_BYTES = 1_024;
const BLOCK_BYTES = 16 * 1_024;

/** Bytes in arrival order, taken from the front in whole pieces; large chunks are kept as they came. */
export interface ByteQueue {
  readonly length: number;
  append(bytes: Uint8Array): void;
  /** The byte at `index` from the front. */
  at(index: number): number;
  /** Where `byte` first stands at or after `from`; −1 when it does not. */
  indexOf(byte: number, from: number): number;
  /** Where `byte` last stands before `end`; −1 when it does not. */
  lastIndexOf(byte: number, end: number): number;
  /** Removes and returns the first `count` bytes. */
  take(count: number): Uint8Array;
  drop(count: number): void;
}

export function byteQueue(): ByteQueue {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const gather = gatherer(chunks);

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
      if (bytes.length <= SMALL_BYTES) gather(bytes);
      else chunks.push(bytes);
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
    lastIndexOf: (byte, end) => lastIn(chunks, byte, { end, length }),
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

/** Copies small chunks into the block that the last of `chunks` is a view of, or into a new one. */
function gatherer(chunks: Uint8Array[]): (bytes: Uint8Array) => void {
  let block = new Uint8Array(0);
  let filled = 0;

  return (bytes) => {
    const last = chunks.at(-1);
    const goesOn = last?.buffer === block.buffer && filled + bytes.length <= block.length;
    if (!goesOn) {
      block = new Uint8Array(Math.min(BLOCK_BYTES, Math.max(4 * bytes.length, 2 * filled)));
      filled = 0;
    }
    block.set(bytes, filled);
    filled += bytes.length;
    if (goesOn) chunks[chunks.length - 1] = block.subarray(last.byteOffset, filled);
    else chunks.push(block.subarray(0, filled));
  };
}

function lastIn(
  chunks: readonly Uint8Array[],
  byte: number,
  { end, length }: { readonly end: number; readonly length: number },
): number {
  let after = length;
  for (const chunk of chunks.toReversed()) {
    const before = after - chunk.length;
    const found = before < end ? chunk.lastIndexOf(byte, end - before - 1) : -1;
    if (found >= 0) return before + found;
    after = before;
  }
  return -1;
}

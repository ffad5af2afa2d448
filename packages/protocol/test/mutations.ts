/** Frames that were real messages once: bits turned, bytes cut, doubled, moved and swapped, by a seed. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import {
  type Codecs,
  encodeBody,
  errorTable,
  isProtocolError,
  type JsonObject,
  wireFormOf,
} from "@gridmesh/protocol";
import type { VectorFile } from "./vectors.ts";

/** A number below `bound`, the same row for the same seed. */
export type Chance = (bound: number) => number;

/** Of 2^32 states (mulberry32). */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

/** Frame contents of every vector in every spelling. */
export function allFrames(codecs: Codecs): readonly Uint8Array[] {
  const folder = new URL("vectors/", import.meta.url);
  const forms = [[], ["cbor"], ["protobuf"]].map((features) => wireFormOf(features, "control", codecs));
  const zipped = [[], ["cbor"], ["protobuf"]].map((features) =>
    wireFormOf([...features, "compression"], "task", codecs),
  );
  const gzip = (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes));
  return readdirSync(folder)
    .map((name) => JSON.parse(readFileSync(new URL(name, folder), "utf8")) as VectorFile)
    .flatMap(({ vectors }) => vectors.map(({ json }) => JSON.parse(json) as JsonObject))
    .flatMap((message) => [
      ...forms.map((form) => encodeBody(message, { form })),
      ...zipped.map((form) =>
        encodeBody({ ...message, extra: { "t.t": "x".repeat(1_200) } }, { form, gzip }),
      ),
    ]);
}

/** Gives one mutated frame after another. */
export function anyMessage(codecs: Codecs, seed: number): () => Uint8Array {
  const chance = chanceOf(seed);
  const frames = allFrames(codecs);
  return () => {
    let bytes: Buffer = Buffer.from(frames[chance(frames.length)] ?? []);
    for (let rounds = chance(4); rounds >= 0; rounds--) bytes = mutated(bytes, chance);
    return bytes;
  };
}

function mutated(bytes: Buffer, chance: Chance): Buffer {
  const at = chance(bytes.length + 1);
  const to = at + chance(Math.min(64, bytes.length - at) + 1);
  switch (chance(7)) {
    case 0:
      return turned(bytes, at, 1 << chance(8));
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), Buffer.of(chance(256)), bytes.subarray(at)]);
    case 5:
      return turned(bytes, at, chance(256));
    default:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.alloc(chance(40), chance(256)),
        bytes.subarray(to),
      ]);
  }
}

function turned(bytes: Buffer, at: number, mask: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}

/** The code it was refused with; undefined when it was taken. Anything else that is thrown is a bug. */
export function assertOfTable(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    assert.ok(isProtocolError(error) && error.code in errorTable, String(error));
    return error.code;
  }
}

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
  type JsonValue,
  type WireForm,
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

const gzip = (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes));

/** What every vector says. */
export function allMessages(): readonly JsonObject[] {
  const folder = new URL("vectors/", import.meta.url);
  return readdirSync(folder)
    .map((name) => JSON.parse(readFileSync(new URL(name, folder), "utf8")) as VectorFile)
    .flatMap(({ vectors }) => vectors.map(({ json }) => JSON.parse(json) as JsonObject));
}

function allForms(codecs: Codecs): readonly WireForm[] {
  const spellings = [[], ["cbor"], ["protobuf"]];
  return [
    ...spellings.map((features) => wireFormOf(features, "control", codecs)),
    ...spellings.map((features) => wireFormOf([...features, "compression"], "task", codecs)),
  ];
}

/** Gives one mutated frame after another: real ones with spoilt bytes, and whole ones with spoilt content. */
export function anyMessage(codecs: Codecs, seed: number): () => Uint8Array {
  const chance = chanceOf(seed);
  const messages = allMessages();
  const forms = allForms(codecs);
  const padded = messages.map((message) => ({ ...message, extra: { "t.t": "x".repeat(1_200) } }));
  const frames = forms.flatMap((form) =>
    (form.gzip ? padded : messages).map((it) => encodeBody(it, { form, gzip })),
  );
  const one = <Item>(items: readonly Item[]): Item => {
    const item = items[chance(items.length)];
    assert.ok(item !== undefined);
    return item;
  };
  return () => {
    if (chance(2) === 0) {
      const message = altered(one(messages), chance, chance(3) + 1) as JsonObject;
      return encodeBody(message, { form: one(forms), gzip });
    }
    let bytes: Buffer = Buffer.from(one(frames));
    for (let rounds = chance(4); rounds >= 0; rounds--) bytes = mutated(bytes, chance);
    return bytes;
  };
}

const ODD: readonly JsonValue[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53 - 1,
  "",
  "*",
  "\u0000",
  "x".repeat(300),
  [],
  {},
  [[]],
  { a: 1 },
];

/** The same value with some member left out, added or replaced, anywhere in it. */
function altered(value: JsonValue, chance: Chance, times: number): JsonValue {
  if (times === 0) return value;
  const odd = ODD[chance(ODD.length)] ?? null;
  if (typeof value !== "object" || value === null) return odd;
  if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    const at = chance(items.length + 1);
    return chance(2) === 0
      ? items.toSpliced(at, 1)
      : items.toSpliced(at, 1, altered(items[at] ?? odd, chance, times));
  }
  const members = Object.entries(value);
  const at = chance(members.length + 1);
  const [name = "mood", member = odd] = members[at] ?? [];
  const { [name]: _left, ...rest } = value as JsonObject;
  const kept: JsonObject = chance(3) === 0 ? rest : { ...rest, [name]: altered(member, chance, chance(2)) };
  return altered(kept, chance, times - 1);
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

/** Spellings of a message: what was agreed on is read, anything else is an error of the table. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { encode } from "@ipld/dag-cbor";
import * as fc from "fast-check";
import {
  canonicalBytes,
  canonicalize,
  decodeBody,
  encodeBody,
  type JsonObject,
  limits,
  loadCodecs,
  parseCanonical,
  plainForm,
  type StreamKind,
  type WireForm,
  wireFormOf,
} from "@gridmesh/protocol";
import { anyMessage, assertOfTable } from "./mutations.ts";

const codecs = await loadCodecs(["cbor", "protobuf"]);
const maxBytes = 64 * 1024;
const gzip = (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes));
const inflate = (bytes: Uint8Array, maxOutputLength: number) => gunzipSync(bytes, { maxOutputLength });

const formOf = (features: readonly string[], stream: StreamKind = "control"): WireForm =>
  wireFormOf(features, stream, codecs);
const cbor = formOf(["cbor"]);
const protobuf = formOf(["protobuf"]);
const decode = (content: Uint8Array, form: WireForm, most = maxBytes) =>
  decodeBody(content, { form, maxBytes: most, inflate });
const frame = (flags: number, body: Uint8Array) => Buffer.concat([Buffer.of(flags), body]);

const message: JsonObject = { type: "heartbeat", version: "1.1", status: "healthy", available_capacity: 0.6 };

test("a frame goes out in the smallest spelling both sides agreed on", () => {
  assert.equal(encodeBody(message, { form: plainForm })[0], 0);
  assert.equal(encodeBody(message, { form: cbor })[0], 2);
  assert.equal(encodeBody(message, { form: protobuf })[0], 4);
  assert.equal(encodeBody(message, { form: formOf(["cbor", "protobuf"]) })[0], 4);
  assert.equal(encodeBody(message, { form: formOf(["encryption", "leases"]) })[0], 0);
});

test("hello and hello_ack are plain JSON whatever was agreed on", () => {
  const form = formOf(["cbor", "compression"], "task");
  for (const type of ["hello", "hello_ack"]) {
    const content = encodeBody({ type, software: "x".repeat(5_000) }, { form, gzip });
    assert.equal(content[0], 0);
  }
});

test("what was not agreed on is ENCODING_UNSUPPORTED", () => {
  const json = canonicalBytes(message);
  const refused: readonly [why: string, content: Uint8Array, form: WireForm][] = [
    ["CBOR", encodeBody(message, { form: cbor }), plainForm],
    ["protobuf", encodeBody(message, { form: protobuf }), cbor],
    ["both encoding bits", frame(6, json), formOf(["cbor", "protobuf"])],
    ["gzip on a control stream", frame(1, gzip(json)), formOf(["compression"])],
    ["a binary frame", frame(16, json), formOf(["cbor", "protobuf", "compression"], "data")],
    ["bit 3", frame(8, json), plainForm],
    ["bit 5", frame(32, json), plainForm],
    ["bit 7", frame(128, json), plainForm],
  ];
  for (const [why, content, form] of refused) {
    assert.throws(() => decode(content, form), { code: "ENCODING_UNSUPPORTED" }, why);
  }
  const zipped = formOf(["compression"], "task");
  assert.throws(() => decodeBody(frame(1, gzip(json)), { form: zipped, maxBytes }), {
    code: "ENCODING_UNSUPPORTED",
  });
});

test("JSON is always read, and an empty frame is malformed", () => {
  for (const form of [plainForm, cbor, protobuf]) {
    assert.deepEqual(decode(encodeBody(message, { form: plainForm }), form), message);
  }
  assert.throws(() => decode(new Uint8Array(0), plainForm), { code: "MESSAGE_MALFORMED" });
});

test("gzip is used from 1 KiB on where it makes a message smaller", () => {
  const form = formOf(["compression"], "task");
  const flagsOf = (it: JsonObject) => encodeBody(it, { form, gzip })[0];
  assert.equal(flagsOf({ ...message, stage: "x".repeat(500) }), 0);
  assert.equal(flagsOf({ ...message, stage: "x".repeat(2_000) }), 1);
  assert.equal(flagsOf({ type: "x", payload: randomBytes(40).toString("base64") }), 0);
  assert.equal(flagsOf({ ...message, payload: randomBytes(2_000).toString("base64") }), 1);
  const stored = { ...form, gzip: true };
  const longer = (bytes: Uint8Array) => Buffer.concat([gzipSync(bytes), bytes]);
  assert.equal(encodeBody({ type: "x", payload: "y".repeat(2_000) }, { form: stored, gzip: longer })[0], 0);
  assert.equal(encodeBody({ type: "x", payload: "y".repeat(2_000) }, { form: cbor, gzip })[0], 2);
});

test("what inflates to more than its frame may hold is DECOMPRESSION_LIMIT", () => {
  const form = formOf(["compression"], "task");
  const bomb = frame(1, gzip(Buffer.alloc(4 * limits.taskFrameBytes, "a")));
  assert.ok(bomb.length < 16_384);
  assert.throws(() => decode(bomb, form, limits.taskFrameBytes), { code: "DECOMPRESSION_LIMIT" });
  const liar = Buffer.from(bomb);
  liar.writeUInt32LE(100, liar.length - 4);
  assert.throws(() => decode(liar, form, limits.taskFrameBytes), { code: "DECOMPRESSION_LIMIT" });
  liar.writeUInt32LE(limits.taskFrameBytes, liar.length - 4);
  assert.throws(() => decode(liar, form, limits.taskFrameBytes), { code: "DECOMPRESSION_LIMIT" });
  const careless = () => new Uint8Array(limits.taskFrameBytes + 1);
  assert.throws(() => decodeBody(liar, { form, maxBytes: limits.taskFrameBytes, inflate: careless }), {
    code: "DECOMPRESSION_LIMIT",
  });
  const noGzip = frame(1, Buffer.alloc(30));
  for (const broken of [frame(1, Buffer.from("short")), noGzip, frame(1, gzip(Buffer.of()).subarray(1))]) {
    assert.throws(() => decode(broken, form), { code: "MESSAGE_MALFORMED" });
  }
  const twice = Buffer.concat([gzip(canonicalBytes(message)), gzip(canonicalBytes(message))]);
  assert.throws(() => decode(frame(1, twice), form), { code: "DECOMPRESSION_LIMIT" }, "two members");
  const less = Buffer.from(frame(1, gzip(canonicalBytes(message))));
  less.writeUInt32LE(500, less.length - 4);
  assert.throws(() => decode(less, form), { code: "MESSAGE_MALFORMED" });
});

test("a message that is too long as canonical JSON is too long in every spelling", () => {
  const wide = { type: "x", list: Array.from({ length: 4_000 }, (_, i) => 0.1 + i / 7) };
  const content = encodeBody(wide, { form: cbor });
  assert.ok(content.length < canonicalBytes(wide).length);
  assert.doesNotThrow(() => decode(content, cbor, canonicalBytes(wide).length));
  assert.throws(() => decode(content, cbor, canonicalBytes(wide).length - 1), { code: "FRAME_TOO_LARGE" });
  assert.throws(() => decode(encodeBody(wide, { form: plainForm }), plainForm, 100), {
    code: "FRAME_TOO_LARGE",
  });
});

const deep = (levels: number): unknown => (levels === 0 ? 0 : [deep(levels - 1)]);
const hex = (text: string) => Buffer.from(text, "hex");

test("CBOR in any but its one form, or with what JSON does not have, is malformed", () => {
  const refused: readonly [why: string, body: Uint8Array][] = [
    ["nothing", Buffer.of()],
    ["bytes", hex("a1616143010203")],
    ["a link", hex("d82a450001551200")],
    ["a tag", hex("a16161c11a00000000")],
    ["undefined", hex("a16161f7")],
    ["half a float", hex("a16161f93c00")],
    ["a float of 32 bits", hex("a16161fa3fc00000")],
    ["an integer as a float", hex("a16161fb4008000000000000")],
    ["minus zero", hex("a16161fb8000000000000000")],
    ["not a number", hex("a16161fb7ff8000000000000")],
    ["infinity", hex("a16161fb7ff0000000000000")],
    ["2^53", hex("a161611b0020000000000000")],
    ["-2^53 - 1", hex("a161613b0020000000000000")],
    ["2^64 - 1", hex("a161611bffffffffffffffff")],
    ["a longer head than needed", hex("a161611805")],
    ["no definite length", hex("bf616101ff")],
    ["an array of no definite length", hex("a161619f01ff")],
    ["keys out of order", hex("a2616201616101")],
    ["a key twice", hex("a2616101616102")],
    ["a number as a key", hex("a10102")],
    ["two values", hex("a1616101f6")],
    ["cut short", hex("a16161")],
    ["a text cut short", hex("a161616a6161")],
    ["a length beyond all memory", hex("a161619b7fffffffffffffff")],
    ["a text beyond all memory", hex("a161617b7fffffffffffffff")],
    ["no UTF-8", hex("a1616162c328")],
    ["a half character", hex("a1616163eda080")],
    ["depth 33", encode({ a: deep(32) })],
    ["depth 60,000", Buffer.alloc(60_000, 0x81)],
    ["257 keys", encode(Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`k${i}`, 0])))],
    ["4,097 items", encode({ a: Array.from({ length: 4_097 }, () => 0) })],
    ["a long text", encode({ a: "x".repeat(16_385) })],
    ["__proto__", encode(JSON.parse('{"__proto__":1}'))],
    ["constructor", encode({ constructor: 1 })],
  ];
  for (const [why, body] of refused) {
    assert.throws(() => decode(frame(2, body), cbor), { code: "MESSAGE_MALFORMED" }, why);
  }
  assert.deepEqual(decode(frame(2, encode({ a: deep(31) })), cbor), { a: deep(31) });
  assert.deepEqual(decode(frame(2, hex("a161611b001fffffffffffff")), cbor), { a: Number.MAX_SAFE_INTEGER });
});

test("protobuf with unknown fields, two messages or none is malformed", () => {
  const content = encodeBody(message, { form: protobuf });
  const refused: readonly [why: string, body: Uint8Array][] = [
    ["nothing", Buffer.of()],
    ["an unknown field of the frame", Buffer.concat([content.subarray(1), hex("f87f01")])],
    ["an unknown field inside", hex("b20104f8ff0701")],
    ["two types", Buffer.concat([content.subarray(1), hex("ba0100")])],
    ["cut short", content.subarray(1, -3)],
    ["another wire type", hex("b00101")],
  ];
  for (const [why, body] of refused) {
    assert.throws(() => decode(frame(4, body), protobuf), { code: "MESSAGE_MALFORMED" }, why);
  }
  let nested = hex("");
  for (let i = 0; i < 5_000; i++)
    nested = Buffer.concat([hex("32"), varint(nested.length + 1), hex("0a"), nested]);
  const struct = Buffer.concat([hex("0a"), varint(nested.length), nested]);
  assert.throws(() => decode(frame(4, struct), protobuf), { code: "MESSAGE_MALFORMED" });
});

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

test("a message that a typed form would change travels as a struct and comes back whole", () => {
  const odd: readonly JsonObject[] = [
    { type: "bootstrap_response", peers: [] },
    { type: "error_response", original_message_id: null },
    { type: "heartbeat", status: "healthy", mood: { nobody: ["knows", null, []] } },
    { type: "heartbeat", active_tasks: "three" },
    { type: "no_such_type", x: 1.5 },
    { type: "hallo", "10": 1, "9": { b: 2, a: 1 } },
    {},
    { type: 7 },
    { type: "frame" },
    { type: "struct", a: 1 },
    { type: "extension", a: 1 },
    { type: "ext:vendor.thing", data: { deep: [[[[]]]] }, optional: true },
    { type: "heartbeat", constructed: deep(30) as JsonObject },
  ];
  for (const it of odd) {
    const content = encodeBody(it, { form: protobuf });
    assert.equal(canonicalize(decode(content, protobuf)), canonicalize(it), canonicalize(it));
  }
});

const anyJson = fc.dictionary(fc.string({ maxLength: 12 }), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 6 });

/** What the strict reader takes; the others cannot be sent at all. */
function isSendable(value: unknown): boolean {
  try {
    parseCanonical(canonicalBytes(value));
    return true;
  } catch {
    return false;
  }
}

test("any sendable object comes back from every spelling as it was meant", () => {
  fc.assert(
    fc.property(anyJson.filter(isSendable), (value) => {
      const meant = canonicalize(value);
      for (const form of [plainForm, cbor, protobuf]) {
        const content = encodeBody(JSON.parse(meant) as JsonObject, { form });
        assert.equal(canonicalize(decode(content, form)), meant);
      }
    }),
    { numRuns: 400 },
  );
});

test("any bytes in any spelling give a message or an error of the table", () => {
  const form = formOf(["cbor", "protobuf", "compression"], "task");
  const spelled = fc.constantFrom(0, 1, 2, 3, 4, 5);
  fc.assert(
    fc.property(spelled, fc.uint8Array({ maxLength: 120 }), (flags, body) => {
      assertOfTable(() => decode(frame(flags, body), form));
    }),
    { numRuns: 3_000 },
  );
});

test("2,000 mutated frames of real messages are read or refused with a code of the table", () => {
  const next = anyMessage(codecs, 1);
  const form = formOf(["cbor", "protobuf", "compression"], "task");
  for (let i = 0; i < 2_000; i++) assertOfTable(() => decode(next(), form, limits.taskFrameBytes));
});

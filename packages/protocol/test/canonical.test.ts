import assert from "node:assert/strict";
import { test } from "node:test";
import serialize from "canonicalize";
import * as fc from "fast-check";
import {
  canonicalBytes,
  canonicalize,
  isProtocolError,
  parseCanonical,
  parseTolerant,
} from "@gridmesh/protocol";
import { absent, checkDocuments, checkNumbers, readAll } from "./json-cases.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const read = (text: string) => parseCanonical(utf8(text));
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

const refused: readonly [why: string, text: string][] = [
  ["duplicate keys", '{"a":1,"a":1}'],
  ["an exponent where none is needed", "1e0"],
  ["1.0", "1.0"],
  ["minus zero", "-0"],
  ["a lone surrogate", '"\\ud800"'],
  ["a lone surrogate as a key", '{"\\ud800":1}'],
  ["a space", '{"a": 1}'],
  ["a needless escape", '"\\u0061"'],
  ["keys out of order", '{"b":1,"a":1}'],
  ["2^53 + 1", "9007199254740993"],
  ["2^53", "9007199254740992"],
  ["1e20 written out", "100000000000000000000"],
  ["1e+21", "1e+21"],
  ["__proto__", '{"__proto__":{}}'],
  ["constructor", '{"constructor":1}'],
  ["prototype deep down", '{"a":[{"prototype":1}]}'],
  ["depth 33", nested(33)],
  ["a byte order mark", "\ufeff1"],
  ["257 keys", canonicalize(Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`k${i}`, 0])))],
  ["4,097 items", canonicalize(Array.from({ length: 4_097 }, () => 0))],
  ["a string of 16 KiB and a byte", canonicalize("x".repeat(16_385))],
  ["a string whose UTF-8 is too long", canonicalize("é".repeat(8_193))],
  ["nothing", ""],
  ["two values", "1 2"],
];

for (const [why, text] of refused) {
  test(`the strict reader refuses ${why}`, () => {
    assert.throws(() => read(text), { code: "MESSAGE_MALFORMED" });
  });
}

test("the strict reader refuses what is not UTF-8", () => {
  assert.throws(() => parseCanonical(Uint8Array.of(0x22, 0xff, 0x22)), { code: "MESSAGE_MALFORMED" });
});

test("the strict reader takes everything at its bound", () => {
  assert.doesNotThrow(() => read(nested(32)));
  assert.equal(read("9007199254740991"), Number.MAX_SAFE_INTEGER);
  assert.equal(read(canonicalize("x".repeat(16_384))), "x".repeat(16_384));
  assert.doesNotThrow(() => read(canonicalize(Array.from({ length: 4_096 }, () => 0))));
  assert.doesNotThrow(() => read(canonicalize({ payload: "x".repeat(20_000) })));
  assert.equal(read("0.6"), 0.6);
});

test("brackets and commas inside strings count for nothing", () => {
  const text = canonicalize({ a: `${"[".repeat(50)}${",".repeat(5_000)}\\"` });
  assert.equal(canonicalize(read(text)), text);
});

test("the writer refuses what it would have to drop or call", () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const values = [
    undefined,
    { a: undefined },
    [undefined],
    () => 1,
    Symbol("x"),
    1n,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    "\ud800",
    { "\udc00": 1 },
    new Date(0),
    new Map(),
    { toJSON: () => 1 },
    cyclic,
  ];
  for (const value of values) assert.throws(() => canonicalize(value), TypeError);
  assert.equal(canonicalize(Object.assign(Object.create(null), { b: 1, a: [] })), '{"a":[],"b":1}');
});

function isStrict(value: unknown): boolean {
  if (typeof value === "number") return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return true;
  const dangerous = ["__proto__", "constructor", "prototype"];
  return Object.entries(value).every(([key, member]) => !dangerous.includes(key) && isStrict(member));
}

const safe = fc.jsonValue({ maxDepth: 6 }).filter(isStrict);

test("what was written canonically reads back to the same text", () => {
  fc.assert(
    fc.property(safe, (value) => {
      const bytes = canonicalBytes(value);
      assert.deepEqual(canonicalBytes(parseCanonical(bytes)), bytes);
    }),
    { numRuns: 500 },
  );
});

test("any JSON is written as another writer of RFC 8785 writes it", () => {
  const key = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("__proto__", "10", "2", "0a", "", "é", "z"),
  );
  const { value: any } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.array(fc.tuple(key, tie("value")), { maxLength: 6 }).map((members) => Object.fromEntries(members)),
    ),
  }));
  fc.assert(
    fc.property(any, (value) => {
      assert.equal(canonicalize(value), serialize(value));
    }),
    { numRuns: 500 },
  );
  const odd: unknown = JSON.parse('[{"b":1,"a":{"__proto__":{"d":1,"c":2}}},{"b":[],"10":1,"9":2}]');
  assert.equal(canonicalize(odd), serialize(odd));
});

test("any bytes give a value or an error of the table", () => {
  const near = fc
    .tuple(safe, fc.nat(), fc.integer({ min: 0, max: 255 }))
    .map(([value, at, byte]) => canonicalBytes(value).with(at % canonicalBytes(value).length, byte));
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), near);
  fc.assert(
    fc.property(bytes, (it) => {
      for (const reader of [parseCanonical, (b: Uint8Array) => parseTolerant(b, { maxDepth: 8 })]) {
        try {
          reader(it);
        } catch (error) {
          assert.ok(isProtocolError(error));
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

test("the tolerant reader takes any JSON within its depth and members", () => {
  const tolerant = (text: string) => parseTolerant(utf8(text), { maxDepth: 4, maxMembers: 3 });
  assert.deepEqual(tolerant(' {"b": 1.0, "a": [1e2, "\\u0061"]} '), { b: 1, a: [100, "a"] });
  assert.throws(() => tolerant("{nope}"), { code: "PARSE_ERROR" });
  assert.throws(() => tolerant(nested(5)), { code: "INVALID_REQUEST" });
  assert.throws(() => tolerant('{"a":1,"b":2,"c":3,"d":4}'), { code: "INVALID_REQUEST" });
  assert.doesNotThrow(() => tolerant("[1,2,3,4,5]"));
  assert.equal(Object.getPrototypeOf(tolerant('{"__proto__":{"x":1}}')), Object.prototype);
});

test("the six RFC 8785 vectors come out byte for byte", { skip: absent }, () => {
  assert.equal(checkDocuments(), 6);
});

test("a million doubles are written as RFC 8785 says", { skip: absent }, () => {
  assert.equal(checkNumbers(1_000_000), 4);
});

test("the strict reader takes 42 of the 318 parsing cases, and only valid ones", { skip: absent }, () => {
  const { files, taken } = readAll("json-test-suite/test_parsing/", parseCanonical);
  assert.deepEqual([files.length, taken.length], [318, 42]);
  assert.ok(taken.every((file) => file.startsWith("y_")));
});

test(
  "the strict reader takes two of the 22 transform cases, which every parser reads alike",
  { skip: absent },
  () => {
    const { files, taken } = readAll("json-test-suite/test_transform/", parseCanonical);
    assert.equal(files.length, 22);
    assert.deepEqual(taken, ["object_key_nfd_nfc.json", "string_with_escaped_NULL.json"]);
  },
);

test("the strict reader takes the RFC 8785 outputs without unsafe integers", { skip: absent }, () => {
  assert.equal(readAll("jcs/output/", parseCanonical).taken.length, 5);
});

test(
  "the tolerant reader takes the 95 valid parsing cases and none of the 188 bad ones",
  { skip: absent },
  () => {
    const { taken } = readAll("json-test-suite/test_parsing/", (bytes) =>
      parseTolerant(bytes, { maxDepth: 1_000 }),
    );
    assert.equal(taken.filter((file) => file.startsWith("y_")).length, 95);
    assert.equal(taken.filter((file) => file.startsWith("n_")).length, 0);
  },
);

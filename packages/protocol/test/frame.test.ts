import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  decodeFrame,
  decodeUvarint,
  encodeFrame,
  encodeUvarint,
  frameFlags,
  isProtocolError,
} from "@gridmesh/protocol";

test("a frame is its flags and its body", () => {
  const content = encodeFrame(frameFlags.none, Uint8Array.of(0x7b, 0x7d));
  assert.deepEqual(content, Uint8Array.of(0, 0x7b, 0x7d));
  assert.deepEqual(decodeFrame(content), { flags: 0, body: Uint8Array.of(0x7b, 0x7d) });
});

test("every flag that was not agreed on is ENCODING_UNSUPPORTED", () => {
  for (let flags = 1; flags < 256; flags++) {
    assert.throws(() => decodeFrame(Uint8Array.of(flags, 1)), { code: "ENCODING_UNSUPPORTED" });
  }
  assert.equal(decodeFrame(Uint8Array.of(1, 9), frameFlags.gzip).flags, frameFlags.gzip);
  assert.throws(() => decodeFrame(Uint8Array.of(3, 9), frameFlags.gzip), { code: "ENCODING_UNSUPPORTED" });
  assert.throws(() => decodeFrame(new Uint8Array()), { code: "MESSAGE_MALFORMED" });
});

test("lengths below 2^32 survive, in 5 bytes at most", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (value) => {
      const bytes = encodeUvarint(value);
      assert.ok(bytes.length <= 5);
      assert.deepEqual(decodeUvarint(bytes), { value, size: bytes.length });
      assert.equal(decodeUvarint(bytes.subarray(0, -1)), undefined);
    }),
  );
  assert.deepEqual(encodeUvarint(300), Uint8Array.of(0xac, 0x02));
});

test("a length that is not minimal or too large is MESSAGE_MALFORMED", () => {
  for (const bytes of [
    [0x80, 0x00],
    [0xff, 0x80, 0x00],
    [0x80, 0x80, 0x80, 0x80, 0x10],
    [0xff, 0xff, 0xff, 0xff, 0x7f],
    [0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
  ]) {
    assert.throws(() => decodeUvarint(Uint8Array.of(...bytes)), { code: "MESSAGE_MALFORMED" });
  }
});

test("any bytes are a length, a wish for more, or an error of the table", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
      try {
        const read = decodeUvarint(bytes);
        if (read) assert.deepEqual(encodeUvarint(read.value), bytes.slice(0, read.size));
      } catch (error) {
        assert.ok(isProtocolError(error));
      }
    }),
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { byteQueue } from "../../src/network/byte-queue.ts";

test("a line that comes byte by byte costs what its bytes cost, not what their number squared does", () => {
  const queue = byteQueue();
  const count = 200_000;
  const startMs = performance.now();
  for (let index = 0; index < count; index += 1) {
    // Each its own view, as a muxer hands them out.
    queue.append(new Uint8Array([65 + (index % 26)]));
    assert.equal(queue.indexOf(0x0a, index), -1);
  }
  const spentMs = performance.now() - startMs;
  assert.ok(spentMs < 3_000, `${spentMs} ms for ${count} bytes`);
  queue.append(new Uint8Array(70_000).fill(7));
  queue.append(Uint8Array.of(0x0a, 1));
  assert.equal(queue.indexOf(0x0a, 0), count + 70_000);
  assert.equal(queue.at(27), 66);
  queue.drop(26);
  const line = queue.take(count + 70_000 - 26);
  for (let index = 0; index < count - 26; index += 1) assert.equal(line[index], 65 + (index % 26));
  assert.deepEqual(queue.take(2), Uint8Array.of(0x0a, 1));
  assert.equal(queue.length, 0);
});

test("what was handed in may be written over, what was taken stays", () => {
  const queue = byteQueue();
  queue.append(Uint8Array.of(1, 2, 3));
  const taken = queue.take(2);
  queue.append(Uint8Array.of(4, 5));
  assert.deepEqual(taken, Uint8Array.of(1, 2));
  assert.deepEqual(queue.take(3), Uint8Array.of(3, 4, 5));
});

/** The outside vectors of JSON: doubles as RFC 8785 writes them, and documents that readers take or refuse. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { canonicalBytes, canonicalize, isProtocolError } from "@gridmesh/protocol";

const DATA = new URL("../../../../shared/data/json/", import.meta.url);

/** False where the vectors are, else why a test of them is skipped. */
export const absent = existsSync(DATA) ? false : "JSON vectors are not on this machine";

/** The published sequence of doubles, as their bits: the listed ones, the smallest normal ones, then chance. */
function* doubles(staticBits: readonly string[]): Generator<bigint> {
  for (const bits of staticBits) yield BigInt(`0x${bits}`);
  for (let i = 0n; i < 2_000n; i++) yield 0x0010000000000000n + i;
  let state = Buffer.alloc(32);
  for (;;) {
    state = createHash("sha256").update(state).digest();
    for (let at = 0; at < 32; at += 8) {
      const value = state.readDoubleLE(at);
      if (value !== 0 && Number.isFinite(value)) yield state.readBigUInt64LE(at);
    }
  }
}

/** Digests of the lines `bits,text`, after each of these many lines, ascending. */
function numberDigests(staticBits: readonly string[], lines: readonly number[]): string[] {
  const digest = createHash("sha256");
  const view = new DataView(new ArrayBuffer(8));
  const found: string[] = [];
  let written = 0;
  for (const bits of doubles(staticBits)) {
    view.setBigUint64(0, bits);
    digest.update(`${bits.toString(16)},${canonicalize(view.getFloat64(0))}\n`);
    written += 1;
    if (written === lines[found.length]) found.push(digest.copy().digest("hex"));
    if (found.length === lines.length) break;
  }
  return found;
}

/** Checks the published digests of up to so many doubles; how many digests were right. */
export function checkNumbers(most: number): number {
  const { staticBits, expected } = JSON.parse(
    readFileSync(new URL("jcs/es6-numbers.json", DATA), "utf8"),
  ) as { staticBits: string[]; expected: { lines: number; sha256: string }[] };
  const wanted = expected.filter(({ lines }) => lines <= most);
  const digests = numberDigests(
    staticBits,
    wanted.map(({ lines }) => lines),
  );
  assert.deepEqual(
    digests,
    wanted.map(({ sha256 }) => sha256),
  );
  return digests.length;
}

/** Checks the RFC 8785 documents byte for byte; how many there are. */
export function checkDocuments(): number {
  const files = readdirSync(new URL("jcs/input/", DATA));
  for (const file of files) {
    const input: unknown = JSON.parse(readFileSync(new URL(`jcs/input/${file}`, DATA), "utf8"));
    const output = new Uint8Array(readFileSync(new URL(`jcs/output/${file}`, DATA)));
    assert.deepEqual(canonicalBytes(input), output, file);
  }
  return files.length;
}

export type Folder = "json-test-suite/test_parsing/" | "json-test-suite/test_transform/" | "jcs/output/";

/** The files of a folder, and those of them that a reader takes; it refuses the others with an error of the table. */
export function readAll(
  folder: Folder,
  reader: (bytes: Uint8Array) => unknown,
): { readonly files: readonly string[]; readonly taken: readonly string[] } {
  const files = readdirSync(new URL(folder, DATA)).filter((file) => file.endsWith(".json"));
  const taken = files.filter((file) => {
    try {
      reader(new Uint8Array(readFileSync(new URL(folder + encodeURIComponent(file), DATA))));
      return true;
    } catch (error) {
      assert.ok(isProtocolError(error), `${file}: ${String(error)}`);
      return false;
    }
  });
  return { files, taken };
}

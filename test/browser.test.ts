/** The protocol in a page: bundled without Node's modules, run where none of Node's globals are. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";

const ROOT = resolve(fileURLToPath(new URL("..", import.meta.url)));

/** What a page would do: load every spelling, then open a message in each and tell what it says. */
const PAGE = `
import { decodeBody, loadCodecs, nobleEngine, openMessage, wireFormOf } from "@gridmesh/protocol";
export async function read(file, vector) {
  const codecs = await loadCodecs(["cbor", "protobuf"]);
  const form = wireFormOf(["cbor", "protobuf"], "control", codecs);
  const bytes = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const frames = [[0, ...new TextEncoder().encode(vector.json)], [2, ...bytes(vector.cbor)], [4, ...bytes(vector.protobuf)]];
  return frames.map((frame) => openMessage(decodeBody(Uint8Array.from(frame), { form, maxBytes: 65536 }), {
    network: file.network, engine: nobleEngine, nowS: file.now, isMine: (id) => id === file.peerId, peerId: file.peerId,
  }).body.available_capacity);
}
`;

interface Page {
  readonly read: (file: unknown, vector: unknown) => Promise<readonly number[]>;
}

test("the protocol runs in a page, where Node's modules and globals are not", async () => {
  const { outputFiles, errors } = await build({
    stdin: { contents: PAGE, resolveDir: join(ROOT, "packages/protocol/test") },
    bundle: true,
    platform: "browser",
    conditions: ["gridmesh-source"],
    format: "iife",
    globalName: "page",
    write: false,
  });
  assert.deepEqual(errors, []);
  const [bundle] = outputFiles;
  assert.ok(bundle);
  const context = createContext({ TextEncoder, TextDecoder });
  const page = runInContext(`${bundle.text};page`, context) as Page;
  const path = join(ROOT, "packages/protocol/test/vectors/heartbeat.json");
  const file = JSON.parse(readFileSync(path, "utf8")) as { readonly vectors: readonly unknown[] };
  for (const vector of file.vectors) assert.deepEqual([...(await page.read(file, vector))], [0.6, 0.6, 0.6]);
});

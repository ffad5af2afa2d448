/** The protocol's committed vectors under the engine that a node uses. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { openEnvelope, type VerifyEngine } from "@gridmesh/protocol";
import { nodeEngine } from "../src/gate/engine.ts";

const folder = new URL("../../protocol/test/vectors/", import.meta.url);
const DOCUMENTS: ReadonlySet<string> = new Set(["agent_binding.json", "data_grant.json"]);

interface VectorFile {
  readonly type: string;
  readonly network: string;
  readonly peerId: string;
  readonly now: number;
  readonly vectors: readonly { readonly json: string; readonly signature: string }[];
}

const files = readdirSync(folder)
  .filter((name) => !DOCUMENTS.has(name))
  .map((name) => JSON.parse(readFileSync(new URL(name, folder), "utf8")) as VectorFile);

function open(file: VectorFile, json: string, engine: VerifyEngine) {
  return openEnvelope(new TextEncoder().encode(json), {
    network: file.network,
    engine,
    nowS: file.now,
    isMine: (id) => id === file.peerId || id === "*",
    peerId: file.peerId,
    extensions: true,
  });
}

test("the node's engine verifies the vectors of every message type", () => {
  const engine = nodeEngine();
  assert.ok(files.length >= 40);
  for (const file of files) {
    for (const { json } of file.vectors) assert.equal(open(file, json, engine).type, file.type);
  }
});

test("the node's engine refuses every vector whose signature has one bit turned", () => {
  const engine = nodeEngine();
  for (const file of files) {
    for (const { json, signature } of file.vectors) {
      const bytes = Buffer.from(signature, "base64");
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      const forged = json.replace(signature, bytes.toString("base64"));
      assert.throws(() => open(file, forged, engine), { code: "SIGNATURE_INVALID" }, file.type);
    }
  }
});

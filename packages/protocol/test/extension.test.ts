/** Messages that anybody may add: registered, matched, refused or dropped. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as z from "zod";
import {
  canonicalBytes,
  type Extension,
  ExtensionTable,
  type HeardExtension,
  nobleEngine,
  openEnvelope,
  peerIdFromKey,
  seal,
  shippedExtensions,
} from "@gridmesh/protocol";
import { countingRandom, signerOf } from "./keys.ts";

const NOW = 1_800_000_000;
const signer = signerOf(0);
const peerId = peerIdFromKey(signer.publicKey);
const random = countingRandom();

const weights: Extension<{ round: number }> = {
  name: "ext:vendor.weights",
  major: 2,
  schema: z.strictObject({ round: z.int() }),
  maxBytes: 64,
  streams: ["control"],
  priority: "low",
  handler: () => undefined,
};

const heard = (body: Readonly<Record<string, unknown>>, type = weights.name): HeardExtension => ({
  type,
  signerId: signer.agentId,
  messageId: "01890a5d-ac96-774b-bcce-b302099a8057",
  peerId,
  stream: "control",
  body: { extension_version: "2.0", data: { round: 1 }, ...body },
});

function tableWith(...extensions: readonly Extension<{ round: number }>[]): ExtensionTable {
  const table = new ExtensionTable();
  for (const one of extensions) table.register(one);
  return table;
}

test("the major of extension_version picks the handler, any minor of it fits", () => {
  const table = tableWith(weights, { ...weights, major: 1 });
  assert.equal(table.match(heard({}))?.extension.major, 2);
  assert.equal(table.match(heard({ extension_version: "2.17" }))?.extension.major, 2);
  assert.equal(table.match(heard({ extension_version: "1.4" }))?.extension.major, 1);
  const message = table.match(heard({}))?.message;
  assert.deepEqual(message, {
    name: weights.name,
    extensionVersion: "2.0",
    data: { round: 1 },
    signerId: signer.agentId,
    messageId: "01890a5d-ac96-774b-bcce-b302099a8057",
    peerId,
  });
  assert.deepEqual(table.list(), ["ext:vendor.weights 1", "ext:vendor.weights 2"]);
  assert.equal(table.priorityOf(weights.name, 2), "low");
  assert.equal(table.priorityOf(weights.name, 3), undefined);
});

test("an unknown extension or major is EXTENSION_UNSUPPORTED and tells which majors are known", () => {
  const table = tableWith(weights);
  assert.throws(() => table.match(heard({ extension_version: "3.0" })), {
    code: "EXTENSION_UNSUPPORTED",
    data: { extension: weights.name, majors: [2] },
  });
  assert.throws(() => table.match(heard({}, "ext:federated_learning_update")), {
    code: "EXTENSION_UNSUPPORTED",
    data: { extension: "ext:federated_learning_update", majors: [] },
  });
});

test("an unknown extension that is optional is left to be counted and dropped", () => {
  assert.equal(tableWith().match(heard({ optional: true })), undefined);
  assert.throws(() => tableWith().match(heard({ optional: false })), { code: "EXTENSION_UNSUPPORTED" });
});

test("data that is too large, of another shape or on another stream is refused", () => {
  const table = tableWith(weights);
  assert.throws(() => table.match(heard({ data: { round: "one" } })), { code: "SCHEMA_INVALID" });
  assert.throws(() => table.match(heard({ data: { round: 1, x: "y".repeat(64) } })), {
    code: "FRAME_TOO_LARGE",
  });
  assert.throws(() => table.match({ ...heard({}), stream: "task" }), { code: "EXTENSION_UNSUPPORTED" });
});

test("a name is registered once per major, and again after it was taken away", () => {
  const table = new ExtensionTable();
  const registered = table.register(weights);
  assert.throws(() => table.register(weights), { code: "CONFIG_INVALID" });
  registered[Symbol.dispose]();
  assert.throws(() => table.match(heard({})), { code: "EXTENSION_UNSUPPORTED" });
  const again = table.register(weights);
  registered[Symbol.dispose]();
  assert.ok(table.match(heard({})), "disposing twice takes nothing of another's away");
  again[Symbol.dispose]();
});

test("only ext: and a name of its letters can be registered", () => {
  const table = new ExtensionTable();
  for (const name of ["weights", "ext:", "ext:Big", `ext:${"a".repeat(65)}`, "ext:a b"]) {
    assert.throws(() => table.register({ ...weights, name }), { code: "CONFIG_INVALID" }, name);
  }
  assert.throws(() => table.register({ ...weights, major: -1 }), { code: "CONFIG_INVALID" });
  assert.throws(() => table.register({ ...weights, major: 1.5 }), { code: "CONFIG_INVALID" });
});

test("what ships can be registered together", () => {
  const table = new ExtensionTable();
  const { securityAlert, dataPin, dataPinReceipt, dataUnpin } = shippedExtensions;
  table.register({ ...securityAlert, handler: () => undefined });
  table.register({ ...dataPin, handler: () => undefined });
  table.register({ ...dataPinReceipt, handler: () => undefined });
  table.register({ ...dataUnpin, handler: () => undefined });
  assert.equal(table.list().length, 4);
});

test("the ladder passes extensions on only to who reads them, and proves them like any message", () => {
  const draft = {
    type: "ext:vendor.weights",
    recipient_id: peerId,
    extension_version: "2.0",
    data: { round: 3 },
  };
  const message = seal(draft, { network: "test", signer, nowS: NOW, random });
  const context = {
    network: "test",
    engine: nobleEngine,
    nowS: NOW,
    isMine: (id: string) => id === peerId,
    peerId,
  };
  const opened = openEnvelope(canonicalBytes(message), { ...context, extensions: true });
  assert.deepEqual(opened.body, { extension_version: "2.0", data: { round: 3 } });
  assert.throws(() => openEnvelope(canonicalBytes(message), context), { code: "EXTENSION_UNSUPPORTED" });
  const forged = canonicalBytes({ ...message, data: { round: 4 } });
  assert.throws(() => openEnvelope(forged, { ...context, extensions: true }), { code: "SIGNATURE_INVALID" });
  const extra = seal({ ...draft, mood: 1 }, { network: "test", signer, nowS: NOW, random });
  assert.throws(() => openEnvelope(canonicalBytes(extra), { ...context, extensions: true }), {
    code: "SCHEMA_INVALID",
  });
});

/** The committed vectors: what every message looks like on the wire, and that it means the same in every spelling. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import {
  agentBindingSchema,
  canonicalize,
  type Codecs,
  dataGrantSchema,
  decodeBody,
  encodeBody,
  type Encoding,
  type JsonObject,
  type JsonValue,
  limits,
  loadCodecs,
  messageSchemas,
  nobleEngine,
  type OpenContext,
  type OpenedMessage,
  openMessage,
  shippedExtensions,
  signedBytes,
  verifyDocument,
  wireFormOf,
} from "@gridmesh/protocol";
import { fileName, makeVectors, type Vector, type VectorFile } from "./vectors.ts";

const folder = new URL("vectors/", import.meta.url);
const codecs: Codecs = await loadCodecs(["cbor", "protobuf"]);
const made = makeVectors(codecs);
const UNKNOWN = "ext:federated_learning_update";
const documents: ReadonlyMap<string, string> = new Map([
  ["agent_binding", "agent_id"],
  ["data_grant", "issuer"],
]);

const read = (type: string) =>
  JSON.parse(readFileSync(new URL(fileName(type), folder), "utf8")) as VectorFile;
const inflate = (bytes: Uint8Array, maxOutputLength: number) => gunzipSync(bytes, { maxOutputLength });
const gzip = (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes));

function context(file: VectorFile): OpenContext {
  return {
    network: file.network,
    engine: nobleEngine,
    nowS: file.now,
    isMine: (id) => id === file.peerId || id === "*",
    peerId: file.peerId,
    extensions: true,
  };
}

test("every message type, extension and document that travels has its vectors, and nothing else does", () => {
  const extensions = Object.values(shippedExtensions).map(({ name }) => name);
  const wanted = [...messageSchemas.keys(), ...extensions, UNKNOWN, ...documents.keys()].map(fileName);
  assert.deepEqual(readdirSync(folder).toSorted(), wanted.toSorted());
});

test("every type that the first version has shows how it looked there", () => {
  for (const [type, { first }] of messageSchemas) {
    const versions = read(type).vectors.map(({ version }) => version);
    if (first !== undefined && first !== "same") assert.ok(versions.includes("1.0"), type);
    if (first === undefined) assert.ok(!versions.includes("1.0"), type);
  }
});

/** The same message out of every spelling of it. */
function spellings(vector: Vector): readonly (readonly [name: string, message: JsonValue])[] {
  const message = JSON.parse(vector.json) as JsonObject;
  const decode = (content: Uint8Array, features: readonly string[]) => {
    const form = wireFormOf([...features, "compression"], "task", codecs);
    return decodeBody(content, { form, maxBytes: limits.taskFrameBytes, inflate });
  };
  const hex = (flags: number, body: string) => Buffer.concat([Buffer.of(flags), Buffer.from(body, "hex")]);
  const zipped = (features: readonly string[]) => {
    const padded = { ...message, extra: { "test.padding": "x".repeat(2_000) } };
    const form = wireFormOf([...features, "compression"], "task", codecs);
    const { extra: _extra, ...rest } = decode(encodeBody(padded, { form, gzip }), features) as JsonObject;
    return { ...rest, ...(message["extra"] === undefined ? {} : { extra: message["extra"] }) };
  };
  const all: [string, JsonValue][] = [
    ["JSON", decode(Buffer.concat([Buffer.of(0), Buffer.from(vector.json)]), [])],
    ["gzip", decode(Buffer.concat([Buffer.of(1), gzipSync(vector.json)]), [])],
  ];
  if (vector.cbor === undefined || vector.protobuf === undefined) return all;
  return [
    ...all,
    ["CBOR", decode(hex(2, vector.cbor), ["cbor"])],
    ["protobuf", decode(hex(4, vector.protobuf), ["protobuf"])],
    ["gzipped JSON", zipped([])],
    ["gzipped CBOR", zipped(["cbor"])],
    ["gzipped protobuf", zipped(["protobuf"])],
  ];
}

function checkSigned(file: VectorFile, vector: Vector): void {
  const message = JSON.parse(vector.json) as JsonObject;
  const bytes = signedBytes(file.type, file.network, message);
  assert.equal(bytes.length, vector.signedBytes);
  assert.equal(createHash("sha256").update(bytes).digest("hex"), vector.signedSha256);
  assert.equal(message["signature"], vector.signature);
}

for (const [type, file] of made) {
  test(`${type} is signed, verified and read alike in JSON, gzip, CBOR and protobuf`, () => {
    const committed = read(type);
    assert.deepEqual(committed, JSON.parse(JSON.stringify(file)), "made again from the same keys");
    assert.ok(committed.vectors.length > 0);
    for (const vector of committed.vectors) {
      checkSigned(committed, vector);
      const signerField = documents.get(type);
      if (signerField === undefined) checkMessage(committed, vector);
      else checkDocument(committed, vector, signerField);
    }
  });
}

function checkMessage(file: VectorFile, vector: Vector): void {
  const first = JSON.parse(vector.json) as JsonObject;
  let opened: OpenedMessage | undefined;
  for (const [name, message] of spellings(vector)) {
    assert.equal(canonicalize(message), vector.json, name);
    opened = openMessage(message, context(file));
    assert.equal(opened.type, file.type, name);
    assert.equal(opened.version, vector.version);
    for (const [field, value] of Object.entries(vector.reads ?? {})) {
      assert.deepEqual(opened.body[field], value, field);
    }
    if (vector.reads === undefined) {
      for (const field of Object.keys(opened.body)) assert.deepEqual(opened.body[field], first[field], field);
    } else assert.deepEqual(Object.keys(opened.body).toSorted(), Object.keys(vector.reads).toSorted());
  }
}

function checkDocument(file: VectorFile, vector: Vector, signerField: string): void {
  const document = JSON.parse(vector.json) as JsonObject;
  const schema = file.type === "agent_binding" ? agentBindingSchema : dataGrantSchema();
  assert.ok(schema.safeParse(document).success);
  const check = { type: file.type, network: file.network, engine: nobleEngine, signerField };
  assert.equal(verifyDocument(document, check), document[signerField]);
}

test("compact spellings are smaller than JSON wherever no list is empty and nothing is null", () => {
  const sizes = { json: 0, cbor: 0, protobuf: 0 } satisfies Record<Encoding, number>;
  for (const { vectors } of made.values()) {
    for (const { json, cbor, protobuf } of vectors) {
      if (cbor === undefined || protobuf === undefined || /\[\]|null/.test(json)) continue;
      assert.ok(cbor.length / 2 < json.length && protobuf.length / 2 < json.length, json);
      sizes.json += json.length;
      sizes.cbor += cbor.length / 2;
      sizes.protobuf += protobuf.length / 2;
    }
  }
  assert.ok(sizes.protobuf < sizes.cbor && sizes.cbor < 0.95 * sizes.json, JSON.stringify(sizes));
});

/** Every reader of what others wrote, with honest samples of it: each gives a value or an error of the table. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import {
  becknV1,
  becknV2,
  canonicalBytes,
  type Codecs,
  decodeBecknFrame,
  decodeBody,
  decodeFrame,
  decodeUvarint,
  encodeBecknFrame,
  encodeBody,
  formatAddress,
  keyFromAgentId,
  keyFromPeerId,
  limits,
  openEnvelope,
  ownOffer,
  parseAddress,
  parseAgentReference,
  parseAuthorization,
  parseBecknBody,
  parseCanonical,
  parseTolerant,
  readRpcMessage,
  seal,
  signBinding,
  wireFormOf,
} from "@gridmesh/protocol";
import { readHomesCsv } from "../../packages/energy/src/data/homes-csv.ts";
import { createBans } from "../../packages/node/src/gate/admit.ts";
import { nodeEngine } from "../../packages/node/src/gate/engine.ts";
import { createGossipGate } from "../../packages/node/src/gate/gossip.ts";
import { identityFromSeed } from "../../packages/node/src/identity.ts";
import { silentLog } from "../../packages/node/src/log.ts";
import { recordTopic } from "../../packages/node/src/registry/heard.ts";
import { eachMessage } from "../../packages/node/src/route/rpc-lines.ts";
import { memoryStore } from "../../packages/node/src/store/memory.ts";
import { manualClock, seededRandom } from "../../packages/node/src/testing/index.ts";
import { parseConfig } from "../../packages/daemon/src/config/read-file.ts";
import { resolveConfig } from "../../packages/daemon/src/config/load.ts";
import { messagesOf } from "../../packages/protocol/test/beckn-messages.ts";
import { allMessages, assertOfTable } from "../../packages/protocol/test/mutations.ts";
import { NETWORK } from "../../packages/protocol/test/vectors.ts";

/** What led somewhere new in longer runs, a line of base64 each. */
const CORPUS = new URL("corpus/", import.meta.url);

export interface Target {
  readonly name: string;
  readonly samples: readonly Uint8Array[];
  /** Reads; throws an error of the table, or nothing. */
  read(bytes: Uint8Array): void;
}

const NOW_S = 1_640_995_200;
const utf8 = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8");
const peer = identityFromSeed(seededRandom("fuzz").bytes(32));

/** All of them; `codecs` with CBOR and protobuf loaded. */
export function targetsWith(codecs: Codecs): readonly Target[] {
  const targets: readonly Target[] = [
    frames(codecs),
    canonical(),
    envelope(),
    rpcLines(),
    addresses(),
    becknHeaders(),
    becknFrames(),
    gossip(),
    config(),
    csv(),
  ];
  return targets.map((target) => ({ ...target, samples: [...target.samples, ...corpusOf(target)] }));
}

/** Where a target's corpus is kept. */
export function corpusFile({ name }: Target): URL {
  return new URL(`${name.toLowerCase().replaceAll(" ", "-")}.txt`, CORPUS);
}

function corpusOf(target: Target): readonly Uint8Array[] {
  const file = corpusFile(target);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => Buffer.from(line, "base64"));
}

/** All of these readers; what the last one throws is the outcome. */
function each(...readers: readonly ((bytes: Uint8Array) => unknown)[]): (bytes: Uint8Array) => void {
  return (bytes) => {
    for (const reader of readers.slice(0, -1)) assertOfTable(() => reader(bytes));
    readers.at(-1)?.(bytes);
  };
}

function frames(codecs: Codecs): Target {
  const forms = [[], ["cbor"], ["protobuf"], ["cbor", "compression"]].map((features) =>
    wireFormOf(features, "task", codecs),
  );
  const gzip = (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes));
  const inflate = (bytes: Uint8Array, maxOutputLength: number) => gunzipSync(bytes, { maxOutputLength });
  const form = wireFormOf(["cbor", "protobuf", "compression"], "task", codecs);
  const options = { form, maxBytes: limits.taskFrameBytes, inflate };
  const messages = allMessages().slice(0, 24);
  return {
    name: "frame",
    samples: forms.flatMap((one) => messages.map((message) => encodeBody(message, { form: one, gzip }))),
    read: each(
      (bytes) => decodeUvarint(bytes),
      (bytes) => decodeFrame(bytes, 0xff),
      (bytes) => decodeBody(bytes, options),
    ),
  };
}

function canonical(): Target {
  return {
    name: "canonical",
    samples: allMessages().map((message) => canonicalBytes(message)),
    read(bytes) {
      const value = parseCanonical(bytes);
      assert.deepEqual(canonicalBytes(value), new Uint8Array(bytes), "it is written as it was read");
    },
  };
}

function envelope(): Target {
  const engine = nodeEngine();
  const context = { network: NETWORK, engine, nowS: NOW_S, isMine: () => true, extensions: true };
  const said = new Set(allMessages().map((message) => textOf(canonicalBytes(message))));
  return {
    name: "envelope",
    samples: allMessages().map((message) => canonicalBytes(message)),
    read(bytes) {
      const { message } = openEnvelope(bytes, context);
      assert.ok(said.has(textOf(canonicalBytes(message))), "a forged message is taken");
    },
  };
}

function rpcLines(): Target {
  const lines = [
    '{"jsonrpc":"2.0","id":1,"method":"a/b","params":{"x":[1,2,{"y":null}]},"x":{"deadlineMs":50}}\n',
    '{"jsonrpc":"2.0","id":"z","result":{"ok":true}}\n{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}\n',
    '{"jsonrpc":"2.0","id":null,"error":{"code":-31003,"message":"x","data":{"code":"AGENT_NOT_FOUND"}}}\r\n\n',
    `${"[".repeat(70)}${"]".repeat(70)}\n`,
  ];
  return {
    name: "rpc line",
    samples: lines.map(utf8),
    read: each(
      (bytes) => eachMessage(bytes, ({ kind }) => assert.ok(kind.length > 0)),
      (bytes) => readRpcMessage(parseTolerant(bytes, { maxDepth: limits.rpcJsonDepth })),
    ),
  };
}

function addresses(): Target {
  const { peerId, signer } = peer;
  const texts = [`${peerId}:agent-1/tools/call`, "local:a/b", "cap:energy.sell/x", "node/get_info", "a/b:c"];
  return {
    name: "address",
    samples: [...texts, peerId, signer.agentId, `${peerId}:agent1`].map(utf8),
    read: each(
      (bytes) => parseAgentReference(textOf(bytes)),
      (bytes) => keyFromPeerId(textOf(bytes)),
      (bytes) => keyFromAgentId(textOf(bytes)),
      (bytes) => formatAddress(parseAddress(textOf(bytes))),
    ),
  };
}

function becknHeaders(): Target {
  const head = 'Signature keyId="bap.example|key-1|ed25519",algorithm="ed25519",created="1640995200",';
  const rest = `expires="1640995260",headers="(created) (expires) digest",signature="${"A".repeat(86)}=="`;
  return {
    name: "Beckn header",
    samples: [head + rest, (head + rest).replaceAll("bap.example", peer.signer.agentId)].map(utf8),
    read: (bytes) => void parseAuthorization(textOf(bytes)),
  };
}

function becknFrames(): Target {
  const bodies = [becknV1, becknV2].flatMap((wire) =>
    fc.sample(messagesOf(wire.profile), { numRuns: 12, seed: 1 }).map((one) => wire.encode(one)),
  );
  const headers = { authorization: "Signature x", "content-type": "application/json" } as const;
  const framed = bodies.map((body) =>
    encodeBecknFrame({ v: 1, profile: "beckn/1", path: "/search", headers }, body),
  );
  return {
    name: "Beckn frame",
    samples: [...framed, ...bodies],
    read(bytes) {
      const content = bytes[0] === 0x7b ? bytes : decodeBecknFrame(bytes).body;
      const value = parseBecknBody(content);
      const wire = textOf(content).includes('"version":"2.') ? becknV2 : becknV1;
      wire.decodeContent(value, wire.decodeContext(value, "tolerant"), "tolerant");
      wire.decodeContent(value, wire.decodeContext(value));
    },
  };
}

/** A verdict in every case; what the gate could not name is a bug. */
function gossip(): Target {
  const random = seededRandom("gossip");
  const { signer, peerId } = peer;
  const bound = { network: NETWORK, peerId, name: "agent-1", notAfterS: NOW_S + 1_000, signer };
  const options = { network: NETWORK, signer, nowS: NOW_S, random, binding: signBinding(bound) };
  const clock = { ...manualClock(), nowMs: () => NOW_S * 1_000 };
  const bans = createBans(memoryStore(), clock);
  const gate = createGossipGate({ clock, log: silentLog(), bans, load: () => undefined });
  const draft = {
    type: "capability_advertisement",
    recipient_id: "*",
    name: "agent-1",
    status: "available",
    seq: 1,
    valid_until: NOW_S + 180,
    capabilities: { "energy.sell": {} },
  };
  const said = [
    seal(draft, options),
    seal({ ...ownOffer(NETWORK, "x"), type: "hello", recipient_id: "*" }, options),
  ];
  const engine = nodeEngine();
  const validate = gate.validator(
    recordTopic({ network: NETWORK, engine, clock, known: () => undefined, take: () => undefined }),
  );
  return {
    name: "gossip",
    samples: said.map((message) => canonicalBytes(message)),
    read(bytes) {
      void validate(peerId, bytes).then((verdict) => assert.match(verdict, /^(?:accept|ignore|reject)$/u));
      assert.equal(gate.refused["INTERNAL_ERROR"], undefined, "a throw that is none of ours");
    },
  };
}

function config(): Target {
  const texts = [
    'network = "home"\nprofile = "lan"\nlisten = ["/ip4/127.0.0.1/tcp/4001"]\n[log]\nlevel = "info"\n',
    '# a home\n[status]\nlisten = "127.0.0.1:4880"\n[[agents]]\nname = "h"\nmodule = "@gridmesh/agents"\n',
    "a.b.c = { d = [1, 2, [3]], e = 1979-05-27 }\n__proto__.x = 1\n",
  ];
  return {
    name: "config",
    samples: texts.map(utf8),
    read: (bytes) => void resolveConfig(parseConfig(textOf(bytes)), { env: {}, flags: {} }),
  };
}

function csv(): Target {
  const steps = Array.from({ length: 6 }, (_step, n) => 1_640_995_200 + 900 * n);
  const rows = steps.flatMap((at) => [1, 2].map((home) => `${at},${home},${(at % 70) / 2},1e2`));
  return {
    name: "CSV",
    samples: [
      `ts,home,load_wh,pv_wh\n${rows.join("\n")}\n`,
      "ts,home,load_wh,pv_wh\r\n0,1,1e3,\r\n60,1,1,2\r\n120,1,1,\r\n180,1,3,0\r\n",
    ].map(utf8),
    read: (bytes) => void readHomesCsv(textOf(bytes)),
  };
}

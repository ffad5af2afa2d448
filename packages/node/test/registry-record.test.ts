import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalBytes, type JsonObject, parseCanonical, seal, signBinding } from "@gridmesh/protocol";
import type { AgentClaims } from "../src/agent.ts";
import { nodeEngine } from "../src/gate/engine.ts";
import { nodeLimits } from "../src/limits.ts";
import { recordValidS, renewalMs } from "../src/registry/advertise.ts";
import { checkClaims, cidOf, claimsOf } from "../src/claims.ts";
import { openRecord } from "../src/registry/record.ts";
import { seededRandom } from "../src/testing/index.ts";
import { answers, countAnswered, withPrefixes, wordsOf } from "../src/words.ts";
import { failsWith, keyOf, messageOf, NET, recordOf } from "./registry-rig.ts";

const nowS = 1_700_000_000;
const context = { network: NET, engine: nodeEngine(), nowS };
const open = (message: JsonObject) => openRecord(canonicalBytes(message), context);

const claims: AgentClaims = {
  capabilities: {
    processing: { types: ["image", "audio"], max_concurrent_tasks: 2, supported_models: ["m-1"] },
    storage: { available_space_gb: 100, access_patterns: ["sequential"] },
    compute: { cpu_cores: 8, memory_gb: 32, gpu_available: false },
  },
  operations: [
    {
      name: "resize",
      version: "1.2.0",
      inputSchema: { type: "object" },
      outputSchema: { type: "string" },
      effect: "pure",
      price: { amount: 5, currency: "CHF" },
    },
  ],
  limits: { maxInputBytes: 1_000, maxRuntimeS: 60 },
  dataProtocols: ["inline"],
  e2eKey: { key_id: "0123456789abcdef", x25519: `${"A".repeat(43)}=`, not_after: nowS + 1_000 },
  reputationScore: 0.9,
  uptimePercentage: 99.5,
  reputationEvidence: "bafkreigh2akiscaildc",
};

test("a record tells every field of an advertisement, and each is under the signature", () => {
  const { message, record } = recordOf({
    nowS,
    capabilities: ["energy.sell", "processing"],
    claims: claimsOf(claims),
    under: claims.capabilities,
    queueDepth: 3,
    load: 0.25,
  });
  const told =
    "name status seq valid_until capabilities operations limits queue_depth load data_protocols e2e_key " +
    "reputation_score uptime_percentage reputation_evidence extra binding";
  assert.deepEqual(
    told.split(" ").filter((field) => message[field] === undefined),
    [],
  );
  const words = ["energy.sell", "processing", "processing.image", "processing.audio", "storage", "compute"];
  assert.deepEqual(record.words.toSorted(), words.sort());
  assert.equal(record.load, 0.25);
  assert.deepEqual([record.protocols, record.eras], [["mcp", "a2a", "plain"], []]);
  const other: Record<string, unknown> = {
    name: "other",
    status: "draining",
    seq: 2,
    valid_until: nowS + 100,
    queue_depth: 4,
    load: 0.5,
    capabilities: { a: {} },
    operations: [],
    limits: { max_input_bytes: 1, max_runtime_s: 1 },
    data_protocols: [],
    reputation_score: 1,
    uptime_percentage: 1,
    reputation_evidence: "z",
    extra: {},
  };
  for (const [field, value] of Object.entries(other)) {
    failsWith("SIGNATURE_INVALID", () => open({ ...message, [field]: value } as JsonObject));
  }
});

test("a record that is no record, or says two things at once, is refused by its code", () => {
  const good = messageOf({ nowS });
  assert.equal(open(good).nodeId, keyOf(1_000).peerId);
  failsWith("BINDING_INVALID", () =>
    open({ ...good, binding: { ...(good["binding"] as JsonObject), name: "x" } }),
  );
  failsWith("RECORD_INVALID", () => open(messageOf({ nowS, validS: nodeLimits.recordValidMaxS + 1 })));
  assert.equal(open(messageOf({ nowS, validS: nodeLimits.recordValidMaxS })).lifeMs, 3_600_000);
  const { binding: _none, ...unbound } = good;
  failsWith("BINDING_INVALID", () => open(unbound));
});

test("claims that no record could say are refused where the agent is registered", () => {
  const refused = (spoilt: AgentClaims) => failsWith("INVALID_PARAMS", () => checkClaims(spoilt));
  checkClaims(claims);
  refused({ uptimePercentage: 101 });
  refused({ capabilities: { "no such word!": {} } });
  refused({ capabilities: { processing: { types: "image" } } });
  refused({ capabilities: { a: { text: "x".repeat(15_000) } } });
  refused({ capabilities: { a: JSON.parse('{"__proto__": 1}') as JsonObject } });
});

test("a schema over 4 KiB is told by the CID of its canonical bytes, and a record stays within a gossip message", () => {
  const long = { type: "object", description: "d".repeat(nodeLimits.schemaBytes) };
  const operation = { name: "o", version: "1", inputSchema: long, outputSchema: {}, effect: "once" } as const;
  const told = claimsOf({ operations: [operation] })["operations"] as readonly JsonObject[];
  const cid = cidOf(canonicalBytes(long));
  assert.match(cid, /^bafkrei[a-z2-7]{52}$/);
  assert.deepEqual(told[0]?.["input_schema"], { cid });
  assert.deepEqual(told[0]?.["output_schema"], {});

  const short = { description: "d".repeat(1_000) };
  const many = Array.from({ length: 64 }, (_, at) => ({ ...operation, name: `o${at}`, inputSchema: short }));
  const { bytes } = recordOf({ nowS, claims: claimsOf({ operations: many }) });
  assert.ok(bytes.length <= nodeLimits.capabilityBytes, `${bytes.length} bytes`);
  const all = parseCanonical(bytes) as JsonObject;
  assert.equal((all["operations"] as readonly JsonObject[]).length, 64);
  assert.deepEqual(((all["operations"] as readonly JsonObject[])[0] ?? {})["input_schema"], {
    cid: cidOf(canonicalBytes(short)),
  });
});

test("above 1,200 known records renewals are slower and records live longer, within an hour", () => {
  assert.deepEqual([renewalMs(0), renewalMs(1_200), renewalMs(1_201)], [60_000, 60_000, 60_050]);
  assert.equal(renewalMs(20_000), 1_000_000);
  assert.deepEqual([recordValidS(1_200), recordValidS(12_000), recordValidS(20_000)], [180, 1_800, 3_000]);
});

test("words come from keys and their types, and are found by their prefixes", () => {
  assert.deepEqual(
    wordsOf({ "energy.sell": {}, processing: { types: ["image", "no such word!"] }, "x y": {} }),
    ["energy.sell", "processing", "processing.image"],
  );
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`w${at}`, {}]));
  assert.equal(wordsOf(many).length, 32);
  assert.deepEqual(withPrefixes("a.b.c"), ["a", "a.b", "a.b.c"]);
  assert.ok(answers(["energy.sell"], "energy"));
  assert.ok(!answers(["energysell"], "energy"));
  assert.equal(countAnswered(["energy.sell", "weather"], ["energy", "weather", "heat"]), 2);
});

test("an advertisement of version 1.0, which has neither seq nor expiry, is a record of its time", () => {
  const { signer } = keyOf(1);
  const binding = signBinding({
    network: NET,
    peerId: keyOf(1_000).peerId,
    name: "oldest",
    notAfterS: nowS + 604_800,
    signer,
  });
  const draft = {
    type: "capability_advertisement",
    recipient_id: "*",
    capabilities: { "energy.sell": {} },
  };
  const random = seededRandom("first version");
  const message = seal(draft, { network: NET, signer, binding, nowS, random, version: "1.0" });
  const record = open(message);
  assert.deepEqual([record.name, record.status, record.seq], ["oldest", "available", nowS]);
  assert.deepEqual(record.words, ["energy.sell"]);
  assert.ok(record.validUntil > nowS);
});

test("a record keeps its own bytes alone, whatever buffer it came in", () => {
  const { bytes, record: first } = recordOf({ nowS });
  const frame = new Uint8Array(64 * 1_024);
  frame.set(bytes, 100);
  const inFrame = frame.subarray(100, 100 + bytes.length);
  const record = openRecord(inFrame, context);
  for (const kept of [first.bytes, record.bytes]) {
    assert.deepEqual(Buffer.from(kept), Buffer.from(bytes));
    assert.equal(kept.buffer.byteLength, bytes.length);
  }
});

/** The published samples of each message, plus the common header, are signed, sent and understood. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  canonicalBytes,
  decodeFrame,
  encodeFrame,
  isProtocolError,
  nobleEngine,
  openEnvelope,
  peerIdFromKey,
  seal,
  signBinding,
  toBase64,
} from "@gridmesh/protocol";
import { countingRandom, signerOf } from "./keys.ts";

const NOW = 1_640_995_200;
const signer = signerOf(0);
const peerId = peerIdFromKey(signer.publicKey);
const me = peerIdFromKey(signerOf(1).publicKey);
const random = countingRandom();

const hello = {
  supported_versions: ["1.0", "1.1"],
  preferred_version: "1.1",
  required_features: ["encryption", "compression"],
  optional_features: ["streaming", "batch_processing"],
  network: "test",
  software: "gridmesh/0.1.0",
};

const samples: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  hello,
  hello_ack: {
    ...hello,
    selected_version: "1.1",
    features: ["compression", "encryption"],
    hello_hash: `sha256:${"0".repeat(64)}`,
  },
  bootstrap_request: {
    capabilities: ["processing", "storage", "vectorization"],
    public_key: toBase64(signer.publicKey),
    network_info: {
      listen_addresses: ["/ip4/192.168.1.100/tcp/8000"],
      supported_protocols: ["libp2p", "websocket", "quic"],
    },
  },
  bootstrap_response: {
    accepted: true,
    network_id: "test",
    observed_addr: "/ip4/192.0.2.7/tcp/8000",
    peers: [],
  },
  peer_introduction: { introduced: "AAAA", reason: "capability", capability: "energy.sell" },
  capability_advertisement: {
    name: "worker",
    status: "available",
    seq: 1,
    valid_until: NOW + 180,
    capabilities: {
      processing: {
        types: ["nlp", "chunking", "classification"],
        max_concurrent_tasks: 4,
        supported_models: ["spacy_sm", "bert_base"],
      },
      storage: { available_space_gb: 100, access_patterns: ["read", "write", "cache"] },
      compute: { cpu_cores: 8, memory_gb: 16, gpu_available: false },
    },
    reputation_score: 0.95,
    uptime_percentage: 99.2,
  },
  heartbeat: { status: "healthy", active_tasks: 3, available_capacity: 0.6, uptime_seconds: 86_400 },
  error_response: {
    error_code: "TASK_EXECUTION_FAILED",
    error_number: -31_310,
    error_message: "Out of memory",
    original_message_id: "01890a5d-ac96-774b-bcce-b302099a8057",
    retry_possible: true,
    suggested_action: "reduce_task_size",
  },
  trade_query: { orderIds: ["01890a5d-ac96-774b-bcce-b302099a8057"] },
};

const binding = signBinding({ network: "test", peerId, name: "worker", notAfterS: NOW + 3_600, signer });

function sent(type: string, body: Readonly<Record<string, unknown>>): Uint8Array {
  const draft = { ...body, type, recipient_id: me };
  const message = seal(draft, { network: "test", signer, nowS: NOW, random, binding });
  return encodeFrame(0, canonicalBytes(message));
}

function received(content: Uint8Array) {
  const context = {
    network: "test",
    engine: nobleEngine,
    nowS: NOW,
    isMine: (id: string) => id === me,
    peerId,
  };
  return openEnvelope(decodeFrame(content).body, context);
}

for (const [type, body] of Object.entries(samples)) {
  test(`${type} is signed, framed, opened and read`, () => {
    assert.deepEqual(received(sent(type, body)).body, body);
  });

  test(`${type} with a field that nobody knows is SCHEMA_INVALID`, () => {
    assert.throws(() => received(sent(type, { ...body, mood: 1 })), { code: "SCHEMA_INVALID" });
  });
}

test("a key beside agent_id must be the same key", () => {
  const other = { ...samples["bootstrap_request"], public_key: toBase64(signerOf(1).publicKey) };
  assert.throws(() => received(sent("bootstrap_request", other)), { code: "IDENTITY_MISMATCH" });
});

test("any fields in a body give a reading or an error of the table", () => {
  const types = fc.constantFrom(...Object.keys(samples));
  fc.assert(
    fc.property(
      types,
      fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue({ maxDepth: 3 })),
      (type, body) => {
        try {
          received(sent(type, body));
        } catch (error) {
          assert.ok(isProtocolError(error));
        }
      },
    ),
  );
});

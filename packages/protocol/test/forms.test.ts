/** What each version has: first forms, later fields, newer minors. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  canonicalBytes,
  messageSchemas,
  nobleEngine,
  type OpenContext,
  openEnvelope,
  peerIdFromKey,
  seal,
} from "@gridmesh/protocol";
import { countingRandom, signerOf } from "./keys.ts";

const NOW = 1_800_000_000;
const TASK = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6";
const signer = signerOf(0);
const me = peerIdFromKey(signerOf(1).publicKey);
const random = countingRandom();

const opening: OpenContext = {
  network: "test",
  engine: nobleEngine,
  nowS: NOW,
  isMine: (id) => id === me,
  peerId: peerIdFromKey(signer.publicKey),
};
const sealed = (type: string, body: Readonly<Record<string, unknown>>, version = "1.1") =>
  seal({ type, recipient_id: me, ...body }, { network: "test", signer, nowS: NOW, random, version });
const open = (message: object, context: Partial<OpenContext> = {}) =>
  openEnvelope(canonicalBytes(message), { ...opening, ...context });

const heartbeat = { status: "healthy", active_tasks: 3, available_capacity: 0.6, uptime_seconds: 86_400 };
const clock = { sent_ms: 1_800_000_000_000 };
const definition = { operation: "text_chunking", resource_requirements: { cpu_cores: 1, memory_mb: 64 } };
const request = {
  task_id: TASK,
  task_definition: definition,
  lease: { epoch: 1, ttl_ms: 30_000 },
  attempt: 2,
  timeouts: { queue_s: 1, execution_s: 2, total_s: 3 },
  mode: "direct",
};

test("a message for a peer of 1.0 carries no field that came later", () => {
  const message = sealed("heartbeat", { ...heartbeat, clock, extra: { "vendor.name": 1 } }, "1.0");
  assert.equal(message["clock"], undefined);
  assert.deepEqual(message["extra"], { "vendor.name": 1 });
  assert.deepEqual(open(message).body, heartbeat);
  const task = sealed("task_request", request, "1.0");
  for (const field of ["lease", "attempt", "timeouts", "mode"]) assert.equal(task[field], undefined, field);
});

test("a type that 1.0 does not have is neither sent in it nor read in it", () => {
  const later = [...messageSchemas].filter(([, { first }]) => first === undefined).map(([type]) => type);
  assert.ok(later.includes("peer_introduction") && later.includes("task_attach"));
  for (const type of later) assert.throws(() => sealed(type, {}, "1.0"), { code: "TYPE_UNKNOWN" }, type);
  const message = sealed("task_query", { task_id: TASK });
  assert.throws(() => open({ ...message, version: "1.0" }), { code: "TYPE_UNKNOWN" });
});

test("a later field in a message of 1.0 is SCHEMA_INVALID", () => {
  const message = sealed("heartbeat", heartbeat, "1.0");
  assert.throws(() => open({ ...message, clock }), { code: "SCHEMA_INVALID" });
});

test("a task_request of 1.0 is read with one attempt, the usual timeouts and no endpoint", () => {
  const slow = {
    ...definition,
    resource_requirements: { cpu_cores: 1, memory_mb: 64, execution_time_estimate: 150.5 },
  };
  const callback_info = { result_endpoint: "/ip4/192.168.1.100/tcp/8000/results", progress_updates: false };
  const message = sealed("task_request", { task_id: TASK, task_definition: slow, callback_info }, "1.0");
  assert.deepEqual(open(message).body, {
    task_id: TASK,
    task_definition: slow,
    callback_info: { progress_updates: false },
    attempt: 1,
    timeouts: { queue_s: 60, execution_s: 452, total_s: 900 },
    mode: "direct",
  });
});

test("an endpoint that is no multiaddr of a peer is refused in 1.1", () => {
  const endpoints: readonly [text: string, holds: boolean][] = [
    ["/ip4/192.168.1.100/tcp/8000/results", false],
    ["http://example.org/", false],
    [`p2p/${me}`, true],
    [`/ip4/192.0.2.7/tcp/4801/p2p/${me}`, true],
  ];
  for (const [result_endpoint, holds] of endpoints) {
    const message = sealed("task_request", {
      ...request,
      callback_info: { result_endpoint, progress_updates: true },
    });
    if (holds) assert.doesNotThrow(() => open(message));
    else assert.throws(() => open(message), { code: "SCHEMA_INVALID" }, result_endpoint);
  }
});

test("a task_response is either accepted or rejected, never both", () => {
  const yes = { estimated_completion: NOW + 9, allocated_resources: { cpu_cores: 1, memory_mb: 64 } };
  const no = { reason: "queue_full" };
  const said = (body: object) => sealed("task_response", { task_id: TASK, ...body });
  for (const body of [
    { status: "accepted", ...yes },
    { status: "rejected", ...no },
  ]) {
    assert.doesNotThrow(() => open(said(body)));
  }
  for (const body of [
    { status: "accepted" },
    { status: "rejected" },
    { status: "accepted", ...yes, ...no },
    { status: "rejected", ...no, ...yes },
    { status: "accepted", estimated_completion: NOW },
  ]) {
    assert.throws(() => open(said(body)), { code: "SCHEMA_INVALID" }, JSON.stringify(body));
  }
});

test("a result that completed has its data and their hash, one that failed says why", () => {
  const base = { task_id: TASK, seq: 1, epoch: 1, attempt: 1 };
  const refused = [
    { ...base, status: "completed" },
    { ...base, status: "failed" },
    { ...base, status: "partial", result_hash: `sha256:${"0".repeat(64)}` },
  ];
  for (const body of refused) {
    assert.throws(() => open(sealed("task_result", body)), { code: "SCHEMA_INVALID" }, body.status);
  }
  assert.doesNotThrow(() => open(sealed("task_result", { ...base, status: "cancelled" })));
});

test("unknown fields of a newer minor are kept and not read, however deep they are", () => {
  const message = sealed(
    "task_request",
    {
      ...request,
      mood: "good",
      task_definition: {
        ...definition,
        colour: "red",
        resource_requirements: { cpu_cores: 1, memory_mb: 64, tpu: 2 },
      },
      lease: { epoch: 1, ttl_ms: 30_000, grace_ms: 5 },
    },
    "1.2",
  );
  const { body, message: kept } = open(message);
  assert.deepEqual(body, request);
  assert.equal(kept["mood"], "good");
  const sameMinor = { ...message, version: "1.1" };
  assert.throws(() => open(sameMinor), { code: "SCHEMA_INVALID" });
  const wrong = sealed("task_request", { ...request, attempt: "two" }, "1.2");
  assert.throws(() => open(wrong), { code: "SCHEMA_INVALID" }, "what is known must still fit");
});

test("a stream carries no higher version than the one agreed on", () => {
  const message = sealed("heartbeat", heartbeat);
  assert.throws(() => open(message, { version: "1.0" }), { code: "VERSION_UNSUPPORTED" });
  assert.doesNotThrow(() => open(message, { version: "1.1" }));
  assert.doesNotThrow(() => open(sealed("heartbeat", heartbeat, "1.0"), { version: "1.1" }));
});

test("an offer of a task is for everybody and names the operation's version apart from the message's", () => {
  const offer = {
    task_id: TASK,
    operation: "text_chunking",
    operation_version: "3",
    priority: "low",
    resource_requirements: { cpu_cores: 0.5, memory_mb: 64 },
    input_size: 0,
    bid_until: NOW + 10,
  };
  const message = sealed("task_offer", { ...offer, recipient_id: "*" });
  const { version, body } = open(message, { isMine: (id) => id === "*" });
  assert.deepEqual([version, body["operation_version"]], ["1.1", "3"]);
  const leaky = sealed("task_offer", { ...offer, recipient_id: "*", parameters: {} });
  assert.throws(() => open(leaky, { isMine: (id) => id === "*" }), { code: "SCHEMA_INVALID" });
});

/** A thousand signers of two contents each, met on gossip: all found, each proof holds by itself, no relay is to blame. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createBans } from "../src/gate/admit.ts";
import { nodeEngine } from "../src/gate/engine.ts";
import { createGossipGate } from "../src/gate/gossip.ts";
import { silentLog } from "../src/log.ts";
import { createRecordCache } from "../src/registry/cache.ts";
import { createEquivocations } from "../src/registry/equivocations.ts";
import type { StoredEquivocation } from "../src/store/types.ts";
import { recordTopic } from "../src/registry/heard.ts";
import { openRecord } from "../src/registry/record.ts";
import { createRegistry } from "../src/registry/registry.ts";
import { memoryStore } from "../src/store/memory.ts";
import { manualClock } from "../src/testing/index.ts";
import { keyOf, NET, recordOf } from "./registry-rig.ts";

const PAIRS = 1_000;

test("of 1,000 pairs all are found where both meet, each proof verifies offline, and the relay is not banned", async () => {
  const clock = manualClock();
  const nowS = Math.floor(clock.nowMs() / 1_000);
  const engine = nodeEngine();
  const bans = createBans(memoryStore(), clock);
  const cache = createRecordCache({ clock, linksHeard: () => new Map() });
  const equivocations = createEquivocations(clock);
  const proofs: StoredEquivocation[] = [];
  using _listening = equivocations.onAdd((proof) => proofs.push(proof));
  const open = (bytes: Uint8Array) => openRecord(bytes, { network: NET, engine, nowS });
  const registry = createRegistry({
    network: NET,
    peerId: keyOf("me").peerId,
    clock,
    log: silentLog(),
    transport: { links: () => [] } as never,
    dht: false,
    cache,
    equivocations,
    own: () => [],
    call: () => Promise.resolve({ agents: [] }),
    settling: () => false,
    open,
    banned: (subject) => bans.banned(subject),
    offence: (peerId, code) => void bans.offence(peerId, code),
    cost: () => 0,
    notice: () => undefined,
  });
  const gate = createGossipGate({ clock, log: silentLog(), bans, load: () => undefined });
  const known = (agentId: string) => registry.record(agentId);
  const take = registry.take.bind(registry);
  const topic = recordTopic({ network: NET, engine, clock, known, take: (record) => take(record, false) });
  const validate = gate.validator(topic);
  const relay = keyOf("relay").peerId;
  const caught = new Set<string>();
  for (let agent = 1; agent <= PAIRS; agent += 1) {
    const pair = [0.1, 0.2].map((load) => recordOf({ agent, nowS, seq: 5, load }));
    const verdicts = [];
    for (const { bytes } of pair) verdicts.push(await validate(relay, bytes));
    assert.deepEqual(verdicts, ["accept", "ignore"]);
    caught.add(keyOf(agent).signer.agentId);
    if (agent % 50 === 0) await turn();
  }
  assert.equal(proofs.length, PAIRS);
  for (const { agentId, first, second, seq } of proofs) {
    assert.ok(caught.delete(agentId) && bans.banned(agentId));
    const told = [first, second].map(open);
    assert.ok(told.every((record) => record.agentId === agentId && record.seq === seq));
    assert.notEqual(told[0]?.hash, told[1]?.hash);
  }
  assert.equal(caught.size, 0);
  assert.ok(!bans.banned(relay) && bans.points(relay) === 0);
});

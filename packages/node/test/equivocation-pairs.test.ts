/** A thousand signers of two contents each, met on gossip: all found, each proof holds by itself, no relay is to blame. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { StoredEquivocation } from "../src/store/types.ts";
import { ear } from "./registry-ear.ts";
import { keyOf, recordOf } from "./registry-rig.ts";

const PAIRS = 1_000;

test("of 1,000 pairs all are found where both meet, each proof verifies offline, and the relay is not banned", async () => {
  const { bans, equivocations, hear, nowS: now, open, relay } = ear();
  const nowS = now();
  const proofs: StoredEquivocation[] = [];
  using _listening = equivocations.onAdd((proof) => proofs.push(proof));
  const caught = new Set<string>();
  for (let agent = 1; agent <= PAIRS; agent += 1) {
    const pair = [0.1, 0.2].map((load) => recordOf({ agent, nowS, seq: 5, load }));
    const verdicts = [];
    for (const { bytes } of pair) verdicts.push(await hear(bytes));
    assert.deepEqual(verdicts, ["accept", "ignore EQUIVOCATION"]);
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

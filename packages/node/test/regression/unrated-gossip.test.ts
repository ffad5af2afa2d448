import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalBytes, ownOffer, seal } from "@gridmesh/protocol";
import { createBans } from "../../src/gate/admit.ts";
import { nodeEngine } from "../../src/gate/engine.ts";
import { createGossipGate } from "../../src/gate/gossip.ts";
import { silentLog } from "../../src/log.ts";
import { recordTopic } from "../../src/registry/heard.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { manualClock, seededRandom } from "../../src/testing/index.ts";
import { heartbeat } from "../node-fixture.ts";
import { keyOf, messageOf, NET } from "../registry-rig.ts";

test("a type that is not for its topic costs no signature check, which no rate would count", async () => {
  const clock = manualClock();
  const nowS = Math.floor(clock.nowMs() / 1_000);
  const engine = nodeEngine();
  let checked = 0;
  let counted = 0;
  const gate = createGossipGate({
    clock,
    log: silentLog(),
    bans: createBans(memoryStore(), clock),
    load: () => void (counted += 1),
  });
  const validate = gate.validator(
    recordTopic({
      network: NET,
      engine(...given) {
        checked += 1;
        return engine(...given);
      },
      clock,
      known: () => undefined,
      take: () => undefined,
    }),
  );
  const { peerId, signer } = keyOf(1);
  const random = seededRandom(1);
  for (const draft of [heartbeat, { type: "hello", ...ownOffer(NET, "raw/0") }]) {
    const message = seal({ ...draft, recipient_id: "*" }, { network: NET, signer, nowS, random });
    assert.equal(await validate(peerId, canonicalBytes(message)), "ignore");
  }
  assert.deepEqual(gate.refused, { TYPE_UNKNOWN: 2 });
  assert.deepEqual([checked, counted], [0, 0]);
  assert.equal(await validate(peerId, canonicalBytes(messageOf({ nowS }))), "accept");
  assert.deepEqual([checked, counted], [2, 1]);
});

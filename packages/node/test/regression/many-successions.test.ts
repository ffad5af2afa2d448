import assert from "node:assert/strict";
import { test } from "node:test";
import { agentIdFromKey, type JsonObject } from "@gridmesh/protocol";
import { createBans } from "../../src/gate/admit.ts";
import { nodeEngine } from "../../src/gate/engine.ts";
import { nodeLimits } from "../../src/limits.ts";
import { provenHandover } from "../../src/link/handovers.ts";
import { createSuccessions } from "../../src/link/successions.ts";
import { silentLog } from "../../src/log.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { manualClock, seededRandom } from "../../src/testing/index.ts";

function book() {
  const clock = manualClock();
  const store = memoryStore();
  const bans = createBans(store, clock);
  const onFatal = assert.ifError;
  const log = silentLog();
  const options = { network: "testnet", engine: nodeEngine(), store, clock, log, bans, onFatal };
  const successions = createSuccessions(options);
  const random = seededRandom(5);
  const nextId = () => agentIdFromKey(random.bytes(32));
  const nowS = Math.floor(clock.nowMs() / 1_000);
  const handover = (more: JsonObject) =>
    provenHandover({
      type: "key_continuity",
      subject: "agent",
      seq: 1,
      reason: "routine",
      not_before: nowS,
      ...more,
    });
  return { clock, successions, nextId, nowS, handover };
}

test("handovers that are never due cost a timer each only while they are kept", async () => {
  const { clock, successions, nextId, nowS, handover } = book();
  using _book = successions;
  for (let n = 0; n < nodeLimits.successions + 100; n += 1) {
    const never = handover({ old_id: nextId(), new_id: nextId(), not_before: nowS + 10_000_000_000 });
    assert.equal(successions.take(never), "kept");
  }
  assert.equal(clock.pending, nodeLimits.successions);
  await clock.advance(1);
  successions[Symbol.dispose]();
  assert.equal(clock.pending, 0);
});

test(
  "ten thousand handovers of one key in a row are taken as quickly as of as many keys",
  { timeout: 60_000 },
  () => {
    const { successions, nextId, handover } = book();
    using _book = successions;
    let last = nextId();
    for (let seq = 1; seq <= 10_000; seq += 1) {
      const next = nextId();
      assert.equal(successions.take(handover({ old_id: last, new_id: next, seq })), "followed");
      last = next;
    }
  },
);

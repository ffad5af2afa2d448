import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "@gridmesh/protocol";
import { createAdvertiser } from "../../src/registry/advertise.ts";
import { manualClock, seededRandom } from "../../src/testing/index.ts";

test("a record that gets no number is told in the log, and asked for again at the next renewal", async () => {
  const clock = manualClock();
  const said: string[] = [];
  let asked = 0;
  const keep = (event: string) => void said.push(event);
  const log = { error: keep, warn: keep, info: keep, debug: keep, child: () => log };
  const advertiser = createAdvertiser({
    topic: "topic",
    transport: { publish: () => Promise.resolve({ recipients: 0 }) },
    words: { changed() {}, withdraw: () => Promise.resolve(), stop() {} },
    known: () => 0,
    clock,
    random: seededRandom(1),
    log,
    agents: () => [{ name: "a", agentId: "id", words: ["w"], status: "available" }],
    tellPeers: () => Promise.resolve(),
    seal() {
      asked += 1;
      throw new ProtocolError("DISK_FAILED", "full");
    },
  });
  advertiser.changed();
  await Promise.resolve();
  assert.deepEqual([asked, said], [1, ["registry.untold"]]);
  await clock.advance(80_000);
  assert.ok(asked >= 2, "asked again");
  advertiser.stop();
});

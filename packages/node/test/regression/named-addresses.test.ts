import assert from "node:assert/strict";
import { test } from "node:test";
import { linked, World } from "../supervisor-world.ts";

test("what strangers tell of a bootstrap peer that is down never replaces the address it was named by", async () => {
  const world = new World(71);
  const peer = await world.start("a", { bootstrap: ["boot"] });
  await world.clock.advance(5_000);
  for (let n = 0; n < 20; n += 1) {
    peer.supervisor.introduce({ peerId: "boot", addresses: [`/memory/${9_000 + n}/p2p/boot`] });
    peer.supervisor.notice({ peerId: "boot", addresses: [`/memory/${8_000 + n}/p2p/boot`] });
  }
  const boot = await world.start("boot");
  await world.clock.advance(10_000);
  assert.deepEqual(linked(peer), ["boot"]);
  await peer.stop();
  await boot.stop();
});

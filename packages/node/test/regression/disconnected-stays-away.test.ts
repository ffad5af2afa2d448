import assert from "node:assert/strict";
import { test } from "node:test";
import { linked, World } from "../supervisor-world.ts";

const MINUTE_MS = 60_000;

test("a peer that its operator disconnected stays away when a ban or another pause of it ends", async () => {
  const world = new World(73);
  const boot = await world.start("boot");
  const peer = await world.start("a", { bootstrap: ["boot"] });
  await world.clock.advance(5_000);
  await peer.supervisor.disconnect("boot");
  await peer.supervisor.park("boot", MINUTE_MS, "banned");
  await world.clock.advance(5 * MINUTE_MS);
  assert.deepEqual(linked(peer), []);
  await peer.supervisor.park("boot", 0, "no longer banned");
  await world.clock.advance(5 * MINUTE_MS);
  assert.deepEqual(linked(peer), []);
  const dialled = peer.supervisor.connect("boot");
  await world.clock.advance(1_000);
  assert.equal((await dialled).peerId, "boot");
  await peer.stop();
  await boot.stop();
});

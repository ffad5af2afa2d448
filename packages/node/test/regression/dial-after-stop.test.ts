import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "../supervisor-world.ts";

test("nobody waits for a dial of a node that has stopped", async () => {
  const world = new World(74);
  const other = await world.start("other");
  const peer = await world.start("a");
  await peer.supervisor.stop();
  const asked = peer.supervisor.connect(world.addressOf("other"), { signal: new AbortController().signal });
  const told = asked.then(
    () => "linked",
    (error: { code?: string }) => error.code,
  );
  await world.clock.advance(60_000);
  assert.equal(await Promise.race([told, Promise.resolve("still waiting")]), "PEER_UNREACHABLE");
  await other.stop();
});

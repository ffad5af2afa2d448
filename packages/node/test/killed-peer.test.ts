/** A peer killed in the middle of everything: its link goes at once, and is back soon after the peer is. */

import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
import { systemClock, systemRandom } from "../src/clock.ts";
import { silentLog } from "../src/log.ts";
import { createSupervisor, knownPeers, libp2p, memoryPeerStore } from "../src/network/index.ts";
import { startTransport, until } from "./transport-fixture.ts";

async function startPeer(seedHex: string, port: string): Promise<{ child: ChildProcess; address: string }> {
  const child = fork(new URL("./children/peer.ts", import.meta.url), [seedHex, port], {
    execArgv: ["--conditions=gridmesh-source"],
  });
  const [address] = (await once(child, "message")) as [string];
  return { child, address };
}

test(
  "a killed anchor is missed at once and linked again within ten seconds of its return",
  { timeout: 120_000 },
  async () => {
    const seedHex = randomBytes(32).toString("hex");
    let peer = await startPeer(seedHex, "0");
    const clock = systemClock();
    const transport = await startTransport(libp2p());
    const supervisor = createSupervisor({
      transport,
      clock,
      random: systemRandom(),
      log: silentLog(),
      bootstrap: [peer.address],
      knownPeers: knownPeers({ store: memoryPeerStore(), clock }),
    });
    try {
      await supervisor.start();
      await until(() => transport.links().length === 1, "linked");
      const exited = once(peer.child, "exit");
      peer.child.kill("SIGKILL");
      await until(() => transport.links().length === 0, "missed", 1_000);
      await exited;
      const port = /\/tcp\/(\d+)/u.exec(peer.address)?.[1] ?? "";
      const before = peer.address;
      peer = await startPeer(seedHex, port);
      assert.equal(peer.address, before);
      await until(() => transport.links().length === 1, "linked again", 10_000);
    } finally {
      peer.child.kill("SIGKILL");
      await supervisor.stop();
      await transport.stop({ deadlineMs: 1_000 });
    }
  },
);

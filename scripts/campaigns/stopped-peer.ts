/** A peer whose process is stopped by SIGSTOP: when is it suspect, dead, and its link gone? `npm run campaign:stopped-peer -- --runs 3` */

import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { createNode, libp2p } from "@gridmesh/node";

const NETWORK = "campaign";
const DEAD_AFTER_MS = 60_000;
const DEAD_WITHIN_MS = 90_000;

const { values } = parseArgs({
  options: { runs: { type: "string", default: "1" }, child: { type: "boolean" } },
});

async function child(): Promise<void> {
  const node = await createNode({ network: libp2p(), networkName: NETWORK });
  process.send?.({ id: node.id, address: node.addresses[0] });
  process.on("disconnect", () => process.exit());
}

async function startChild(): Promise<{ child: ChildProcess; id: string; address: string }> {
  const started = fork(new URL(import.meta.url), ["--child"], { execArgv: ["--conditions=gridmesh-source"] });
  const [told] = (await once(started, "message")) as [{ id: string; address: string }];
  return { child: started, ...told };
}

async function run(): Promise<Readonly<Record<string, number>>> {
  await using node = await createNode({ network: libp2p(), networkName: NETWORK });
  const peer = await startChild();
  try {
    await node.connect(peer.address);
    const row = () => node.peers().find(({ peerId }) => peerId === peer.id);
    await seen(() => row()?.health === "healthy", 10_000);
    peer.child.kill("SIGSTOP");
    const stoppedMs = performance.now();
    const since = () => Math.round(performance.now() - stoppedMs);
    await seen(() => row()?.health !== "healthy", DEAD_WITHIN_MS);
    const suspectMs = since();
    await seen(() => row()?.health === "dead" || row()?.state !== "connected", 2 * DEAD_WITHIN_MS);
    const deadMs = since();
    peer.child.kill("SIGCONT");
    const againMs = performance.now();
    await seen(() => row()?.health === "healthy", 60_000);
    return { suspectMs, deadMs, healthyAgainMs: Math.round(performance.now() - againMs) };
  } finally {
    peer.child.kill("SIGKILL");
  }
}

async function seen(check: () => boolean, limitMs: number): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!check()) {
    assert.ok(performance.now() < endMs, `not within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

if (values.child === true) {
  await child();
} else {
  for (let round = 1; round <= Number(values.runs); round += 1) {
    const figures = await run();
    console.log(JSON.stringify({ round, ...figures }));
    const { deadMs = 0 } = figures;
    assert.ok(deadMs >= DEAD_AFTER_MS && deadMs <= DEAD_WITHIN_MS, `dead after ${deadMs} ms`);
  }
}

/** A provider killed in the middle of its calls, as processes are. */

import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { createNode } from "../src/create-node.ts";
import { libp2p } from "../src/network/index.ts";
import { eventually } from "./node-fixture.ts";

const NETWORK = "killed";
const WORD = "work.do";

/** A provider in its own process; `begun` counts the calls its agent began. */
async function startProvider(name: string, bootstrap: string) {
  const args = [NETWORK, WORD, bootstrap, name];
  const child: ChildProcess = fork(new URL("./children/provider.ts", import.meta.url), args, {
    execArgv: ["--conditions=gridmesh-source"],
  });
  const self = { child, name, begun: 0 };
  await once(child, "message");
  child.on("message", (text) => {
    if (text === "begun") self.begun += 1;
  });
  return self;
}

test("calls by capability outlive a provider that is killed", { timeout: 120_000 }, async (context) => {
  await using caller = await createNode({ network: libp2p({ profile: "testnet" }), networkName: NETWORK });
  const [bootstrap = ""] = caller.addresses;
  const providers = await Promise.all(["one", "two"].map((name) => startProvider(name, bootstrap)));
  try {
    await eventually("both are known", () => caller.registry.known().length === 2, 30_000);
    const [victim] = providers;
    assert.ok(victim !== undefined);
    const answered: string[] = [];
    let slowestMs = 0;
    const callOne = async (method: string) => {
      const startMs = performance.now();
      const answer = (await caller.call(`cap:${WORD}/${method}`, {}, { timeoutMs: 20_000 })) as {
        name: string;
      };
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
      answered.push(answer.name);
    };
    const worker = async (count: number) => {
      for (let at = 0; at < count; at += 1) {
        if (answered.length >= 30 && !victim.child.killed) victim.child.kill("SIGKILL");
        await callOne("x/list");
      }
    };
    // Every one of them is answered: a failed one would reject here.
    await Promise.all([worker(30), worker(30), worker(30), worker(30)]);
    assert.equal(answered.length, 120);
    assert.ok(answered.slice(0, 30).includes("one") && answered.slice(0, 30).includes("two"));
    assert.deepEqual(new Set(answered.slice(-40)), new Set(["two"]), "the other one does it all");
    context.diagnostic(`slowest of 120 calls over the kill: ${slowestMs.toFixed(0)} ms`);

    const before = providers[1]?.begun ?? 0;
    const deeds = Array.from({ length: 10 }, () => callOne("deed"));
    await Promise.all(deeds);
    await eventually("all deeds are counted", () => (providers[1]?.begun ?? 0) >= before + 10);
    assert.equal(providers[1]?.begun, before + 10, "each deed once");
  } finally {
    for (const { child } of providers) child.kill("SIGKILL");
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock, systemRandom } from "../src/clock.ts";
import { createNode } from "../src/create-node.ts";
import { createFindings, type FindingChange } from "../src/findings.ts";
import { silentLog } from "../src/log.ts";
import { createSupervisor, knownPeers, memory, memoryHub, memoryPeerStore } from "../src/network/index.ts";
import { createObserver } from "../src/observe.ts";
import { startTransport } from "./transport-fixture.ts";

test("KEY_SUCCESSION is critical while a key's succession is disputed, and is told once per episode", async () => {
  const clock = systemClock();
  const hub = memoryHub({ seed: 3 });
  await using node = await createNode({ network: memory({ hub }), networkName: "keys" });
  const transport = await startTransport(memory({ hub }), "keys");
  const supervisor = createSupervisor({
    transport,
    clock,
    random: systemRandom(),
    log: silentLog(),
    bootstrap: [],
    knownPeers: knownPeers({ store: memoryPeerStore(), clock }),
  });
  const broken = new Map<string, string>();
  using observer = createObserver({
    clock,
    market: node.market,
    startedMs: clock.monotonicMs(),
    profile: "memory",
    transport,
    supervisor,
    agents: () => [],
    desk: node.desk,
    clockOffsetMs: () => undefined,
    strangers: () => new Map(),
    brokenSuccessions: () => broken,
    diskError: () => undefined,
    around: () => [{ code: "DISK_LOW", text: "0.10 GiB are free", severity: "critical" }],
  });
  const changes: FindingChange[] = [];
  const findings = createFindings({
    clock,
    observe: () => observer.look(),
    onChange: (one) => changes.push(one),
  });
  const codes = () => findings.list().map(({ code, severity }) => `${code} ${severity}`);

  assert.deepEqual(codes(), ["DISK_LOW critical"]);
  broken.set("ed25519:abc", "two successors, 4 and 5, were signed");
  assert.deepEqual(codes(), ["KEY_SUCCESSION critical", "DISK_LOW critical"]);
  const [finding] = findings.list();
  assert.equal(finding?.text, "ed25519:abc: two successors, 4 and 5, were signed");
  assert.match(finding.fix, /neither is followed/);
  broken.clear();
  assert.deepEqual(codes(), ["DISK_LOW critical"]);
  const told = changes.map(({ finding: { code }, raised }) => `${code} ${raised ? "raised" : "cleared"}`);
  assert.deepEqual(told, ["DISK_LOW raised", "KEY_SUCCESSION raised", "KEY_SUCCESSION cleared"]);
  await transport.stop({ deadlineMs: 500 });
});

/** Agents that are programs of their own: how they live, die and are left alone. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { isProtocolError } from "@gridmesh/protocol";
import { callTool, isAlive, nodeWithChildren, smallProgram } from "./child-rig.ts";
import { eventually } from "./node-fixture.ts";

const LONG_MS = 20_000;

test("a program is started by the first call, and answers the next from the same process", async () => {
  await using node = await nodeWithChildren({ small: smallProgram() });
  const [first, second] = [await callTool(node, "small/pid"), await callTool(node, "small/pid")];
  assert.equal(first, second);
  assert.equal(node.agents.list()[0]?.kind, "stdio");
  assert.ok(isAlive(Number(first)));
  await node.agents.unregister("small");
  assert.ok(!isAlive(Number(first)));
});

test("a call whose process is killed fails at once with AGENT_CRASHED, and the next one starts anew", async () => {
  await using node = await nodeWithChildren({ small: smallProgram() });
  const pid = Number(await callTool(node, "small/pid"));
  const hanging = callTool(node, "small/hang");
  const crashed = assert.rejects(
    hanging,
    (error) => isProtocolError(error) && error.code === "AGENT_CRASHED",
  );
  const beganMs = performance.now();
  process.kill(pid, "SIGKILL");
  await crashed;
  const tookMs = performance.now() - beganMs;
  assert.ok(tookMs < LONG_MS, `${tookMs} ms`);
  assert.notEqual(Number(await callTool(node, "small/pid")), pid);
});

test("what a program prints that is no JSON-RPC is dropped, and answers to others are not its to give", async () => {
  await using node = await nodeWithChildren({ small: smallProgram() });
  assert.equal(await callTool(node, "small/junk"), "ok");
  const [forged, hung] = [callTool(node, "small/forge"), callTool(node, "small/echo", { text: "mine" })];
  assert.equal(await forged, "ok");
  assert.match(await hung, /mine|forged/);
  assert.equal(await callTool(node, "small/echo", { text: "still here" }), "still here");
});

test("a line over the limit ends the program, not the node", async () => {
  await using node = await nodeWithChildren({ small: smallProgram() });
  await assert.rejects(callTool(node, "small/huge"), { code: "AGENT_CRASHED" });
  assert.equal(await callTool(node, "small/echo", { text: "again" }), "again");
});

test("a program sees PATH, HOME, LANG and what its definition lists, and nothing of the node's", async () => {
  const env = { ...process.env, GRIDMESH_HOME: "/secret", AWS_SECRET: "x", LANG: "C" };
  const agents = { small: { ...smallProgram(), env: { TOKEN: "its own" } } };
  const { systemProcesses } = await import("../src/index.ts");
  await using node = await nodeWithChildren(agents, { children: { processes: systemProcesses(), env } });
  const seen = JSON.parse(await callTool(node, "small/env")) as Record<string, string>;
  assert.deepEqual(Object.keys(seen).sort(), ["HOME", "LANG", "PATH", "TOKEN"]);
  assert.throws(() => node.agents.register("other", { ...smallProgram(), env: { GRIDMESH_HOME: "/x" } }), {
    code: "INVALID_PARAMS",
  });
});

test("a program that ignores SIGTERM and the processes it started end with the node", async () => {
  const node = await nodeWithChildren({ small: smallProgram("--stubborn") });
  const pid = Number(await callTool(node, "small/pid"));
  const grandchild = Number(await callTool(node, "small/grandchild"));
  assert.ok(isAlive(pid) && isAlive(grandchild));
  await node.stop();
  await eventually("both have ended", () => !isAlive(pid) && !isAlive(grandchild), LONG_MS);
});

test("a program that dies of being asked what it speaks is taken for an older one", async () => {
  await using node = await nodeWithChildren({ small: smallProgram("--dies-of-a-probe") });
  await assert.rejects(callTool(node, "small/pid"), { code: "AGENT_START_FAILED" });
  assert.equal(await callTool(node, "small/echo", { text: "hello" }), "hello");
});

test("a program that cannot start tells its operator why", async () => {
  await using node = await nodeWithChildren({ small: smallProgram("--stillborn") });
  await assert.rejects(callTool(node, "small/pid"), (error) => {
    assert.ok(isProtocolError(error));
    assert.equal(error.code, "AGENT_START_FAILED");
    assert.match(JSON.stringify(error.data), /the database is not there/);
    return true;
  });
});

test("after five crashes within a minute a program stays down, which is a finding, until it is added again", async () => {
  await using node = await nodeWithChildren({ small: smallProgram("--stillborn") });
  for (let time = 0; time < 5; time += 1) {
    await assert.rejects(callTool(node, "small/pid"), { code: "AGENT_START_FAILED" });
  }
  assert.equal(node.agents.list()[0]?.state, "failed");
  const failed = node.findings().find(({ code }) => code === "AGENT_FAILED");
  assert.match(failed?.text ?? "", /^small: 5 crashes within a minute$/);
  await assert.rejects(callTool(node, "small/pid"), { code: "AGENT_START_FAILED" });
  await node.agents.unregister("small");
  await node.agents.register("small", smallProgram()).ready;
  assert.equal(await callTool(node, "small/echo", { text: "back" }), "back");
  assert.ok(!node.findings().some(({ code }) => code === "AGENT_FAILED"));
});

test("what a program asks its caller through the shared process is answered with no more than a ping", async () => {
  await using node = await nodeWithChildren({ small: smallProgram() });
  const methods = [
    "ping",
    "sampling/createMessage",
    "elicitation/create",
    "roots/list",
    "node/get_info",
    "tools/call",
  ];
  await callTool(node, "small/ask", { methods });
  const answers = JSON.parse(await callTool(node, "small/answers")) as { id: string; error?: unknown }[];
  assert.deepEqual(
    answers.map(({ id, error }) => [id.slice("ask ".length), error === undefined]),
    methods.map((method) => [method, method === "ping"]),
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { examined, type Hosting, mcpDaemon, type Revision, shown, type Verdict } from "./mcp-kit.ts";

interface Setup {
  readonly hosting: Hosting;
  /** With three, the gateway's node is joined to a third alone, and finds the agent's by it. */
  readonly nodes: 2 | 3;
}

/** A daemon that calls and one with the agent, once the first one's catalog has it. */
async function daemons(undo: AsyncDisposableStack, { hosting, nodes }: Setup) {
  const third = nodes === 3 ? undo.use(await mcpDaemon()) : undefined;
  const callee = undo.use(await mcpDaemon({ hosting, bootstrap: third?.addresses ?? [] }));
  const caller = undo.use(await mcpDaemon({ bootstrap: (third ?? callee).addresses }));
  await shown(caller, callee);
  return (revision: Revision) => examined(caller, callee, revision);
}

/** Every scenario that counts ran, none of its checks failed, and the suite says so itself. */
function assertConforms({ exitCode, scored, failed, held, text }: Verdict, counts: number): void {
  assert.equal(scored.length, counts);
  assert.deepEqual(
    scored.filter((name) => !failed.has(name)),
    [],
    "every scenario ran",
  );
  assert.deepEqual(
    scored.flatMap((name) =>
      (failed.get(name) ?? []).map(({ id, errorMessage }) => `${name} ${id}: ${errorMessage}`),
    ),
    [],
  );
  assert.equal(exitCode, 0, text.slice(-2_000));
  assert.ok(held >= counts);
}

// Each pair of hosting and distance, with both revisions: npm run campaign:conformance.
await test("an agent in another node's process passes MCP's conformance suite", async (t) => {
  await using undo = new AsyncDisposableStack();
  const examine = await daemons(undo, { hosting: "in-process", nodes: 2 });
  await t.test("every scenario of 2025-11-25", async () => {
    assertConforms(await examine("2025-11-25"), 30);
  });
  await t.test("every scenario of 2026-07-28, and those of headers that do not count", async () => {
    const verdict = await examine("2026-07-28");
    assertConforms(verdict, 37);
    for (const name of [
      "http-header-validation",
      "http-custom-header-server-validation",
      "json-schema-2020-12",
    ]) {
      assert.deepEqual(verdict.failed.get(name), [], name);
    }
  });
});

await test("a program at a node two hops away passes every scenario of 2026-07-28", async () => {
  await using undo = new AsyncDisposableStack();
  const examine = await daemons(undo, { hosting: "child", nodes: 3 });
  assertConforms(await examine("2026-07-28"), 37);
});

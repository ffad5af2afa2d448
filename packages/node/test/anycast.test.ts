/** Calls by capability: balance, failover, and what is never repeated. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { AgentDefinition } from "../src/agent.ts";
import { nodeLimits } from "../src/limits.ts";
import type { AgentNode } from "../src/node.ts";
import { createAnycast } from "../src/registry/anycast.ts";
import { createStandings } from "../src/registry/standings.ts";
import type { AgentRow } from "../src/registry/types.ts";
import { manualClock, seededRandom, testNetwork } from "../src/testing/index.ts";
import { eventually } from "./node-fixture.ts";
import { keyOf } from "./registry-rig.ts";

const WORK = "x/list";
const DEED = "deed";
const WORD = "work.do";

interface Provider {
  readonly definition: AgentDefinition;
  /** Calls begun. */
  begun: number;
}

function provider(delayMs: number): Provider {
  const counted = { begun: 0 };
  const work = async (): Promise<JsonValue> => {
    counted.begun += 1;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    return {};
  };
  return Object.assign(counted, {
    definition: { capabilities: [WORD], methods: { [WORK]: work, [DEED]: work } },
  });
}

/** A caller and five providers that it knows. */
async function five(delayMs: (index: number) => number) {
  const providers = [0, 1, 2, 3, 4].map((index) => provider(delayMs(index)));
  const net = await testNetwork(6, {
    agents: (index) => {
      const one = providers[index - 1];
      return one === undefined ? [] : [{ name: `p${index}`, definition: one.definition }];
    },
  });
  const [caller, ...hosts] = net.nodes as [AgentNode, ...AgentNode[]];
  await eventually("five providers", () => caller.registry.known().length === 5, 10_000);
  return { net, caller, hosts, providers, [Symbol.asyncDispose]: () => net[Symbol.asyncDispose]() };
}

/** So many calls, a few at a time; the codes of those that failed. */
async function callMany(
  caller: AgentNode,
  count: number,
  options: { method?: string; atOnce?: number; each?: (done: number) => void } = {},
): Promise<readonly ErrorCode[]> {
  const { method = WORK, atOnce = 6, each } = options;
  const failed: ErrorCode[] = [];
  let begun = 0;
  const worker = async () => {
    while (begun < count) {
      begun += 1;
      each?.(begun);
      try {
        await caller.call(`cap:${WORD}/${method}`, {}, { timeoutMs: 10_000 });
      } catch (error) {
        failed.push((error as ProtocolError).code);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return failed;
}

test("of five providers one ten times slower gets less than a tenth of the calls", async (context) => {
  await using net = await five((index) => (index === 2 ? 40 : 4));
  const { providers, caller } = net;
  assert.deepEqual(await callMany(caller, 400), []);
  const shares = providers.map(({ begun }) => begun / 400);
  context.diagnostic(`shares ${shares.map((share) => share.toFixed(3)).join(" ")}`);
  assert.ok((shares[2] ?? 1) < 0.1, `the slow one got ${shares[2]}`);
  for (const share of shares.filter((_share, at) => at !== 2))
    assert.ok(share > 0.1, "the others share the rest");
  const total = providers.reduce((sum, { begun }) => sum + begun, 0);
  assert.equal(total, 400, "no call was made twice");
});

test("while providers die no idempotent call fails, and no deed is done twice", async () => {
  await using net = await five(() => 5);
  const { caller, hosts, providers, net: network } = net;
  const cut = (dead: readonly string[]) =>
    network.hub.partition([
      [caller.id, ...hosts.map((host) => host.id).filter((id) => !dead.includes(id))],
      ...dead.map((id) => [id]),
    ]);
  const dead: string[] = [];
  const die = (done: number) => {
    if (done !== 60 && done !== 140) return;
    dead.push(hosts[dead.length]?.id ?? "");
    cut(dead);
  };
  assert.deepEqual(await callMany(caller, 250, { each: die }), []);
  assert.equal(dead.length, 2);

  for (const one of providers) one.begun = 0;
  const third = hosts[2]?.id ?? "";
  const failed = await callMany(caller, 150, {
    method: DEED,
    each(done) {
      if (done === 40) cut([...dead, third]);
    },
  });
  // Nobody knows whether a deed on a broken stream happened: the caller is told, and nothing repeats it.
  assert.ok(
    failed.every((code) => code === "STREAM_RESET" || code === "CALL_TIMEOUT"),
    failed.join(" "),
  );
  assert.ok(failed.length <= 6, `${failed.length} deeds in doubt`);
  const begun = providers.reduce((sum, one) => sum + one.begun, 0);
  assert.ok(begun <= 150 && begun >= 150 - failed.length, `${begun} deeds of 150`);
});

test("whoever resolves a capability stays with one agent, by its address", async () => {
  await using net = await five(() => 0);
  const { caller } = net;
  const reference = await caller.resolve(`cap:${WORD}`);
  const row = caller.registry.known().find(({ address }) => address === reference);
  assert.equal(row?.presence, "live");
  await assert.rejects(caller.resolve("cap:nobody", { timeoutMs: 200 }), { code: "NO_PROVIDER" });
  for (const text of ["work.do", "cap:No", "local:a", ""]) {
    await assert.rejects(caller.resolve(text), { code: "ADDRESS_INVALID" });
  }
});

/** A call by capability with providers that answer as told. */
function rig(
  count: number,
  answer: (row: AgentRow, method: string, nth: number) => JsonValue | ProtocolError,
) {
  const clock = manualClock();
  const rows = Array.from({ length: count }, (_, at): AgentRow => ({
    name: `a${at}`,
    agentId: `id${at}`,
    nodeId: `node${at}`,
    address: `node${at}:a${at}`,
    capabilities: [WORD],
    presence: "live",
    local: false,
    confirmed: true,
    validUntil: 2 ** 32,
    protocols: [],
    eras: [],
  }));
  const tries: string[] = [];
  const waits: number[] = [];
  const reached: string[] = [];
  const absent: string[] = [];
  const results: string[] = [];
  /** Those found by the word; all when empty. */
  const offered: string[] = [];
  const anycast = createAnycast({
    registry: {
      async *find() {},
      answering: () => (offered.length === 0 ? rows : rows.filter((row) => offered.includes(row.agentId))),
      byId: (agentId) => rows.find((row) => row.agentId === agentId),
      fetch: () => Promise.resolve(),
      absent: (agentId) => void absent.push(agentId),
    },
    clock,
    random: seededRandom(4),
    standings: createStandings({ clock, free: () => 1 }),
    idempotentTools: new Set(["read"]),
    reach(nodeId) {
      reached.push(nodeId);
      return Promise.resolve();
    },
    onTry: (result) => void results.push(result),
    async call(address, _params, wait) {
      const row = rows.find((one) => address.startsWith(`${one.address}/`));
      assert.ok(row !== undefined);
      tries.push(row.agentId);
      waits.push(wait.timeoutMs ?? -1);
      const given = answer(row, address.slice(row.address.length + 1), tries.length);
      if (given instanceof ProtocolError) throw given;
      return given;
    },
  });
  const call = (method: string, params: JsonValue = {}, timeoutMs = 30_000) =>
    anycast.call(WORD, { method, params }, { timeoutMs });
  return { call, tries, waits, reached, absent, results, offered, clock };
}

const errorOf = async (promise: Promise<unknown>): Promise<ProtocolError> => {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ProtocolError);
    return error;
  }
  return assert.fail("it did not fail");
};

test("after an error that proves nothing happened the next is tried, five at most", async () => {
  const { call, tries, results } = rig(9, () => new ProtocolError("OVERLOADED", "busy"));
  // The first calls have three second tries to spare and a fifth of one each.
  const error = await errorOf(call(DEED));
  assert.equal(error.code, "NO_PROVIDER");
  assert.equal(tries.length, 1 + nodeLimits.failoverSpare);
  assert.equal(new Set(tries).size, tries.length, "each once");
  assert.deepEqual(
    error.data?.["tried"],
    tries.map((id) => ({ address: `node${id.slice(2)}:a${id.slice(2)}`, code: "OVERLOADED" })),
  );
  assert.deepEqual(results, ["failed-over", "failed-over", "failed-over", "failed"]);
});

test("what may have happened is repeated only if it changes nothing", async () => {
  const doubtful: readonly ErrorCode[] = ["STREAM_RESET", "CALL_TIMEOUT", "AGENT_CRASHED", "INTERNAL_ERROR"];
  for (const code of doubtful) {
    const failing = rig(5, (_row, _method, nth) => (nth === 1 ? new ProtocolError(code, "?") : "done"));
    assert.equal((await errorOf(failing.call(DEED))).code, code);
    assert.equal(failing.tries.length, 1, code);
    for (const method of ["tools/list", "resources/read", "prompts/get", "server/discover", "GetTask"]) {
      const list = rig(5, (_row, _method, nth) => (nth === 1 ? new ProtocolError(code, "?") : "done"));
      assert.equal(await list.call(method), "done");
      assert.equal(list.tries.length, 2);
    }
    const tool = rig(5, (_row, _method, nth) => (nth === 1 ? new ProtocolError(code, "?") : "done"));
    assert.equal(await tool.call("tools/call", { name: "read" }), "done");
    const other = rig(5, (_row, _method, nth) => (nth === 1 ? new ProtocolError(code, "?") : "done"));
    assert.equal((await errorOf(other.call("tools/call", { name: "write" }))).code, code);
  }
  const cancelled = rig(5, () => new ProtocolError("CALL_CANCELLED", "enough"));
  assert.equal((await errorOf(cancelled.call("tools/list"))).code, "CALL_CANCELLED");
});

test("an agent's own error is not shopped around; when all say the same of the call, that is the answer", async () => {
  const foreign = rig(
    5,
    () => new ProtocolError("HANDLER_FAILED", "", { foreign: { code: -32_050, message: "own" } }),
  );
  assert.equal((await errorOf(foreign.call("tools/list"))).foreign?.code, -32_050);
  assert.equal(foreign.tries.length, 1);
  const params = rig(3, () => new ProtocolError("INVALID_PARAMS", "no such field"));
  assert.equal((await errorOf(params.call(DEED))).code, "INVALID_PARAMS");
  assert.equal(params.tries.length, 3);
});

test("an agent that its node does not know is told to the registry", async () => {
  const { call, tries, absent } = rig(3, (_row, _method, nth) =>
    nth === 1 ? new ProtocolError("AGENT_NOT_FOUND", "gone") : "done",
  );
  assert.equal(await call(DEED), "done");
  assert.deepEqual(absent, [tries[0]]);
});

test("tries share the time that is left; what cannot be repeated has all of it once its node is reached", async () => {
  const read = rig(3, (_row, _method, nth) =>
    nth < 3 ? new ProtocolError("PEER_UNREACHABLE", "?") : "done",
  );
  assert.equal(await read.call("tools/list", {}, 30_000), "done");
  assert.deepEqual(read.waits, [10_000, 15_000, 30_000]);
  assert.deepEqual(read.reached, []);
  const short = rig(5, () => "done");
  await short.call("tools/list", {}, 2_000);
  assert.deepEqual(short.waits, [nodeLimits.anycastTryMs]);
  const deed = rig(3, () => "done");
  await deed.call(DEED, {}, 30_000);
  assert.deepEqual([deed.waits, deed.reached.length], [[30_000], 1]);
});

test("three failures in a row eject a provider, longer each time, and never more than half of all", async () => {
  const bad = new Set(["id0"]);
  const { call, tries, clock } = rig(4, (row) =>
    bad.has(row.agentId) ? new ProtocolError("AGENT_UNAVAILABLE", "down") : "done",
  );
  const callOften = async (count: number) => {
    tries.length = 0;
    for (let at = 0; at < count; at += 1) {
      await call(DEED).catch(() => undefined);
      // Each call leaves a fifth of a second try: time between them leaves room for all.
      await clock.advance(20);
    }
    return tries.filter((id) => id === "id0").length;
  };
  assert.equal(await callOften(60), 3);
  await clock.advance(10_000);
  assert.equal(await callOften(60), 1, "one failure after the rest ejects it again");
  await clock.advance(10_000);
  assert.equal(await callOften(60), 0, "for twice as long");
  await clock.advance(10_000);
  bad.clear();
  assert.ok((await callOften(60)) > 5, "it is back");

  for (const id of ["id0", "id1", "id2", "id3"]) bad.add(id);
  await callOften(200);
  tries.length = 0;
  await errorOf(call(DEED));
  assert.ok(tries.length > 0, "half of them are still tried");
});

test("second tries stay below a fifth of the calls of the last ten seconds, and three", async () => {
  const { call, results, clock } = rig(30, (row) =>
    Number(row.agentId.slice(2)) < 15 ? new ProtocolError("AGENT_UNAVAILABLE", "down") : "done",
  );
  for (let at = 0; at < 200; at += 1) await call(DEED).catch(() => undefined);
  const failovers = results.filter((result) => result === "failed-over").length;
  assert.ok(failovers <= 0.2 * 200 + 3, `${failovers} second tries`);
  await clock.advance(10_000);
  results.length = 0;
  await call(DEED).catch(() => undefined);
  assert.ok(results.length > 0);
});

test("a refusal names others that offer the same, and a call by capability goes there", async () => {
  const busy: AgentDefinition = {
    capabilities: [WORD],
    methods: {
      [DEED]: () => {
        throw new ProtocolError("OVERLOADED", "busy");
      },
      secret: () => {
        throw new ProtocolError("INVALID_PARAMS", "no");
      },
    },
  };
  const idle: AgentDefinition = { capabilities: [WORD, "more"], methods: { [DEED]: () => "second" } };
  await using net = await testNetwork(2, {
    agents: (index) => [{ name: index === 0 ? "busy" : "idle", definition: index === 0 ? busy : idle }],
  });
  const [one, two] = net.nodes as [AgentNode, AgentNode];
  await eventually("they know each other", () => one.registry.known().length === 2);
  const caller = await net.add();
  const named = await errorOf(caller.call(`${one.id}:busy/${DEED}`, {}));
  assert.equal(named.code, "OVERLOADED");
  const idleRow = one.registry.known().find(({ name }) => name === "idle");
  assert.deepEqual(named.data?.["alternative_agents"], [
    { agent_id: idleRow?.agentId, address: `${two.id}:idle` },
  ]);
  assert.equal(await caller.call(`cap:${WORD}/${DEED}`, {}, { timeoutMs: 9_000 }), "second");
  const other = await errorOf(caller.call(`${one.id}:busy/secret`, {}));
  assert.equal(other.data?.["alternative_agents"], undefined, "only what another could do better");
  const backwards = await errorOf(caller.call(`${two.id}:idle/none`, {}));
  assert.equal(backwards.data?.["alternative_agents"], undefined);
});

test("what a refusal names is tried once its record is known, and what that names in turn is not followed", async () => {
  const named = (id: number) => ({ agent_id: `id${id}`, address: `${keyOf(id).peerId}:a${id}` });
  const junk = [
    { agent_id: "unknown", address: `${keyOf(9).peerId}:a9` },
    { agent_id: "x", address: "local:a" },
    "y",
  ];
  const { call, tries, offered } = rig(4, (row) => {
    const next = row.agentId === "id0" ? [named(1), ...junk] : [named(2)];
    return new ProtocolError("OVERLOADED", "", { data: { alternative_agents: next } });
  });
  offered.push("id0");
  assert.equal((await errorOf(call(DEED))).code, "NO_PROVIDER");
  assert.deepEqual(tries, ["id0", "id1"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { isProtocolError } from "@gridmesh/protocol";
import { parse } from "smol-toml";
import { configSchema } from "../src/config/schema.ts";
import { configText } from "../src/testnet/config-text.ts";
import { newFigures } from "../src/testnet/figures.ts";
import { planKills } from "../src/testnet/kills.ts";
import { Counters } from "../src/testnet/observe.ts";
import { createOutput } from "../src/testnet/output.ts";
import { daemonsOf, loadPlan } from "../src/testnet/plan.ts";
import { makeReport, quantiles } from "../src/testnet/report.ts";
import { reportSchema } from "../src/testnet/report-schema.ts";
import { reportLines, verdictLines } from "../src/testnet/report-text.ts";
import { busyShare, ownShare, slowdown } from "../src/testnet/rest.ts";
import { runTestnet } from "../src/testnet/run.ts";
import { judge } from "../src/testnet/settle.ts";

const quiet = { out() {}, err() {}, isTty: false };
const PREFIX = /^\[ *\d+\.\ds\] (plan|start|ready|cycle|drain|collect|audit|stop|report)\b/;

test("a plan is read from the module by name; its 13 configs fit the daemon's schema", async () => {
  const plan = await loadPlan({ io: quiet });
  const daemons = daemonsOf(plan, undefined);
  assert.equal(daemons.length, 13);
  for (const daemon of daemons) {
    const net = { network: "testnet-a1", bootstrap: ["/ip4/127.0.0.1/tcp/4801"], fixedPorts: true };
    const config = configSchema.parse(parse(configText(daemon, plan, net)));
    assert.equal(config.profile, "testnet");
    assert.equal(config.lab.paused, true);
    assert.equal(config.lab.marketStartMs, Date.UTC(2017, 6, 12));
    assert.deepEqual(
      config.agents.map((agent) => agent.module),
      daemon.agents.map(() => "@gridmesh/agents"),
    );
  }
});

test("fewer processes pack the agents, one to one, behind an own bootstrap node", async () => {
  const plan = await loadPlan({ io: quiet });
  const daemons = daemonsOf(plan, 3);
  assert.deepEqual(
    daemons.map((daemon) => daemon.agents.length),
    [0, 6, 6],
  );
  const names = daemons.flatMap((daemon) => daemon.agents.map((agent) => agent.name));
  assert.equal(new Set(names).size, 12);
  assert.throws(() => daemonsOf(plan, 14), /2 … 13/);
});

test("an unknown preset, module, place or number is refused before anything starts", async () => {
  const refusal = async (options: object): Promise<string> => {
    try {
      await runTestnet({ io: quiet, ...options });
      return "not refused";
    } catch (error) {
      return isProtocolError(error) ? `${error.code} ${error.message}` : String(error);
    }
  };
  assert.match(await refusal({ preset: "days" }), /^CONFIG_INVALID.*day, seed000/);
  assert.match(await refusal({ module: "@gridmesh/nothing" }), /^CONFIG_INVALID.*@gridmesh\/nothing/);
  assert.match(await refusal({ on: "memory" }), /^UNSUPPORTED_OPERATION/);
  assert.match(await refusal({ wan: true }), /^UNSUPPORTED_OPERATION/);
  assert.match(await refusal({ kill: -1 }), /^CONFIG_INVALID.*kill/);
  assert.match(await refusal({ ports: "fixed" }), /^CONFIG_INVALID.*auto or seed/);
});

test("kills are seeded, hit different nodes in the middle of cycles, and leave first and last alone", () => {
  const nodes = ["a", "b", "c", "d"];
  const run = { count: 3, cycles: 24, seed: 5 };
  const kills = planKills(nodes, run);
  assert.deepEqual(planKills(nodes, run), kills);
  assert.notDeepEqual(planKills(nodes, { ...run, seed: 6 }), kills);
  assert.equal(new Set(kills.map((kill) => kill.node)).size, 3);
  for (const kill of kills) {
    assert.ok(kill.cycle >= 2 && kill.cycle < 22);
    assert.ok(kill.atPermille >= 150 && kill.atPermille < 700);
  }
});

test("counters go on over the restart of a child", () => {
  const counters = new Counters();
  counters.take("a", { searches: 3 });
  counters.take("b", { searches: 1 });
  counters.take("a", { searches: 5 });
  counters.take("a", { searches: 2 });
  assert.equal(counters.total("searches"), 8);
});

test("quantiles are by nearest rank and null of nothing", () => {
  assert.deepEqual(quantiles([]), { p50: null, p99: null });
  assert.deepEqual(quantiles([4, 1, 3, 2]), { p50: 2, p99: 4 });
});

test("every step off a terminal is one line with the fixed prefix", () => {
  let text = "";
  const output = createOutput("text", Date.now(), { ...quiet, out: (more) => (text += more) });
  for (const phase of [
    "plan",
    "start",
    "ready",
    "cycle",
    "drain",
    "collect",
    "audit",
    "stop",
    "report",
  ] as const) {
    output.step(phase, "words");
  }
  const lines = text.trimEnd().split("\n");
  assert.equal(lines.length, 9);
  for (const line of lines) assert.match(line, PREFIX);
});

test("a terminal redraws the cycle line; programs get one object, or one per step", () => {
  let text = "";
  const io = { ...quiet, out: (more: string) => void (text += more) };
  const terminal = createOutput("text", Date.now(), { ...io, isTty: true });
  terminal.step("cycle", "1");
  terminal.step("cycle", "2");
  terminal.step("drain", "0 open trades");
  assert.equal(text.split("\n").length, 3);
  text = "";
  createOutput("json", Date.now(), io).step("cycle", "1");
  assert.equal(text, "");
  createOutput("ndjson", Date.now(), io).step("cycle", "1", { cycle: 1 });
  assert.equal((JSON.parse(text) as { type: string }).type, "cycle");
});

test("the report of a run that never got ready fits the schema and names the problem", async () => {
  const plan = await loadPlan({ io: quiet });
  const run = { startedAtMs: Date.now(), plan, daemons: daemonsOf(plan, 3), seed: 1, plannedCycles: 24 };
  const figures = newFigures(run);
  figures.failures.push({ code: "NOT_READY", text: "node-02 has no peer", node: "node-02" });
  const report = reportSchema.parse(makeReport(figures, { report: "reports/x.json", run: "/tmp/x" }));
  assert.equal(report.ok, false);
  assert.equal(report.ledgers.agree, false);
  assert.match(reportLines(report)[0] ?? "", /^0 trades, 0\.000 kWh/);
  assert.match(verdictLines(report).at(-1) ?? "", /^FAIL 1 problems: NOT_READY$/);
});

test("daemons rest when their loops do, and get longer hours where others have the processor", () => {
  const loop = (activeMs: number, idleMs: number, processorMs: number) => ({ activeMs, idleMs, processorMs });
  const before = new Map([
    ["a", loop(1_000, 500, 900)],
    ["b", loop(2_000, 500, 900)],
  ]);
  const resting = new Map([
    ["a", loop(1_020, 1_480, 918)],
    ["b", loop(2_060, 1_440, 946)],
  ]);
  assert.equal(busyShare(before, resting), 0.04);
  assert.equal(ownShare(before, resting), 0.8);
  assert.equal(slowdown(0.8), 1);
  // One that does not answer is busy.
  assert.equal(busyShare(before, new Map([["a", loop(1_000, 1_500, 900)]])), 0.5);
  const crowded = new Map([
    ["a", loop(1_500, 1_000, 1_000)],
    ["b", loop(2_500, 1_000, 1_000)],
  ]);
  assert.equal(busyShare(before, crowded), 0.5);
  assert.equal(ownShare(before, crowded), 0.2);
  assert.deepEqual([slowdown(0.5), slowdown(0.2), slowdown(0)], [1, 3, 4]);
});

test("a run without a trade says what its offers took, and what to do", async () => {
  const plan = await loadPlan({ io: quiet });
  const run = { startedAtMs: Date.now(), plan, daemons: daemonsOf(plan, 3), seed: 1, plannedCycles: 1 };
  const figures = { ...newFigures(run), firstOfferMs: [900, 1_100] };
  judge(figures, [], new Set());
  assert.deepEqual(
    figures.failures.map(({ code, text }) => `${code}: ${text}`),
    [
      "NO_TRADES: no trade was confirmed: first offers took 1100 ms of a cycle's 2000 ms. If this machine is busy, run with --speed 600",
    ],
  );
});

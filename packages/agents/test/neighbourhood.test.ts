import assert from "node:assert/strict";
import { test } from "node:test";
import { type AgentNode, type Log, marketClock } from "@gridmesh/node";
import { manualClock, testNetwork } from "@gridmesh/node/testing";
import { auditBooks, ledgerTotals, storedMilliWh } from "@gridmesh/energy";
import type { BookSnapshot, JsonValue } from "@gridmesh/protocol";
import { household, presets, reporter, type TestnetPlan, utility } from "../src/index.ts";

const factories = { household, utility, reporter };
/** Wall ms per step: every message gets its turns. */
const STEP_MS = 5;

type Clock = ReturnType<typeof manualClock>;

/** Moves time on until the promise settles. */
async function driven<T>(clock: Clock, promise: Promise<T>): Promise<T> {
  let done = false;
  const settled = promise.finally(() => {
    done = true;
  });
  settled.catch(() => undefined);
  for (let i = 0; i < 20_000 && !done; i++) await clock.advance(STEP_MS);
  assert.ok(done, "nothing more happened");
  return settled;
}

async function forward(clock: Clock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += STEP_MS) await clock.advance(STEP_MS);
}

interface Neighbourhood extends AsyncDisposable {
  readonly clock: Clock;
  readonly lines: readonly { readonly event: string; readonly message: string; readonly subsystem: string }[];
  books(): readonly BookSnapshot[];
  call(agent: string, method: string, params?: JsonValue): Promise<JsonValue>;
  /** Lives this many cycles and lets everything open end. */
  live(cycles: number): Promise<void>;
}

/** The nodes of a preset in one process, all but some households left out, with market time standing still. */
async function neighbourhood(plan: TestnetPlan, homes: number): Promise<Neighbourhood> {
  const clock = manualClock();
  const lines: { event: string; message: string; subsystem: string }[] = [];
  const logOf = (subsystem: string): Log => {
    const keep = (event: string, message: string) => void lines.push({ event, message, subsystem });
    return { error: keep, warn: keep, info: keep, debug() {}, child: logOf };
  };
  const nodes = plan.nodes.filter(
    (node) => node.role !== "household" || Number(node.name.slice(-2)) <= homes,
  );
  const network = await driven(
    clock,
    testNetwork(nodes.length, {
      clock,
      log: logOf("node"),
      agents: (index) =>
        (nodes[index]?.agents ?? []).map((agent) => ({
          name: agent.name,
          definition: factories[agent.factory as keyof typeof factories](agent.options),
        })),
      options: () => ({
        market: marketClock(clock, { marketMs: plan.marketStartMs, speed: plan.speed, paused: true }),
      }),
    }),
  );
  const nodeOf = (agent: string): AgentNode =>
    network.nodes[nodes.findIndex((node) => node.name === agent)] ?? assert.fail(agent);
  const knowAll = () => network.nodes.every((node) => node.registry.known().length >= nodes.length - 1);
  for (let i = 0; i < 400 && !knowAll(); i++) await forward(clock, 100);
  assert.ok(knowAll(), "the agents found each other");
  const call = (agent: string, method: string, params: JsonValue = {}) =>
    driven(clock, nodeOf(agent).callAgent(agent, method, params));
  return {
    clock,
    lines,
    books: () =>
      network.nodes.flatMap((node) => node.desk.books()).sort((a, b) => (a.name < b.name ? -1 : 1)),
    call,
    async live(cycles) {
      const untilMs = plan.marketStartMs + cycles * plan.cycleMs;
      for (const agent of nodes.flatMap((node) => node.agents)) {
        await call(agent.name, "lab/until", { untilMs });
      }
      const begin = {
        marketMs: plan.marketStartMs,
        atWallMs: clock.nowMs(),
        speed: plan.speed,
        paused: false,
      };
      for (const node of network.nodes) node.market.set(begin);
      await forward(clock, (cycles * plan.cycleMs) / plan.speed);
      const open = () =>
        network.nodes.reduce(
          (sum, node) => sum + node.desk.pending().orders + node.desk.pending().imbalances,
          0,
        );
      for (let i = 0; i < 200 && (i < 5 || open() > 0); i++) await forward(clock, 50);
      assert.equal(open(), 0, "nothing is open");
    },
    [Symbol.asyncDispose]: () => driven(clock, Promise.resolve(network[Symbol.asyncDispose]())),
  };
}

function planOf(name: string): TestnetPlan {
  return presets[name]?.({ seed: 1 }) ?? assert.fail();
}

test("three night hours of four homes: everything is bought over Beckn, and all ledgers agree", async () => {
  const plan = planOf("day");
  await using street = await neighbourhood(plan, 4);
  await street.live(3);
  const books = street.books();
  assert.deepEqual(auditBooks(books).differences, []);
  const utilityId = books.find((book) => book.name === "utility-agent")?.agentId ?? assert.fail();
  const totals = ledgerTotals(books, { operators: new Set([utilityId]), tariff: plan.tariff });
  assert.equal(totals.confirmed, 12);
  assert.equal(totals.drawnMilliWh, 0);
  assert.equal(totals.fromUtilityMilliWh, totals.loadMilliWh);
  assert.equal(totals.saving.savedMicro, 0);
  const report = (await street.call("reporter", "report/run")) as { report: { totals: unknown } };
  assert.deepEqual(report.report.totals, JSON.parse(JSON.stringify(totals)));
  const collection = (await street.call("utility-agent", "collection/run")) as Record<string, unknown>;
  assert.equal(collection["runs"], 2);
  assert.equal(collection["answered"], 8);
});

test("two sunny hours: neighbours sell what they have left over, the cheapest first, and the saving is theirs", async () => {
  const noon = Date.UTC(2017, 6, 12, 12);
  const plan = { ...planOf("day"), marketStartMs: noon - 12 * 3_600_000 };
  await using street = await neighbourhood(plan, 4);
  await street.live(14);
  const books = street.books();
  assert.deepEqual(auditBooks(books).differences, []);
  const utilityId = books.find((book) => book.name === "utility-agent")?.agentId ?? assert.fail();
  const totals = ledgerTotals(books, { operators: new Set([utilityId]), tariff: plan.tariff });
  assert.ok(totals.fromHouseholdsMilliWh > 0, "neighbours traded");
  assert.ok(totals.saving.savedMicro > 0);
  // 0.20 per kWh between neighbours, whatever the asks; each order may round by one.
  assert.ok(Math.abs(totals.saving.savedMicro - totals.fromHouseholdsMilliWh / 5) <= totals.confirmed);
  for (const book of books) {
    assert.ok(storedMilliWh(book) <= book.capacityMilliWh, `${book.name} holds more than its battery does`);
  }
});

test("seed000's first cycle: five trades of 10 kWh at 0.15, and the Guide's words in their order", async () => {
  const plan = planOf("seed000");
  await using street = await neighbourhood(plan, 10);
  await street.live(1);
  const books = street.books();
  assert.deepEqual(auditBooks(books).differences, []);
  const utilityId = books.find((book) => book.name === "utility-agent")?.agentId ?? assert.fail();
  const totals = ledgerTotals(books, { operators: new Set([utilityId]), tariff: plan.tariff });
  assert.equal(totals.confirmed, 5);
  assert.equal(totals.fromHouseholdsMilliWh, 50_000_000);
  assert.equal(totals.volumeMicro, 7_500_000);
  const charged = (level: number) =>
    books.filter((book) => book.name.startsWith("household") && storedMilliWh(book) === level).length;
  assert.deepEqual([charged(12_250_000), charged(4_250_000)], [5, 5]);
  const said = street.lines.map((line) => line.message);
  const golden = [
    /^--- SUPERVISOR: Energy low \(2\.25 kWh\), starting BAP flow ---$/,
    /^--- DISPATCHING search to gridmesh\/testnet\/search\/energy ---$/,
    /^--- BPP \(household-agent-\d\d\): FORMULATE OFFER ---$/,
    /^Best offer selected: \$0\.15\/kWh from household-agent-\d\d$/,
    /^✅ Contract confirmed! Energy purchased\. New battery level: 12\.25 kWh$/,
  ].map((words) => said.findIndex((message) => words.test(message)));
  assert.ok(!golden.includes(-1), `missing: ${golden.join(" ")}`);
  assert.deepEqual(
    golden.toSorted((a, b) => a - b),
    golden,
  );
  assert.equal(said.filter((message) => message.startsWith("✅")).length, 5);
});

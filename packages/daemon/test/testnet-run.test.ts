import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { BookSnapshot, OrderSummary } from "@gridmesh/protocol";
import { newFigures } from "../src/testnet/figures.ts";
import { daemonsOf, loadPlan } from "../src/testnet/plan.ts";
import { reportSchema } from "../src/testnet/report-schema.ts";
import { runTestnet } from "../src/testnet/run.ts";
import { judge } from "../src/testnet/settle.ts";

const quiet = { out() {}, err() {}, isTty: false };

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("three real daemons live the beginning of seed000: five trades, ledgers agree, nothing is left behind", async () => {
  const reportsIn = mkdtempSync(join(tmpdir(), "gridmesh-test-"));
  try {
    let text = "";
    const io = { ...quiet, out: (more: string) => void (text += more) };
    const exit = await runTestnet({
      preset: "seed000",
      processes: 3,
      cycles: 5,
      seed: 1,
      output: "json",
      reportsIn,
      io,
    });
    const report = reportSchema.parse(JSON.parse(text));
    assert.deepEqual(report.failures, []);
    assert.equal(exit, 0);
    assert.equal(report.trades.confirmed, 5);
    assert.equal(report.energy.fromHouseholdsMilliWh, 50_000_000);
    assert.equal(report.collections.answered, report.collections.asked);
    assert.equal(report.ledgers.audited, 11);
    assert.deepEqual(
      report.nodes.filter((node) => node.pid === null || isAlive(node.pid)),
      [],
    );
    const kept = JSON.parse(readFileSync(join(process.cwd(), report.files.report), "utf8")) as unknown;
    assert.deepEqual(reportSchema.parse(kept).trades, report.trades);
  } finally {
    rmSync(reportsIn, { recursive: true, force: true });
  }
});

const TRANSACTION = "01a1f843-8bb1-7729-ae05-75effff3b5e9";

function book(name: string, fields: Partial<BookSnapshot>): BookSnapshot {
  return {
    agentId: `ed25519:${name}`,
    name,
    peerId: name,
    capacityMilliWh: 10_000,
    money: {},
    energy: {},
    entries: 1,
    orders: [],
    ...fields,
  };
}

function order(role: OrderSummary["role"], fields: Partial<OrderSummary>): OrderSummary {
  return {
    orderId: "order-1",
    transactionId: TRANSACTION,
    role,
    agentId: "ed25519:home",
    counterparty: "ed25519:utility-agent",
    counterpartyPeerId: "utility-agent",
    slotId: "a/0/3600",
    state: "CLOSED",
    quantityMilliWh: 1_000,
    priceMicroPerKWh: 250_000,
    amountMicro: 250,
    finalMilliWh: 1_000,
    finalAmountMicro: 250,
    currency: "USD",
    createdAtMs: 0,
    updatedAtMs: 0,
    ...fields,
  };
}

test("one falsified ledger entry fails the run and names the pair and the transaction", async () => {
  const plan = await loadPlan({ io: quiet });
  const figures = () =>
    newFigures({ startedAtMs: 0, plan, daemons: daemonsOf(plan, 3), seed: 1, plannedCycles: 1 });
  const home = book("home", {
    money: { opening: -1_000, available: 750, "paid/ed25519:utility-agent": 250 },
    energy: { "in/ed25519:utility-agent": -1_000, consumed: 1_000 },
    orders: [order("buyer", {})],
  });
  const utility = (milliWh: number) =>
    book("utility-agent", {
      money: { "received/ed25519:home": -250, available: 250 },
      energy: { opening: -5_000, available: 5_000 - milliWh, "out/ed25519:home": milliWh },
      orders: [
        order("seller", {
          agentId: "ed25519:utility-agent",
          counterparty: "ed25519:home",
          counterpartyPeerId: "home",
          state: "SETTLED",
          finalMilliWh: milliWh,
        }),
      ],
    });
  const names = new Set(["utility-agent"]);
  const honest = figures();
  judge(honest, [home, utility(1_000)], names);
  assert.deepEqual(honest.failures, []);
  const falsified = figures();
  judge(falsified, [home, utility(1_001)], names);
  const named = falsified.failures.filter((failure) => failure.code === "LEDGER_DISAGREES");
  assert.match(
    named[0]?.text ?? "",
    new RegExp(`home and utility-agent, transaction ${TRANSACTION}: .*finalMilliWh`),
  );
});

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { LedgerView, TraceStepView, TradeView } from "../src/control/types.ts";
import { configOf, gridmesh, startedDaemon, temporaryHome } from "./running.ts";

const TRADE_LIMIT_MS = 20_000;

/** A household that buys when nearly empty, or sells when nearly full; ten market seconds a second. */
function household(name: string, stateOfChargePercent: number, bootstrap: readonly string[]): string {
  return `${configOf({ network: "market", bootstrap, more: "[lab]\nenabled = true\nclockSpeed = 10\n" })}
[[agents]]
name = "${name}"
access = "network"
module = "@gridmesh/agents"
factory = "household"
[agents.options]
stateOfChargePercent = ${stateOfChargePercent}
`;
}

test(
  "two daemons with a household each trade, and the verbs tell the trade from both sides",
  { timeout: 60_000 },
  async () => {
    using first = temporaryHome();
    using second = temporaryHome();
    await using seller = await startedDaemon(first.home, { config: household("full", 95, []) });
    await using buyer = await startedDaemon(second.home, {
      config: household("empty", 15, seller.node.addresses),
    });

    const bought = await settled(buyer.home);
    const sold = await settled(seller.home);
    assert.equal(bought.transactionId, sold.transactionId);
    assert.equal(bought.quantityMilliWh, 10_000_000);
    assert.equal(bought.amountMicro, 1_500_000);
    assert.equal(sold.amountMicro, bought.amountMicro);
    assert.equal(bought.counterpartyPeerId, seller.node.peerId);
    assert.equal(bought.offersSeen, 1);

    const trace = await members<{ steps: TraceStepView[] }>(
      buyer.home,
      "trade",
      "trace",
      bought.transactionId,
    );
    const actions = trace.steps.map((step) => step.action);
    for (const action of ["search", "on_search", "select", "on_select", "init", "on_init", "confirm"]) {
      assert.ok(actions.includes(action), `${action} is missing in ${actions.join(" ")}`);
    }
    const shown = await gridmesh(buyer.home, "trade", "trace", bought.transactionId);
    assert.match(shown.stdout, /confirm +empty \(bap\) +full \(bpp\) +ACK/);

    const file = join(first.home, "trade.json");
    assert.equal(
      (await gridmesh(buyer.home, "trade", "export", bought.transactionId, "--out", file)).code,
      0,
    );
    // Whoever has the file needs neither a daemon nor a home.
    const holds = await gridmesh("/nonexistent", "trade", "verify", file);
    assert.equal(holds.code, 0, holds.stderr);
    assert.match(holds.stdout, /signatures over \d+ messages and 1 orders/);
    writeFileSync(file, readFileSync(file, "utf8").replace('"amountMicro":1500000', '"amountMicro":1400000'));
    const changed = await gridmesh("/nonexistent", "trade", "verify", file);
    assert.notEqual(changed.code, 0);
    assert.match(changed.stderr, /BUNDLE_INVALID signature/);

    for (const home of [buyer.home, seller.home]) {
      const { accounts } = await members<{ accounts: LedgerView["books"] }>(home, "ledger", "show");
      const [book] = accounts;
      assert.equal(
        Object.values(book?.money ?? {}).reduce((sum, micro) => sum + micro, 0),
        0,
      );
      assert.equal(
        Object.values(book?.energy ?? {}).reduce((sum, milliWh) => sum + milliWh, 0),
        0,
      );
      assert.equal((await gridmesh(home, "ledger", "audit")).code, 0);
    }
  },
);

test("energy is bought by hand, from whoever has as much at that price", { timeout: 60_000 }, async () => {
  using first = temporaryHome();
  using second = temporaryHome();
  await using seller = await startedDaemon(first.home, { config: household("full", 95, []) });
  // Neither nearly empty nor nearly full: it does nothing by itself.
  await using buyer = await startedDaemon(second.home, {
    config: household("half", 50, seller.node.addresses),
  });
  assert.equal((await gridmesh(buyer.home, "wait", "--peers", "1", "--timeout", "20s")).code, 0);
  // Between two hours nothing is on sale: it is asked for again.
  const until = Date.now() + TRADE_LIMIT_MS;
  let said = await gridmesh(buyer.home, "trade", "buy", "--kwh", "2", "--max-price", "0.2", "--json");
  while (said.code !== 0 && Date.now() < until) {
    said = await gridmesh(buyer.home, "trade", "buy", "--kwh", "2", "--max-price", "0.2", "--json");
  }
  assert.equal(said.code, 0, said.stderr);
  const { trade } = JSON.parse(said.stdout) as {
    trade: { outcome: string; amountMicro: number; orderId: string };
  };
  assert.deepEqual([trade.outcome, trade.amountMicro], ["confirmed", 300_000]);
  const { trades } = await members<{ trades: TradeView[] }>(buyer.home, "trade", "ls");
  assert.ok(trades.some(({ orderId }) => orderId === trade.orderId));
  const dear = await gridmesh(buyer.home, "trade", "buy", "--kwh", "2", "--max-price", "0.01");
  assert.notEqual(dear.code, 0);
  assert.match(dear.stderr, /OFFER_NOT_FOUND/);
});

async function settled(home: string): Promise<TradeView> {
  const until = Date.now() + TRADE_LIMIT_MS;
  for (;;) {
    const { trades } = await members<{ trades: TradeView[] }>(home, "trade", "ls");
    const done = trades.find((trade) => trade.stage === "settled");
    if (done !== undefined) return done;
    assert.ok(Date.now() < until, `no settled trade: ${JSON.stringify(trades)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function members<T>(home: string, ...words: string[]): Promise<T> {
  const shown = await gridmesh(home, ...words, "--json");
  assert.equal(shown.code, 0, shown.stderr);
  return JSON.parse(shown.stdout) as T;
}

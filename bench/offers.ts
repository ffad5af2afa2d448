/** Thirteen daemons, twelve of which sell: how soon a search has its first offer, its last, and a contract. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Daemon, each, freePort, homeIn, killed, spawned } from "./daemons.ts";
import { type BenchOptions, line, type Line, percentile } from "./measure.ts";

const agents = fileURLToPath(new URL("./offers-agent.js", import.meta.url));
const MANY = 13;
const FEW = 3;
const SEARCHES = 40;
const FEW_SEARCHES = 3;
const DEALS = 25;
const FEW_DEALS = 2;
const STATUS_MS = 10_000;
const POLL_MS = 5;
const ASK_MS = 10_000;
const TOPIC = "gridmesh/offers/search/energy";

interface Asked {
  readonly offers: readonly { readonly seller: string; readonly ms: number }[];
}

export async function offers({ quick }: BenchOptions): Promise<readonly Line[]> {
  const count = quick ? FEW : MANY;
  // A short path: the control sockets lie in the homes.
  const folder = mkdtempSync(join(tmpdir(), "gm-"));
  const port = await freePort();
  const daemons: Daemon[] = [];
  try {
    for (let index = 0; index < count; index += 1) {
      const factory = index === count - 1 ? "buyer" : "seller";
      const agent = `name = "${factory}"\nmodule = ${JSON.stringify(agents)}\nfactory = "${factory}"`;
      daemons.push(spawned(homeIn({ folder, index, port, network: "offers", agent }), count));
    }
    const buyer = daemons.at(-1);
    assert.ok(buyer);
    await each(daemons, async ({ control }) => {
      const { topics } = await control.metrics();
      return (topics.find(({ topic }) => topic === TOPIC)?.meshPeers ?? 0) >= Math.min(3, count - 1);
    });
    await each([buyer], async () => (await ask(buyer)).offers.length === count - 1);
    const found = await measured(buyer, { searches: quick ? FEW_SEARCHES : SEARCHES, sellers: count - 1 });
    return [...found, ...(await dealt(buyer, quick ? FEW_DEALS : DEALS))];
  } finally {
    await Promise.all(daemons.map(killed));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measured(
  buyer: Daemon,
  { searches, sellers }: { readonly searches: number; readonly sellers: number },
): Promise<readonly Line[]> {
  const first: number[] = [];
  const last: number[] = [];
  const calls: number[] = [];
  let all = 0;
  for (let search = 0; search < searches; search += 1) {
    const { offers: heard } = await ask(buyer);
    assert.ok(heard.length > 0, "a search without an offer");
    // Each seller once: one that answers twice would be a wrong figure.
    assert.equal(new Set(heard.map(({ seller }) => seller)).size, heard.length);
    all += heard.length;
    first.push(Math.min(...heard.map(({ ms }) => ms)));
    last.push(Math.max(...heard.map(({ ms }) => ms)));
    const startMs = performance.now();
    await buyer.control.node();
    calls.push(performance.now() - startMs);
  }
  const call = { name: "a question to the daemon itself", value: percentile(calls, 0.5), unit: "ms" };
  return [
    line(
      { name: `search to first offer of ${sellers}, p50`, value: percentile(first, 0.5), unit: "ms" },
      call,
    ),
    line({ name: "search to first offer, p99", value: percentile(first, 0.99), unit: "ms" }),
    line({ name: "search to last offer, p50", value: percentile(last, 0.5), unit: "ms" }),
    line({ name: "offers that came in time", value: (100 * all) / (sellers * searches), unit: "%" }),
  ];
}

interface Bought {
  readonly transactionId: string;
  readonly outcome: string;
  readonly confirmMs: number;
}

/** Whole purchases: search, select, init, confirm, status. */
async function dealt(buyer: Daemon, deals: number): Promise<readonly Line[]> {
  const confirms: number[] = [];
  const whole: number[] = [];
  for (let deal = 0; deal < deals; deal += 1) {
    const said = await buyer.control.call("local:buyer/buy", {}, { timeoutMs: ASK_MS });
    const { transactionId, outcome, confirmMs } = said as unknown as Bought;
    assert.equal(outcome, "confirmed", "a purchase without a contract");
    confirms.push(confirmMs);
    whole.push(await untilStatus(buyer, transactionId));
  }
  return [
    line({ name: "search to on_status, p50", value: percentile(whole, 0.5), unit: "ms" }),
    line({ name: "search to on_status, p99", value: percentile(whole, 0.99), unit: "ms" }),
    line({ name: "confirm to on_confirm, both synced, p50", value: percentile(confirms, 0.5), unit: "ms" }),
    line({ name: "confirm to on_confirm, both synced, p99", value: percentile(confirms, 0.99), unit: "ms" }),
  ];
}

/** From the search's publication to the seller's word on how the order stands, by the buyer's own trace. */
async function untilStatus({ control }: Daemon, transactionId: string): Promise<number> {
  const endMs = performance.now() + STATUS_MS;
  for (;;) {
    const { steps } = await control.trace(transactionId);
    const begun = steps.find(({ action }) => action === "search");
    const told = steps.find(({ action, verdict }) => action === "on_status" && verdict === "ACK");
    if (begun && told) return told.atMs - begun.atMs;
    assert.ok(performance.now() < endMs, "no on_status came");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function ask({ control }: Daemon): Promise<Asked> {
  return (await control.call("local:buyer/ask", {}, { timeoutMs: ASK_MS })) as unknown as Asked;
}

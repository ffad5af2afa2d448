/** What comes late, is sold out, or is never answered: nobody waits longer for it than the gate allows. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type BecknContext,
  becknV1,
  canonicalBytes,
  formatBecknUri,
  signBeckn,
  uuidV7,
} from "@gridmesh/protocol";
import { createHeardSearches, type HeardSearch } from "../src/beckn/heard.ts";
import type { Opened } from "../src/beckn/inbound.ts";
import type { Offer } from "../src/beckn/types.ts";
import { systemClock, systemRandom } from "../src/clock.ts";
import { marketClock } from "../src/market-clock.ts";
import type { TradeDesk } from "../src/trade/types.ts";
import { createRig, HOUR_MS, intentOf, type RigNode, sendRaw, slot, untilMs } from "./beckn-rig.ts";
import { eventually } from "./node-fixture.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The node hears requests and answers none of them. */
async function fallSilent(node: RigNode): Promise<void> {
  await node.beckn.stop();
  const limits = { maxFrameBytes: 65_536, maxInboundPerPeer: 16, relayed: true };
  node.transport.handle("/gridmesh/beckn/1", limits, () => undefined);
}

// They mostly wait, so they wait together.
describe("time to the gate", { concurrency: 4 }, () => {
  test("a search that came before the offer is answered with it, once", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    const found: Offer[] = [];
    const searching = (async () => {
      const options = { windowMs: 2_500 };
      for await (const offer of buyer.beckn.search(buyer.name, intentOf(1, 0.3), options)) found.push(offer);
    })();
    // Longer than the longest random wait, shorter than the repeat.
    await pause(600);
    assert.equal(found.length, 0);
    await seller.sell(2, 0.4);
    const offeredAtMs = performance.now();
    await seller.sell(2, 0.2);
    await eventually("the late offer", () => found.length > 0, 1_000);
    assert.ok(performance.now() - offeredAtMs < 350, "it came with the offer, not with a repeated search");
    await seller.sell(1, 0.1);
    await searching;
    assert.deepEqual(
      found.map((offer) => offer.priceMicroPerKWh),
      [200_000],
    );
    assert.equal(seller.beckn.counters().offersSent, 1);
  });

  test("what was sold out or has ended since it was seen is refused as that", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const [soldOut, ended, third] = [await rig.node(2), await rig.node(3), await rig.node(4)];
    const gone = await soldOut.sell(5, 0.1);
    const past = await ended.sell(5, 0.15);
    await third.sell(5, 0.2);
    const buying = buyer.buy({ kWh: 5 });
    await pause(450);
    soldOut.desk.reserve({
      offerId: gone.offerId,
      transactionId: "other",
      quantityMilliWh: 5_000_000,
      untilMs,
    });
    await ended.desk.withdraw(past.offerId);
    const { steps } = await buying;
    assert.deepEqual(
      steps.map((step) => [step.outcome, step.reason]),
      [
        ["refused", "QUANTITY_UNAVAILABLE"],
        ["refused", "OFFER_EXPIRED"],
        ["confirmed", undefined],
      ],
    );
  });

  test("a seller that never answers leaves time for the next in rank", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const silent = await rig.node(2);
    await silent.sell(5, 0.1);
    await (await rig.node(3)).sell(5, 0.2);
    const gateMs = rig.market.nowMs() + 4_000;
    const buying = buyer.buy({ kWh: 5, untilMs: gateMs });
    await pause(450);
    await fallSilent(silent);
    const { steps } = await buying;
    assert.deepEqual(
      steps.map((step) => [step.sellerName, step.outcome]),
      [
        ["household-agent-02", "failed"],
        ["household-agent-03", "confirmed"],
      ],
    );
    assert.ok(rig.market.nowMs() < gateMs, "before the gate");
  });

  test("while one order is in doubt the rest of the need is bought from the next in rank", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const undecided = (desk: TradeDesk): TradeDesk => ({
      ...desk,
      decide: () => new Promise(() => undefined),
    });
    await (await rig.node(2, { view: undecided })).sell(2, 0.1);
    await (await rig.node(3)).sell(5, 0.2);
    const gateMs = rig.market.nowMs() + 4_000;
    const { steps } = await buyer.buy({ kWh: 5, splitNeed: true, untilMs: gateMs });
    assert.deepEqual(
      steps.map((step) => [step.sellerName, step.quantityMilliWh, step.outcome]),
      [
        ["household-agent-02", 2_000_000, "in_doubt"],
        ["household-agent-03", 3_000_000, "confirmed"],
      ],
    );
    assert.ok(rig.market.nowMs() < gateMs, "before the gate");
  });

  test("nothing is asked for once the gate is closed", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    await seller.sell(5, 0.1);
    const outcome = await buyer.buy({ kWh: 5, untilMs: rig.market.nowMs() });
    assert.deepEqual(outcome.steps, []);
    assert.ok(!buyer.beckn.trace(outcome.transactionId).some((line) => line.action === "select"));
  });
});

test("a seller that was restarted still tells how its orders stand, asked and unasked", async () => {
  await using rig = createRig();
  const buyer = await rig.node(1);
  let seller = await rig.node(2);
  await seller.sell(5, 0.1);
  const { steps, transactionId } = await buyer.buy({ kWh: 2 });
  const orderId = steps[0]?.orderId ?? "";
  assert.equal(steps[0]?.outcome, "confirmed");
  const told = () =>
    buyer.beckn
      .trace(transactionId)
      .filter(({ action, verdict }) => action === "on_status" && verdict === "ACK");
  await eventually("the status after the confirm", () => told().length === 1);
  const disk = seller.disk.afterKill();
  await seller[Symbol.asyncDispose]();
  seller = await rig.node(2, { disk });

  const uri = (node: RigNode, side: "bap" | "bpp") =>
    formatBecknUri({ peerId: node.peerId, agent: node.name, side });
  const context: BecknContext = {
    domain: "energy",
    action: "status",
    version: "",
    bapId: buyer.agentId,
    bapUri: uri(buyer, "bap"),
    bppId: seller.agentId,
    bppUri: uri(seller, "bpp"),
    transactionId,
    messageId: uuidV7(Date.now(), systemRandom()),
    timestampMs: Date.now(),
    ttlMs: 10_000,
  };
  const body = becknV1.encode({ context, content: { kind: "orderId", orderId } });
  const authorization = signBeckn(body, buyer.signer, { nowS: Date.now() / 1000 });
  const headers = { authorization, "content-type": "application/json" };
  const header = canonicalBytes({ v: 1, profile: "beckn/1", path: "/status", headers });
  assert.equal((await sendRaw(buyer, seller.peerId, { header, body })).code, "ACK");
  await eventually("the status after the restart", () => told().length === 2);

  await seller.desk.deliver(seller.agentId, { buyer: buyer.agentId, orderId }, 2_000_000);
  await eventually("delivered and settled", () => told().length === 4);
});

test("of the searches heard a bounded number is kept, each until its time is over", () => {
  const clock = systemClock();
  const market = marketClock(clock, { marketMs: HOUR_MS, paused: true });
  const heard = (signerId: string, transactionId: string, ttlMs = 15_000): HeardSearch => ({
    search: { signerId, context: { transactionId, timestampMs: clock.nowMs() - 100, ttlMs } } as Opened,
    intent: { slot, needMilliWh: 1, maxPriceMicroPerKWh: 1, currency: "USD" },
    peerId: "",
    taken: new Set(),
  });
  const offer = {
    agentId: "seller",
    slot,
    quantityMilliWh: 1,
    priceMicroPerKWh: 1,
    currency: "USD",
    untilMs,
    offerId: "o",
    epoch: "e",
    leftMilliWh: 1,
  };
  const searches = createHeardSearches({ clock, market });
  for (let n = 0; n < 20; n++) searches.keep(heard("one", `t${n}`));
  assert.equal(searches.openFor(offer).length, 16);
  assert.equal(searches.openFor(offer)[0]?.search.context.transactionId, "t4");
  searches.keep(heard("one", "t4"));
  assert.equal(searches.openFor(offer).length, 16, "a repeat takes the place of the first");
  for (let n = 0; n < 300; n++) searches.keep(heard(`signer ${n}`, "t"));
  assert.equal(searches.openFor(offer).length, 256);
  searches.clear();
  searches.keep(heard("late", "t", 50));
  searches.keep(heard("seller", "t"));
  searches.keep(heard("two", "t"));
  assert.deepEqual(
    searches.openFor(offer).map(({ search }) => search.signerId),
    ["two"],
  );
  assert.equal(searches.openFor({ ...offer, slot: { ...slot, area: "elsewhere" } }).length, 0);
  market.set({ marketMs: HOUR_MS + 3_600_000, atWallMs: clock.nowMs(), speed: 1, paused: true });
  assert.equal(searches.openFor(offer).length, 0, "the slot is over");
});

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ProtocolError } from "@gridmesh/protocol";
import type { BuyOutcome } from "../src/beckn/types.ts";
import type { TradeDesk } from "../src/trade/types.ts";
import { createRig, type RigNode } from "./beckn-rig.ts";

/** The desk as it is, but for some of its answers. */
function changed(changes: Partial<TradeDesk>): (desk: TradeDesk) => TradeDesk {
  return (desk) =>
    new Proxy(desk, {
      get(target, name) {
        const member: unknown = Reflect.get(changes, name) ?? Reflect.get(target, name, target);
        return typeof member === "function" && !Reflect.has(changes, name)
          ? (member.bind(target) as unknown)
          : member;
      },
    });
}

function causeOf(buyer: RigNode, { transactionId }: BuyOutcome): string {
  return buyer.beckn.causeOf(transactionId) ?? "none";
}

/** Nobody will offer: there is nothing to wait for. */
const inVain = { searchWindowMs: 800 };

const refusing = (code: "QUOTE_CHANGED" | "QUANTITY_UNAVAILABLE"): (() => never) => {
  return () => {
    throw new ProtocolError(code, "staged");
  };
};

suite("why there is no order", { timeout: 120_000 }, () => {
  test("alone: nobody was there to hear the search", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1, { sells: false });
    // The rig's registry lists its nodes as sellers, but never a buyer itself.
    assert.match(causeOf(buyer, await buyer.buy(inVain)), /^nobody was in the mesh of searches/);
  });

  test("nothing on sale: so many sellers were known, and none offered", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    await rig.node(2);
    assert.match(causeOf(buyer, await buyer.buy(inVain)), /^none of 1 known sellers offered anything/);
  });

  test("too dear: the sellers keep silent, as for nothing on sale", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    await seller.sell(10, 0.5);
    assert.match(causeOf(buyer, await buyer.buy({ ...inVain, maxPrice: 0.3 })), /^none of 1 known sellers/);
  });

  test("too little: the offers that came are counted by why they were not taken", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    const other = await rig.node(3);
    await seller.sell(1, 0.15);
    await other.sell(2, 0.15);
    const outcome = await buyer.buy({ minFillMilliWh: 5_000_000 });
    assert.equal(causeOf(buyer, outcome), "2 offers came and none was taken: quantity (2)");
  });

  test("refused: the last seller's reason, by its name", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2, { view: changed({ offerOf: refusing("QUANTITY_UNAVAILABLE") }) });
    await seller.sell(10, 0.15);
    assert.equal(
      causeOf(buyer, await buyer.buy()),
      "select to household-agent-02: refused, QUANTITY_UNAVAILABLE",
    );
  });

  test("nothing set aside: it is init that was refused", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2, { view: changed({ reserve: refusing("QUANTITY_UNAVAILABLE") }) });
    await seller.sell(10, 0.15);
    assert.match(
      causeOf(buyer, await buyer.buy()),
      /^init to household-agent-02: refused, QUANTITY_UNAVAILABLE/,
    );
  });

  test("gone: the seller could not be reached", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    const offer = await seller.sell(10, 0.15);
    assert.ok(offer.leftMilliWh > 0);
    const search = buyer.buy();
    while (buyer.beckn.counters().offersReceived === 0) await new Promise((resolve) => setImmediate(resolve));
    await seller[Symbol.asyncDispose]();
    assert.match(
      causeOf(buyer, await search),
      /^select to household-agent-02: failed, (?:PEER_|STREAM_|CALL_|DHT_)/,
    );
  });

  test("no money: the order was not held, and no seller is to blame", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1, { moneyMicro: 1_000 });
    const seller = await rig.node(2);
    await seller.sell(10, 0.15);
    assert.match(causeOf(buyer, await buyer.buy()), /FUNDS_INSUFFICIENT/);
  });

  test("in doubt: the order is held until there is a decision", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const silent = new Promise<never>(() => undefined);
    const seller = await rig.node(2, { view: changed({ decide: () => silent }) });
    await seller.sell(10, 0.15);
    const outcome = await buyer.buy();
    assert.match(causeOf(buyer, outcome), /^order [0-9a-f-]+ is held: its confirm has no decision yet/);
  });

  test("bought: there is nothing to explain", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    await seller.sell(10, 0.15);
    const { transactionId } = await buyer.buy();
    assert.equal(buyer.beckn.causeOf(transactionId), undefined);
  });
});

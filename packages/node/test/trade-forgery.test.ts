import assert from "node:assert/strict";
import test from "node:test";
import { amountMicro, type JsonObject, signDocument, slotId } from "@gridmesh/protocol";
import type { OrderTerms } from "../src/trade/types.ts";
import { NETWORK } from "./trade-mail.ts";
import { type House, orderBytes, rejectsWith, SLOT, World } from "./trade-world.ts";
import { orderHashOf } from "../src/trade/terms.ts";

const KWH = 1_000_000;
const tariff = { retailMicroPerKWh: 250_000, feedInMicroPerKWh: 50_000 };

interface Scene {
  readonly world: World;
  readonly seller: House;
  readonly buyer: House;
  readonly mallory: House;
  readonly terms: OrderTerms;
}

/** A contract of 2 kWh, committed on both sides, and a third party that wants a part of it. */
async function scene(seed: number): Promise<Scene> {
  const world = new World(seed);
  const seller = await world.house("seller", { energyMilliWh: 9 * KWH, tariff });
  const buyer = await world.house("buyer", { energyMilliWh: KWH });
  const mallory = await world.house("mallory", { energyMilliWh: 9 * KWH });
  const offerId = await world.offer(seller, 5 * KWH);
  const terms = world.terms(buyer, seller, { offerId, quantityMilliWh: 2 * KWH });
  await world.buy(buyer, terms);
  return { world, seller, buyer, mallory, terms };
}

function document(type: string, signer: House, fields: JsonObject): JsonObject {
  const unsigned = { type, version: "1.1", signedAtMs: 1, ...fields };
  return signDocument(unsigned, { type, network: NETWORK, signer: signer.agent.signer });
}

function named(terms: OrderTerms): JsonObject {
  const { orderId, buyer, seller } = terms;
  return { orderId, buyer, seller, orderHash: orderHashOf(orderBytes(terms)) };
}

function delivery(
  signer: House,
  terms: OrderTerms,
  { allocatedMilliWh = 2 * KWH, ...fields }: JsonObject = {},
) {
  const slots = [{ slotId: slotId(SLOT), allocatedMilliWh, committedTotalMilliWh: 2 * KWH }];
  return document("trade_delivery", signer, { ...named(terms), slots, ...fields });
}

function payment(signer: House, terms: OrderTerms, { finalMilliWh = 2 * KWH, ...fields }: JsonObject = {}) {
  return document("trade_payment", signer, {
    ...named(terms),
    slots: [{ slotId: slotId(SLOT), finalMilliWh }],
    amountMicro: amountMicro(Number(finalMilliWh), 150_000),
    buyerFeesMicro: 0,
    ...fields,
  });
}

/** Sends a document as `from` and resolves with what comes back. */
async function send({ world }: Scene, [from, to]: readonly [House, House], sent: JsonObject) {
  const exchange = world.mail.exchangeOf(from.peerId);
  const draft = { type: "trade_send", recipient_id: to.agentId, documents: [sent] };
  const answer = exchange.request(to.peerId, "trade", draft, { signer: from.agent.signer });
  answer.catch(() => undefined);
  await world.clock.pass(6_000);
  return answer;
}

async function assertUnmoved({ buyer, seller, world }: Scene): Promise<void> {
  assert.equal(buyer.desk.orders()[0]?.state, "COMMITTED");
  assert.equal(seller.desk.orders()[0]?.state, "ACCEPTED");
  assert.equal(buyer.desk.book(buyer.agentId).money["held"], 300_000);
  await world.assertSound();
}

test("a third party's documents move nothing, whoever they name", async () => {
  const it = await scene(200);
  const { seller, buyer, mallory, terms } = it;
  // The seller's own document, in mallory's message: he is not the counterparty.
  await rejectsWith(send(it, [mallory, buyer], delivery(seller, terms)), "COUNTERPARTY_WRONG");
  // Signed by mallory in the seller's name, in the seller's message.
  await rejectsWith(send(it, [seller, buyer], delivery(mallory, terms)), "SIGNATURE_INVALID");
  // Naming himself as the seller of the buyer's order.
  const asSeller = delivery(mallory, terms, { seller: mallory.agentId });
  await rejectsWith(send(it, [mallory, buyer], asSeller), "COUNTERPARTY_WRONG");
  // Meant for another recipient than the message.
  await rejectsWith(send(it, [seller, mallory], delivery(seller, terms)), "COUNTERPARTY_WRONG");
  await rejectsWith(send(it, [mallory, seller], payment(mallory, terms)), "COUNTERPARTY_WRONG");
  await assertUnmoved(it);
});

test("a document altered after it was signed is refused", async () => {
  const it = await scene(201);
  const { seller, buyer, terms } = it;
  const altered = { ...delivery(seller, terms), signedAtMs: 2 };
  await rejectsWith(send(it, [seller, buyer], altered), "SIGNATURE_INVALID");
  const foreign = signDocument(
    { ...delivery(seller, terms), type: "trade_delivery" },
    { type: "trade_delivery", network: "another", signer: seller.agent.signer },
  );
  await rejectsWith(send(it, [seller, buyer], foreign), "SIGNATURE_INVALID");
  await assertUnmoved(it);
});

test("a counterparty's own documents are held to the contract", async () => {
  const it = await scene(202);
  const { seller, buyer, terms } = it;
  const refused = async (sent: JsonObject, code: string) =>
    rejectsWith(send(it, [seller, buyer], sent), code);
  await refused(delivery(seller, terms, { allocatedMilliWh: 2 * KWH + 1 }), "AMOUNT_INVALID");
  await refused(delivery(seller, terms, { orderId: "another" }), "ORDER_NOT_FOUND");
  await refused(delivery(seller, terms, { orderHash: `sha256:${"0".repeat(64)}` }), "ORDER_CONFLICT");
  const slots = [{ slotId: "home/0/3600", allocatedMilliWh: KWH, committedTotalMilliWh: KWH }];
  await refused(delivery(seller, terms, { slots }), "AMOUNT_INVALID");
  const receipt = document("trade_receipt", seller, { ...named(terms), amountMicro: 300_000 });
  await refused(receipt, "ORDER_STATE");
  await rejectsWith(send(it, [buyer, seller], payment(buyer, terms)), "ORDER_STATE");
  await assertUnmoved(it);
});

test("a payment is credited only over the contract's price and the delivered quantity", async () => {
  const it = await scene(203);
  const { world, seller, buyer, terms } = it;
  world.kill(buyer);
  await seller.desk.deliver(seller.agentId, terms, KWH);
  await world.clock.pass(1_000);
  world.mail.down.delete(buyer.peerId);
  const refused = async (sent: JsonObject) => rejectsWith(send(it, [buyer, seller], sent), "AMOUNT_INVALID");
  await refused(payment(buyer, terms, { amountMicro: 149_999, finalMilliWh: KWH }));
  await refused(payment(buyer, terms, { amountMicro: 150_001, finalMilliWh: KWH }));
  await refused(payment(buyer, terms, { finalMilliWh: KWH + 1 }));
  const slots = [{ slotId: "home/0/3600", finalMilliWh: KWH }];
  await refused(payment(buyer, terms, { slots, finalMilliWh: KWH }));
  assert.equal(seller.desk.orders()[0]?.state, "DELIVERED");
  await world.restart(buyer);
  await world.clock.pass(15_000);
  assert.equal(seller.desk.orders()[0]?.state, "SETTLED");
  assert.equal(buyer.desk.orders()[0]?.finalAmountMicro, 150_000);
  await world.assertSound();
  world.assertPairsCancel();
});

test("a receipt over another amount does not close the order", async () => {
  const it = await scene(204);
  const { world, seller, buyer, terms } = it;
  await send(it, [seller, buyer], delivery(seller, terms));
  assert.equal(buyer.desk.orders()[0]?.state, "PAID");
  const receipt = (amountMicro: number) =>
    document("trade_receipt", seller, { ...named(terms), amountMicro });
  await rejectsWith(send(it, [seller, buyer], receipt(299_999)), "AMOUNT_INVALID");
  await send(it, [seller, buyer], receipt(300_000)).catch(() => undefined);
  assert.equal(buyer.desk.orders()[0]?.state, "CLOSED");
  await rejectsWith(send(it, [seller, buyer], receipt(1)), "EQUIVOCATION");
  await world.assertSound();
});

test("a statement in another's name, altered, or for other words than booked is refused", async () => {
  const it = await scene(205);
  const { seller, buyer, mallory } = it;
  const statement = (signer: House, fields: JsonObject = {}) =>
    document("trade_imbalance", signer, {
      agent: buyer.agentId,
      operator: seller.agentId,
      slotId: slotId(SLOT),
      quantityMilliWh: KWH,
      priceMicroPerKWh: 250_000,
      amountMicro: 250_000,
      ...fields,
    });
  await rejectsWith(send(it, [mallory, seller], statement(buyer)), "COUNTERPARTY_WRONG");
  await rejectsWith(send(it, [buyer, seller], statement(mallory)), "SIGNATURE_INVALID");
  await rejectsWith(send(it, [buyer, seller], statement(buyer, { amountMicro: 1 })), "AMOUNT_INVALID");
  const free = statement(buyer, { quantityMilliWh: -KWH, priceMicroPerKWh: 250_000, amountMicro: -250_000 });
  await rejectsWith(send(it, [buyer, seller], free), "QUOTE_CHANGED");
  const answer = await send(it, [buyer, seller], statement(buyer));
  assert.equal(answer.type, "trade_send");
  await rejectsWith(send(it, [buyer, seller], statement(buyer, { signedAtMs: 2 })), "ORDER_CONFLICT");
  assert.equal(seller.desk.book(seller.agentId).money["imbalance"], -250_000);
});

test("1,000 orders sent again with other content are 1,000 conflicts, and each is kept", async () => {
  const world = new World(206);
  const seller = await world.house("seller", { energyMilliWh: 9_000 * KWH });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 5_000 * KWH);
  let found = 0;
  for (let count = 0; count < 1_000; count += 1) {
    const terms = world.terms(buyer, seller, { offerId, quantityMilliWh: 1_000 });
    const answer = (decision: object) => ({ header: "", body: JSON.stringify(decision) });
    await seller.desk.decide(terms, orderBytes(terms), answer);
    const other = { header: "", body: `other ${count}` };
    await seller.desk.decide(terms, other, answer).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ORDER_CONFLICT") found += 1;
    });
  }
  assert.equal(found, 1_000);
  // boot, open, offer, then an acceptance and a proof each.
  assert.equal((await seller.desk.audit()).records, 3 + 2_000);
});

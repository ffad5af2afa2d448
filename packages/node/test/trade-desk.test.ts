import assert from "node:assert/strict";
import test from "node:test";
import { isEndPair, slotId } from "@gridmesh/protocol";
import { type House, orderBytes, PLENTY, rejectsWith, SLOT, World } from "./trade-world.ts";

const KWH = 1_000_000;
const slotText = slotId(SLOT);

test("an order is held, accepted, committed, delivered, paid, settled and closed", async () => {
  const world = new World(1);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer", { energyMilliWh: 2 * KWH });
  const offerId = await world.offer(seller, 10 * KWH);
  const terms = world.terms(buyer, seller, { offerId, quantityMilliWh: 10 * KWH });
  await world.buy(buyer, terms);
  assert.equal(buyer.desk.book(buyer.agentId).money["held"], 1_500_000);
  assert.equal(seller.desk.book(seller.agentId).energy[`committed/${slotText}`], 10 * KWH);
  await seller.desk.deliver(seller.agentId, { buyer: buyer.agentId, orderId: terms.orderId }, 10 * KWH);
  await world.clock.pass(2_000);
  const [bought] = buyer.desk.orders();
  const [sold] = seller.desk.orders();
  assert.equal(bought?.state, "CLOSED");
  assert.equal(sold?.state, "SETTLED");
  assert.equal(buyer.desk.book(buyer.agentId).energy["available"], 12 * KWH);
  assert.equal(seller.desk.book(seller.agentId).energy["available"], 4 * KWH);
  assert.equal(seller.desk.book(seller.agentId).money["available"], 101_500_000);
  assert.deepEqual(
    buyer.events.map((event) => event.kind),
    ["held", "committed", "received", "closed"],
  );
  assert.deepEqual(
    seller.events.map((event) => event.kind),
    ["accepted", "delivered", "settled"],
  );
  assert.deepEqual(buyer.desk.pending(), { orders: 0, imbalances: 0 });
  await world.assertSound();
  world.assertPairsCancel();
});

test("an instant order is delivered by the desk as it is accepted", async () => {
  const world = new World(2);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 10 * KWH);
  await world.buy(buyer, world.terms(buyer, seller, { offerId, delivery: "instant" }));
  await world.clock.pass(3_000);
  assert.equal(buyer.desk.orders()[0]?.state, "CLOSED");
  assert.equal(seller.desk.orders()[0]?.state, "SETTLED");
  world.assertPairsCancel();
});

test("of a partial delivery the rest of the hold and of the energy is freed in the same record", async () => {
  const world = new World(3);
  const seller = await world.house("seller", { energyMilliWh: 5 * KWH });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 5 * KWH, 123_457);
  const terms = world.terms(buyer, seller, {
    offerId,
    quantityMilliWh: 3_333_333,
    priceMicroPerKWh: 123_457,
  });
  await world.buy(buyer, terms);
  await seller.desk.deliver(seller.agentId, terms, 1_111_111);
  await world.clock.pass(2_000);
  assert.equal(buyer.desk.orders()[0]?.finalMilliWh, 1_111_111);
  assert.equal(buyer.desk.book(buyer.agentId).money["held"], 0);
  assert.equal(buyer.desk.book(buyer.agentId).money["available"], 100_000_000 - 137_174);
  assert.equal(seller.desk.book(seller.agentId).energy["available"], 5 * KWH - 1_111_111);
  await world.assertSound();
  world.assertPairsCancel();
});

test("one order sent five times over restarts is accepted once and gets equal bytes", async () => {
  const world = new World(4);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer");
  const terms = world.terms(buyer, seller, { offerId: await world.offer(seller, 10 * KWH) });
  const answers = new Set<string>();
  for (let time = 0; time < 5; time += 1) {
    const answer = await seller.desk.decide(terms, orderBytes(terms), (decision) => ({
      header: `signed ${time}`,
      body: JSON.stringify(decision),
    }));
    answers.add(answer.header + answer.body);
    world.kill(seller);
    await world.restart(seller);
  }
  assert.equal(answers.size, 1);
  assert.equal(seller.desk.orders().length, 1);
  assert.equal(seller.desk.openOffers()[0]?.leftMilliWh, 9 * KWH);
  const other = { header: "", body: "other content" };
  await rejectsWith(
    seller.desk.decide(terms, other, () => other),
    "ORDER_CONFLICT",
  );
  assert.equal(seller.desk.orders().length, 1);
});

test("a refusal is remembered across restarts: a late copy is refused though there is energy again", async () => {
  const world = new World(5);
  const seller = await world.house("seller", { energyMilliWh: 1 * KWH });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 1 * KWH);
  const terms = world.terms(buyer, seller, { offerId, quantityMilliWh: 2 * KWH });
  await world.buy(buyer, terms);
  assert.equal(buyer.desk.orders()[0]?.state, "RELEASED");
  assert.equal(buyer.desk.orders()[0]?.reason, "QUANTITY_UNAVAILABLE");
  assert.equal(buyer.desk.book(buyer.agentId).money["available"], 100_000_000);
  await seller.desk.record({
    kind: "produce",
    agentId: seller.agentId,
    key: "sun",
    quantityMilliWh: 9 * KWH,
  });
  world.kill(seller);
  await world.restart(seller);
  await world.carry(buyer, terms, orderBytes(terms));
  assert.equal(seller.desk.orders()[0]?.state, "REJECTED");
});

test("a hold survives NACK, timeout, disconnect, a slot gone by and restarts until the decision comes", async () => {
  const world = new World(6);
  const seller = await world.house("seller", { energyMilliWh: 5 * KWH });
  const buyer = await world.house("buyer");
  const terms = world.terms(buyer, seller, { offerId: await world.offer(seller, 5 * KWH) });
  world.kill(seller);
  await world.buy(buyer, terms);
  await world.clock.pass(30 * 60_000);
  assert.equal(buyer.desk.orders()[0]?.state, "HELD");
  world.kill(buyer);
  await world.restart(buyer);
  await world.clock.pass(10 * 60_000);
  assert.equal(buyer.desk.orders()[0]?.state, "HELD");
  await world.restart(seller);
  await world.clock.pass(20_000);
  assert.equal(buyer.desk.orders()[0]?.state, "COMMITTED");
  await seller.desk.deliver(seller.agentId, terms, KWH);
  await world.clock.pass(20_000);
  assert.equal(buyer.desk.orders()[0]?.state, "CLOSED");
});

test("every end is reached with kills after any event and a third of the messages lost", async () => {
  for (let seed = 10; seed < 40; seed += 1) {
    const world = new World(seed);
    const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
    const buyer = await world.house("buyer");
    Object.assign(world.mail.faults, { lossPercent: 35, duplicatePercent: 30, maxDelayMs: 900 });
    const offerId = await world.offer(seller, 4 * KWH);
    const orders = [1, 2, 3, 4, 5].map(() =>
      world.terms(buyer, seller, { offerId, delivery: seed % 2 === 0 ? "instant" : "slot" }),
    );
    for (const terms of orders) {
      await world.buy(buyer, terms);
      const victim = world.random.below(2) === 0 ? seller : buyer;
      if (world.random.below(2) === 0) {
        world.kill(victim);
        await world.clock.pass(world.random.below(2_000));
        await world.restart(victim);
      }
    }
    await world.clock.pass(60_000);
    for (const terms of orders) {
      const half = seller.desk.orders().find((order) => order.orderId === terms.orderId);
      if (half?.state === "ACCEPTED") await seller.desk.deliver(seller.agentId, terms, KWH);
    }
    Object.assign(world.mail.faults, { lossPercent: 0, duplicatePercent: 0 });
    await world.clock.pass(370_000);
    const bought = new Map(buyer.desk.orders().map((order) => [order.orderId, order]));
    for (const sold of seller.desk.orders()) {
      const mine = bought.get(sold.orderId);
      assert(
        mine !== undefined && isEndPair(mine.state as "CLOSED", sold.state as "SETTLED"),
        `seed ${seed}`,
      );
      assert.equal(mine.finalAmountMicro, sold.finalAmountMicro);
    }
    const settled = seller.desk.orders().filter((order) => order.state === "SETTLED").length;
    assert.equal(settled, 4, `seed ${seed}: 4 kWh are sold once each`);
    await world.assertSound();
    world.assertPairsCancel();
  }
});

test("ten buyers race for one offer, 1,000 times: it is sold once and no battery overflows", async () => {
  const world = new World(50);
  const buyers: House[] = [];
  for (let index = 0; index < 10; index += 1) {
    const plan = { energyMilliWh: 4 * KWH, moneyMicro: 10 ** 12, capacityMilliWh: 10 ** 11 };
    buyers.push(await world.house(`buyer ${index}`, plan));
  }
  const seller = await world.house("seller", { energyMilliWh: 10_000 * KWH, capacityMilliWh: 10 ** 11 });
  for (let race = 0; race < 1_000; race += 1) {
    const offerId = await world.offer(seller, 10 * KWH);
    const orders = buyers.map((buyer) => world.terms(buyer, seller, { offerId, quantityMilliWh: 10 * KWH }));
    await Promise.all(buyers.map((buyer, index) => world.buy(buyer, orders[index]!)));
    const states = buyers.map(({ desk, agentId }, index) => {
      const orderId = orders[index]?.orderId ?? "none";
      return desk.order(agentId, { buyer: agentId, orderId })?.state;
    });
    assert.equal(states.filter((state) => state === "COMMITTED").length, 1, `race ${race}`);
    assert.equal(states.filter((state) => state === "RELEASED").length, 9, `race ${race}`);
  }
  assert.equal(seller.desk.book(seller.agentId).energy["available"], 0);
  for (const sold of seller.desk.orders({ open: true })) {
    await seller.desk.deliver(seller.agentId, { buyer: sold.counterparty, orderId: sold.orderId }, 10 * KWH);
  }
  await world.clock.pass(20_000);
  assert.equal(seller.desk.pending().orders, 0);
  await world.assertSound();
  world.assertPairsCancel();
});

test("what is bought fits into the battery, counting what is still under way", async () => {
  const world = new World(60);
  const seller = await world.house("seller", { energyMilliWh: 100 * KWH, capacityMilliWh: 100 * KWH });
  const buyer = await world.house("buyer", { energyMilliWh: 12 * KWH });
  const offerId = await world.offer(seller, 50 * KWH);
  const order = (quantityMilliWh: number) => world.terms(buyer, seller, { offerId, quantityMilliWh });
  assert.equal(buyer.desk.roomMilliWh(buyer.agentId, slotText), 3 * KWH);
  await world.buy(buyer, order(2 * KWH));
  const tooMuch = order(1_000_001);
  await rejectsWith(buyer.desk.hold(tooMuch, orderBytes(tooMuch)), "QUANTITY_UNAVAILABLE");
  await world.buy(buyer, order(1 * KWH));
  assert.equal(buyer.desk.roomMilliWh(buyer.agentId, slotText), 0);
  buyer.desk.expectNeed(buyer.agentId, slotText, 8 * KWH);
  assert.equal(buyer.desk.roomMilliWh(buyer.agentId, slotText), 5 * KWH);
});

test("the owner's policy bounds each order, each market hour and the open orders, also after a restart", async () => {
  const world = new World(61);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const policy = { maxOrderMicro: 300_000, spendPerHourMicro: 500_000, maxOpenOrders: 3 };
  const buyer = await world.house("buyer", { policy });
  const offerId = await world.offer(seller, 10 * KWH);
  const hold = async (quantityMilliWh: number) => {
    const terms = world.terms(buyer, seller, { offerId, quantityMilliWh });
    await buyer.desk.hold(terms, orderBytes(terms));
  };
  await rejectsWith(hold(2_100_000), "SPEND_LIMIT");
  await hold(2_000_000);
  await hold(1_000_000);
  world.kill(buyer);
  await world.restart(buyer);
  await rejectsWith(hold(400_000), "SPEND_LIMIT");
  await hold(200_000);
  await rejectsWith(hold(10_000), "SPEND_LIMIT");
});

test("money, amounts and counterparties are checked before anything is held", async () => {
  const world = new World(62);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer", { moneyMicro: 100_000 });
  const offerId = await world.offer(seller, 10 * KWH);
  const refused = async (part: object, code: string) => {
    const terms = { ...world.terms(buyer, seller, { offerId }), ...part };
    await rejectsWith(buyer.desk.hold(terms, orderBytes(terms)), code);
  };
  await refused({}, "FUNDS_INSUFFICIENT");
  await refused({ amountMicro: 149_999 }, "AMOUNT_INVALID");
  await refused({ quantityMilliWh: 0, amountMicro: 0 }, "AMOUNT_INVALID");
  await refused({ quantityMilliWh: 0.5 }, "AMOUNT_INVALID");
  await refused({ seller: buyer.agentId }, "COUNTERPARTY_WRONG");
  await refused({ slot: { ...SLOT, startS: SLOT.startS + 1 } }, "SLOT_INVALID");
  assert.equal(buyer.desk.orders().length, 0);
  const terms = world.terms(buyer, seller, { offerId });
  const answer = () => ({ header: "", body: "" });
  await rejectsWith(
    seller.desk.decide({ ...terms, seller: buyer.agentId }, orderBytes(terms), answer),
    "COUNTERPARTY_WRONG",
  );
  await rejectsWith(
    seller.desk.decide({ ...terms, amountMicro: 1 }, orderBytes(terms), answer),
    "AMOUNT_INVALID",
  );
});

test("the seller refuses what its offer does not say", async () => {
  const world = new World(63);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 10 * KWH);
  const reasonFor = async (part: object) => {
    const terms = { ...world.terms(buyer, seller, { offerId }), ...part };
    const answer = await seller.desk.decide(terms, orderBytes(terms), (decision) => ({
      header: "",
      body: decision.reason ?? "accepted",
    }));
    return answer.body;
  };
  assert.equal(await reasonFor({ offerId: "unknown" }), "OFFER_NOT_FOUND");
  assert.equal(await reasonFor({ offerEpoch: "before the disk was lost" }), "OFFER_EXPIRED");
  assert.equal(await reasonFor({ priceMicroPerKWh: 140_000, amountMicro: 140_000 }), "QUOTE_CHANGED");
  assert.equal(await reasonFor({ currency: "EUR" }), "QUOTE_CHANGED");
  assert.equal(await reasonFor({ slot: { ...SLOT, startS: SLOT.startS + 3600 } }), "SLOT_INVALID");
  assert.equal(await reasonFor({ untilMs: world.clock.nowMs() - 1 }), "OFFER_EXPIRED");
  assert.equal(await reasonFor({}), "accepted");
  seller.desk.reserve({ offerId, transactionId: "other", quantityMilliWh: 9 * KWH, untilMs: Infinity });
  assert.equal(await reasonFor({}), "QUANTITY_UNAVAILABLE");
  assert.equal(await reasonFor({ transactionId: "other" }), "accepted");
  await seller.desk.record({ kind: "consume", agentId: seller.agentId, key: "k", quantityMilliWh: 12 * KWH });
  assert.equal(await reasonFor({}), "QUANTITY_UNAVAILABLE");
  await seller.desk.withdraw(offerId);
  assert.equal(await reasonFor({}), "OFFER_EXPIRED");
  assert.deepEqual(seller.desk.openOffers(), []);
});

test("energy enters and leaves a book once per kind and key", async () => {
  const world = new World(64);
  const house = await world.house("house", { energyMilliWh: KWH });
  const entry = { kind: "produce", agentId: house.agentId, key: slotText, quantityMilliWh: 7 } as const;
  await Promise.all([house.desk.record({ ...entry, plan: { soc: 5 } }), house.desk.record(entry)]);
  world.kill(house);
  await world.restart(house);
  await house.desk.record({ ...entry, quantityMilliWh: 9 });
  assert.deepEqual(house.desk.entry(house.agentId, "produce", slotText), { ...entry, plan: { soc: 5 } });
  assert.equal(house.desk.book(house.agentId).energy["available"], KWH + 7);
  await rejectsWith(
    house.desk.record({ ...entry, kind: "consume", quantityMilliWh: 2 * KWH }),
    "QUANTITY_UNAVAILABLE",
  );
});

test("two agents of one node trade by the same documents and records", async () => {
  const world = new World(67);
  const home = await world.house("home", { energyMilliWh: 14 * KWH });
  const lodger = { ...(await world.house("lodger")), peerId: home.peerId, desk: home.desk };
  await home.desk.open({
    signer: lodger.agent.signer,
    name: "lodger",
    moneyMicro: 10_000_000,
    energyMilliWh: 0,
    capacityMilliWh: 15 * KWH,
    policy: PLENTY,
  });
  const terms = world.terms(lodger, home, { offerId: await world.offer(home, 5 * KWH) });
  await world.buy(lodger, terms);
  await home.desk.deliver(home.agentId, terms, KWH);
  await world.clock.pass(5_000);
  assert.deepEqual(
    home.desk
      .orders()
      .map((order) => order.state)
      .toSorted(),
    ["CLOSED", "SETTLED"],
  );
});

test("a recorded session played again, also after restarts, adds no record", async () => {
  const world = new World(68);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer");
  const terms = world.terms(buyer, seller, { offerId: await world.offer(seller, 5 * KWH) });
  await world.buy(buyer, terms);
  await seller.desk.deliver(seller.agentId, terms, KWH);
  await world.clock.pass(5_000);
  const records = async () => [(await seller.desk.audit()).records, (await buyer.desk.audit()).records];
  const before = await records();
  const letters = world.mail.sent.length;
  for (let round = 0; round < 2; round += 1) {
    for (let index = 0; index < letters; index += 1) world.mail.replay(index);
    await world.clock.pass(5_000);
    for (const house of [seller, buyer]) {
      world.kill(house);
      await world.restart(house);
    }
    // Not even with the memory of nonces gone: effects are known by their own ids.
    world.mail.forgetNonces();
  }
  await world.clock.pass(5_000);
  assert.deepEqual(await records(), before);
});

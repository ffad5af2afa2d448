import assert from "node:assert/strict";
import test from "node:test";
import { isEndPair, type JournalRecord, slotId } from "@gridmesh/protocol";
import { apply } from "../src/trade/apply.ts";
import { meaningOf } from "../src/trade/audit.ts";
import { auditDesk, memoryDisk } from "../src/trade/index.ts";
import { breaches } from "../src/trade/invariants.ts";
import { recoverJournal } from "../src/trade/recovery.ts";
import { emptyState } from "../src/trade/state.ts";
import { seededRandom, settle } from "./trade-mail.ts";
import { type House, orderBytes, rejectsWith, SLOT, World } from "./trade-world.ts";

const KWH = 1_000_000;
const tariff = { retailMicroPerKWh: 250_000, feedInMicroPerKWh: 50_000 };

test("from a disk whose sync never returns no message leaves", async () => {
  const world = new World(100);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer", { energyMilliWh: 3 * KWH });
  const operator = { agentId: seller.agentId, peerId: seller.peerId };
  const offerId = await world.offer(seller, 10 * KWH);
  const done = world.terms(buyer, seller, { offerId });
  await world.buy(buyer, done);
  await world.clock.pass(1_000);
  let sent = world.mail.sent.length;
  const hang = (house: House) => {
    house.disk.faults.beforeSync = () => new Promise(() => {});
  };
  let told = 0;
  hang(seller);
  const tell = () => void (told += 1);
  const other = world.terms(buyer, seller, { offerId });
  const answer = () => ({ header: "", body: "" });
  void seller.desk.decide(other, orderBytes(other), answer).then(tell);
  // A copy of an order whose decision is not on the disk yet must wait for it too.
  void seller.desk.decide(other, orderBytes(other), answer).then(tell);
  void seller.desk.deliver(seller.agentId, done, KWH).then(tell);
  hang(buyer);
  const third = world.terms(buyer, seller, { offerId });
  void buyer.desk.hold(third, orderBytes(third)).then(tell);
  const imbalance = { agentId: buyer.agentId, slot: SLOT, quantityMilliWh: 5, priceMicroPerKWh: 250_000 };
  void buyer.desk.imbalance({ ...imbalance, operator }).then(tell);
  await world.clock.pass(60_000);
  assert.equal(world.mail.sent.length - sent, 0);
  assert.equal(told, 0);
  assert.deepEqual(
    seller.events.map((event) => event.kind),
    ["accepted"],
  );
  sent = world.mail.sent.length;
  seller.linked(buyer.peerId);
  await world.clock.pass(60_000);
  assert.equal(world.mail.sent.length - sent, 0);
});

test("a failing disk stops the desk: it tells the node and takes nothing more", async () => {
  const world = new World(101);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 10 * KWH);
  const terms = world.terms(buyer, seller, { offerId });
  seller.disk.faults.beforeSync = () => {
    throw new Error("EIO");
  };
  const answer = (decision: object) => ({ header: "", body: JSON.stringify(decision) });
  await rejectsWith(seller.desk.decide(terms, orderBytes(terms), answer), "DISK_FAILED");
  assert.deepEqual(
    seller.fatal.map((error) => error.code),
    ["DISK_FAILED"],
  );
  seller.disk.faults.beforeSync = undefined;
  await rejectsWith(seller.desk.decide(terms, orderBytes(terms), answer), "DISK_FAILED");
  await rejectsWith(world.offer(seller, KWH), "DISK_FAILED");
  world.kill(seller);
  await world.restart(seller);
  await world.buy(buyer, terms);
  assert.equal(buyer.desk.orders()[0]?.state, "COMMITTED");
});

test("below the reserve no order begins, and open ones end", async () => {
  const world = new World(102);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 10 * KWH);
  const open = world.terms(buyer, seller, { offerId });
  await world.buy(buyer, open);
  for (const { disk } of [seller, buyer]) disk.faults.freeBytes = 100 * 1024 * 1024;
  await world.clock.pass(10_000);
  seller.desk.openOffers();
  const late = world.terms(buyer, seller, { offerId });
  await buyer.desk.hold(late, orderBytes(late)).catch(() => undefined);
  await settle();
  assert.deepEqual(seller.desk.openOffers(), []);
  const later = world.terms(buyer, seller, { offerId });
  await rejectsWith(buyer.desk.hold(later, orderBytes(later)), "DISK_FAILED");
  await seller.desk.deliver(seller.agentId, open, KWH);
  await world.clock.pass(10_000);
  assert.equal(buyer.desk.order(buyer.agentId, open)?.state, "CLOSED");
});

/** A trade and an imbalance, with one of the two nodes losing its power at its n-th write. */
async function tradeWithPowerLoss(victimName: "seller" | "buyer", atWrite: number): Promise<boolean> {
  const world = new World(1_000 + atWrite);
  const seller = await world.house("seller", { energyMilliWh: 9 * KWH, tariff });
  const buyer = await world.house("buyer", { energyMilliWh: 3 * KWH });
  const victim = victimName === "seller" ? seller : buyer;
  const offerId = await world.offer(seller, 2 * KWH);
  let writes = 0;
  let lost = false;
  victim.disk.faults.beforeWrite = () => {
    writes += 1;
    if (writes !== atWrite) return undefined;
    lost = true;
    world.mail.down.add(victim.peerId);
    return new Promise<void>(() => {});
  };
  const terms = world.terms(buyer, seller, { offerId });
  const operator = { agentId: seller.agentId, peerId: seller.peerId };
  const draw = {
    agentId: buyer.agentId,
    slot: SLOT,
    quantityMilliWh: KWH,
    priceMicroPerKWh: 250_000,
    operator,
  };
  const steps = [
    () => world.buy(buyer, terms),
    () => buyer.desk.imbalance(draw),
    () => seller.desk.deliver(seller.agentId, terms, KWH),
  ];
  for (const step of steps) {
    void step().catch(() => undefined);
    await world.clock.pass(3_000);
    if (!lost || !world.mail.down.has(victim.peerId)) continue;
    void victim.desk.stop();
    victim.disk = victim.disk.afterPowerLoss(world.random);
    await world.restart(victim);
    void step().catch(() => undefined);
  }
  await world.clock.pass(30_000);
  const sold = seller.desk.orders()[0];
  if (sold?.state === "ACCEPTED") await seller.desk.deliver(seller.agentId, terms, KWH);
  await world.clock.pass(370_000);
  const bought = buyer.desk.orders()[0];
  const ended = seller.desk.orders()[0];
  assert(bought !== undefined && ended !== undefined, `write ${atWrite} of ${victimName}`);
  assert(isEndPair(bought.state as "CLOSED", ended.state as "SETTLED"), `${bought.state} ${ended.state}`);
  assert.equal(buyer.desk.pending().imbalances, 0);
  await world.assertSound();
  world.assertPairsCancel();
  return lost;
}

test("a power loss at any write of either side loses and doubles nothing", async () => {
  for (const victim of ["seller", "buyer"] as const) {
    let losses = 0;
    for (let atWrite = 1; atWrite <= 12; atWrite += 1) {
      const lost = await tradeWithPowerLoss(victim, atWrite).catch((error: unknown) => {
        throw new Error(`${victim} at write ${atWrite}`, { cause: error });
      });
      if (lost) losses += 1;
    }
    assert.equal(losses >= 4, true, `${victim}: ${losses} losses`);
  }
});

test("applying a journal twice, or from any record on again, changes nothing", async () => {
  const world = new World(103);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer");
  const terms = world.terms(buyer, seller, { offerId: await world.offer(seller, 5 * KWH) });
  await world.buy(buyer, terms);
  await seller.desk.deliver(seller.agentId, terms, KWH);
  await world.clock.pass(5_000);
  const records: JournalRecord[] = [];
  await recoverJournal(seller.disk, { tell: (it) => records.push(it), repair: false });
  const state = emptyState();
  for (const record of records) apply(state, record);
  const once = meaningOf(state);
  for (let from = 0; from < records.length; from += 1) {
    for (const record of records.slice(from)) apply(state, record);
    assert.equal(meaningOf(state), once);
  }
  assert.deepEqual(breaches(state), []);
});

test("the audit of a folder finds what was changed in it, and of a running desk that all agrees", async () => {
  const world = new World(104);
  const house = await world.house("house", { energyMilliWh: KWH });
  const entry = { kind: "produce", agentId: house.agentId, quantityMilliWh: 7 } as const;
  for (const key of ["a", "b", "c"]) await house.desk.record({ ...entry, key });
  const audit = await auditDesk(house.desk);
  assert.deepEqual(audit, { agree: true, records: 5, books: 1, entries: 10, differences: [] });
  assert.deepEqual(await auditDesk(house.disk.afterKill()), audit);
  const size = house.disk.sizeOf("1.log");
  const bytes = await house.disk.read("1.log");
  for (let at = 0; at < size - 200; at += 97) {
    const changed = memoryDisk(new Map([["1.log", bytes]]));
    changed.flip("1.log", at * 8);
    const found = await auditDesk(changed);
    assert.equal(found.agree, false, `byte ${at}`);
  }
});

test("a seller that signs two deliveries, or two decisions, is convicted and nothing moves", async () => {
  const world = new World(105);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer");
  const terms = world.terms(buyer, seller, { offerId: await world.offer(seller, 5 * KWH) });
  await world.buy(buyer, terms);
  const refusal = { accepted: false, reason: "QUANTITY_UNAVAILABLE", contractId: "c" };
  const said = { header: "", body: "no" };
  await rejectsWith(buyer.desk.conclude(buyer.agentId, terms.orderId, refusal, said), "EQUIVOCATION");
  assert.equal(buyer.desk.orders()[0]?.state, "COMMITTED");
  // The same journal on two disks: a seller that forgot, or lies.
  const before = seller.disk.afterKill();
  await seller.desk.deliver(seller.agentId, terms, KWH);
  await world.clock.pass(5_000);
  assert.equal(buyer.desk.orders()[0]?.state, "CLOSED");
  world.kill(seller);
  seller.disk = before;
  await world.restart(seller);
  await seller.desk.deliver(seller.agentId, terms, 2);
  await world.clock.pass(5_000);
  assert.equal(buyer.desk.orders()[0]?.finalMilliWh, KWH);
  assert.equal(seller.desk.orders()[0]?.state, "DELIVERED");
});

test("a message that had its effect is a replay after kill −9 too, with every memory of nonces gone", async () => {
  const world = new World(109);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer");
  const terms = world.terms(buyer, seller, { offerId: await world.offer(seller, 5 * KWH) });
  await world.buy(buyer, terms);
  await seller.desk.deliver(seller.agentId, terms, KWH);
  await world.clock.pass(5_000);
  world.kill(buyer);
  await world.restart(buyer);
  await world.clock.pass(5_000);
  world.mail.forgetNonces();
  const letters = world.mail.sent.length;
  const first = world.mail.sent.findIndex((letter) => letter.to === buyer.peerId);
  world.mail.replay(first);
  await world.clock.pass(5_000);
  assert.equal(world.mail.sent.length, letters);
});

test("a journal of another node is refused", async () => {
  const world = new World(106);
  const house = await world.house("house");
  world.kill(house);
  await rejectsWith(world.house("other", {}, house.disk), "JOURNAL_DAMAGED");
});

test("what is offered, reserved and still needed is told per slot", async () => {
  const world = new World(107);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const offerId = await world.offer(seller, 10 * KWH);
  const untilMs = world.clock.nowMs() + 60_000;
  seller.desk.reserve({ offerId, transactionId: "t", quantityMilliWh: 4 * KWH, untilMs });
  seller.desk.reserve({ offerId, transactionId: "t", quantityMilliWh: 6 * KWH, untilMs });
  assert.equal(seller.desk.openOffers({ slotId: slotId(SLOT) })[0]?.leftMilliWh, 4 * KWH);
  assert.equal(seller.desk.availableMilliWh(seller.agentId), 8 * KWH);
  await world.clock.pass(61_000);
  assert.equal(seller.desk.openOffers()[0]?.leftMilliWh, 10 * KWH);
  assert.throws(
    () => seller.desk.reserve({ offerId, transactionId: "u", quantityMilliWh: 11 * KWH, untilMs }),
    { code: "QUANTITY_UNAVAILABLE" },
  );
  world.kill(seller);
  await world.restart(seller);
  assert.equal(seller.desk.openOffers({ agentId: seller.agentId })[0]?.offerId, offerId);
  assert.deepEqual(seller.desk.openOffers({ slotId: "home/0/3600" }), []);
  await world.clock.pass(3_000_000);
  assert.deepEqual(seller.desk.openOffers(), []);
  assert.throws(() => seller.desk.reserve({ offerId, transactionId: "u", quantityMilliWh: 1, untilMs }), {
    code: "OFFER_EXPIRED",
  });
});

test("seeds repeat: the same chance makes the same journal", async () => {
  const run = async () => {
    const world = new World(108);
    const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
    const buyer = await world.house("buyer");
    world.mail.faults.lossPercent = 30;
    const terms = world.terms(buyer, seller, { offerId: await world.offer(seller, 5 * KWH) });
    await world.buy(buyer, terms);
    await seller.desk.deliver(seller.agentId, terms, KWH).catch(() => undefined);
    await world.clock.pass(30_000);
    return Buffer.from(await seller.disk.read("1.log")).toString("hex");
  };
  assert.equal(await run(), await run());
  assert.equal(seededRandom(3).below(1_000), seededRandom(3).below(1_000));
});

import assert from "node:assert/strict";
import test from "node:test";
import type { JournalRecord, RecordOf, TradeSend, TradeStatement } from "@gridmesh/protocol";
import { auditDesk, memoryDisk, type MemoryDisk } from "../src/trade/index.ts";
import { recordBytes } from "../src/trade/journal.ts";
import { CHAIN_BYTES, encodeFrame, encodeHeader } from "../src/trade/journal-format.ts";
import { recoverJournal } from "../src/trade/recovery.ts";
import { START_MS } from "./trade-mail.ts";
import { type House, rejectsWith, World } from "./trade-world.ts";

const KWH = 1_000_000;
const DAY_MS = 24 * 3_600_000;

/** A seller and a buyer with so many orders settled between them. */
async function neighbours(seed: number, orders: number) {
  const world = new World(seed);
  const seller = await world.house("seller", { energyMilliWh: 15 * KWH });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 15 * KWH);
  const orderIds: string[] = [];
  for (let count = 0; count < orders; count += 1) {
    const terms = world.terms(buyer, seller, { offerId, quantityMilliWh: 10_000 });
    await world.buy(buyer, terms);
    const key = { buyer: buyer.agentId, orderId: terms.orderId };
    await seller.desk.deliver(seller.agentId, key, 10_000 - count);
    await world.clock.pass(2_000);
    orderIds.push(terms.orderId);
  }
  assert.deepEqual(seller.desk.pending().orders + buyer.desk.pending().orders, 0);
  return { world, seller, buyer, orderIds };
}

function link(...[one, other]: readonly [House, House]): void {
  one.linked(other.peerId);
  other.linked(one.peerId);
}

async function recordsOn(disk: MemoryDisk): Promise<readonly JournalRecord[]> {
  const records: JournalRecord[] = [];
  await recoverJournal(disk, { tell: (record) => records.push(record), repair: false });
  return records;
}

async function statementsOn({ disk }: House): Promise<readonly RecordOf<"statement">[]> {
  return (await recordsOn(disk)).filter((record) => record.kind === "statement");
}

/** The same journal, its chain as it must be, but for what `change` makes of a record. */
async function rewritten(disk: MemoryDisk, change: (record: JournalRecord) => JournalRecord) {
  let chain: Uint8Array = new Uint8Array(CHAIN_BYTES);
  const parts = [encodeHeader({ firstSeq: 1, chain })];
  for (const record of await recordsOn(disk)) {
    const next = encodeFrame(chain, [recordBytes(change(record))]);
    parts.push(next.frame);
    chain = next.chain;
  }
  return memoryDisk(new Map([["1.log", Buffer.concat(parts)]]));
}

/** The buyer's book says of one order that a little less was paid. */
async function falsify({ world, buyer, orderIds }: Awaited<ReturnType<typeof neighbours>>, index: number) {
  world.kill(buyer);
  buyer.disk = await rewritten(buyer.disk, (record) =>
    record.kind === "receive" && record.key.endsWith(orderIds[index] ?? "none")
      ? { ...record, amountMicro: record.amountMicro - 1 }
      : record,
  );
  await world.boot(buyer);
}

test("once a day both sides sign what was settled between them, and keep both signatures", async () => {
  const { world, seller, buyer } = await neighbours(1, 5);
  link(seller, buyer);
  await world.clock.pass(60_000);
  assert.deepEqual(await statementsOn(seller), [], "the day is not over");
  await world.clock.pass(DAY_MS + 2 * 3_600_000);
  link(seller, buyer);
  await world.clock.pass(60_000);
  const [mine, theirs] = [await statementsOn(buyer), await statementsOn(seller)];
  assert.equal(mine.length, 1);
  assert.deepEqual(mine[0]?.documents, theirs[0]?.documents?.toReversed());
  const [bought, sold] = (mine[0]?.documents ?? []) as readonly TradeStatement[];
  assert.equal(bought?.root, sold?.root);
  assert.equal(bought?.totals.orders, 5);
  assert.equal(bought?.totals.paidMicro, sold?.totals.receivedMicro);
  assert.equal(bought?.totals.inMilliWh, 50_000 - 10);
  link(seller, buyer);
  await world.clock.pass(60_000);
  assert.equal((await statementsOn(buyer)).length, 1, "one for the same time is enough");
  await world.assertSound();
});

test("a lost answer to a statement leaves both sides with the same one in the end", async () => {
  const { world, seller, buyer } = await neighbours(2, 2);
  await world.clock.pass(DAY_MS + 2 * 3_600_000);
  world.mail.faults.lossPercent = 60;
  for (let round = 0; round < 12; round += 1) {
    link(seller, buyer);
    await world.clock.pass(30_000);
  }
  world.mail.faults.lossPercent = 0;
  link(seller, buyer);
  await world.clock.pass(30_000);
  const [mine, theirs] = [await statementsOn(buyer), await statementsOn(seller)];
  assert.deepEqual([mine.length, theirs.length], [1, 1]);
  const [bought, sold] = [...mine, ...theirs].map(({ documents }) => documents?.[0] as TradeStatement);
  assert.equal(bought?.root, sold?.root);
  assert.deepEqual([...seller.desk.disagreements(), ...buyer.desk.disagreements()], []);
});

test("books that differ in one order of two hundred are found out, and both sides name it", async () => {
  const street = await neighbours(3, 200);
  const { world, seller, buyer, orderIds } = street;
  const changed = 131;
  await falsify(street, changed);
  link(seller, buyer);
  await world.clock.pass(60_000);
  for (const { desk } of [seller, buyer]) {
    const [said] = desk.disagreements();
    assert.match(said ?? "nothing", new RegExp(`order ${orderIds[changed]} is .* here and .* there`));
  }
});

test("no statement is signed over books that differ: LEDGER_MISMATCH, and the order is named", async () => {
  const street = await neighbours(4, 3);
  const { world, seller, buyer, orderIds } = street;
  await falsify(street, 1);
  await world.clock.pass(DAY_MS + 2 * 3_600_000 - (world.clock.nowMs() - START_MS));
  link(seller, buyer);
  await world.clock.pass(60_000);
  const [proposal] = world.mail.sent.flatMap(({ from, to, bytes }) => {
    const message = JSON.parse(Buffer.from(bytes).toString()) as Partial<TradeSend>;
    return message.documents?.[0]?.type === "trade_statement" ? [{ from, to, message }] : [];
  });
  assert(proposal !== undefined, "one side proposed");
  const { from, to, message } = proposal;
  const [proposer, other] = from === seller.peerId ? [seller, buyer] : [buyer, seller];
  const draft = { type: "trade_send", recipient_id: other.agentId, documents: message.documents };
  const { signer } = proposer.agent;
  const refused = rejectsWith(
    world.mail.exchangeOf(from).request(to, "trade", draft, { signer }),
    "LEDGER_MISMATCH",
  );
  await world.clock.pass(5_000);
  await refused;
  assert.match(buyer.desk.disagreements()[0] ?? "nothing", new RegExp(`order ${orderIds[1]}`));
  assert.deepEqual(await statementsOn(seller), []);
});

test("who lost its journal is told which order it does not know any more, and the hold stays", async () => {
  const world = new World(5);
  const seller = await world.house("seller", { energyMilliWh: 15 * KWH });
  const buyer = await world.house("buyer");
  const terms = world.terms(buyer, seller, { offerId: await world.offer(seller, 2 * KWH) });
  await world.buy(buyer, terms);
  world.kill(seller);
  seller.disk = memoryDisk();
  await world.boot(seller);
  link(seller, buyer);
  await world.clock.pass(60_000);
  const { money } = buyer.desk.book(buyer.agentId);
  assert.equal(money["held"], 150_000);
  assert.match(buyer.desk.disagreements()[0] ?? "nothing", /is COMMITTED here and unknown there/);
});

test("a stranger is answered an empty standing, and learns of no order", async () => {
  const { world, seller, orderIds } = await neighbours(6, 1);
  const stranger = await world.house("stranger");
  const exchange = world.mail.exchangeOf(stranger.peerId);
  const { signer } = stranger.agent;
  const to = { type: "trade_orders", recipient_id: seller.agentId };
  const orders = orderIds.map((orderId) => ({
    orderId,
    orderHash: `sha256:${"0".repeat(64)}`,
    state: "HELD",
  }));
  const ended = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, after: "", upTo: null };
  const asked = exchange.request(seller.peerId, "trade", { ...to, orders, ended }, { signer });
  await world.clock.pass(5_000);
  assert.deepEqual((await asked).body["orders"], []);
});

test("the audit of a folder names a statement that both did not sign, and one the book does not bear out", async () => {
  const { world, seller, buyer } = await neighbours(7, 3);
  await world.clock.pass(DAY_MS + 2 * 3_600_000);
  link(seller, buyer);
  await world.clock.pass(60_000);
  const { disk } = buyer;
  assert.deepEqual((await auditDesk(disk)).differences, []);
  const forged = await rewritten(disk, (record) => {
    if (record.kind !== "statement") return record;
    const documents = record.documents?.map((document) => ({
      ...document,
      root: `sha256:${"0".repeat(64)}`,
    }));
    return { ...record, documents } as JournalRecord;
  });
  const said = (await auditDesk(forged)).differences.join("\n");
  assert.match(said, /buyer, statement with ed25519:\w+ of 0 … \d+ is of 3 orders/);
  assert.match(said, /trade_statement is not signed by whom it names/);
});

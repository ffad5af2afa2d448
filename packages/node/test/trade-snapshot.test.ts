import assert from "node:assert/strict";
import test from "node:test";
import { memoryDisk, type MemoryDisk } from "../src/trade/index.ts";
import { HEADER_BYTES } from "../src/trade/journal-format.ts";
import { readSnapshot, snapshotsAmong } from "../src/trade/snapshot.ts";
import { settle } from "./trade-mail.ts";
import { type House, rejectsWith, World } from "./trade-world.ts";

const KWH = 1_000_000;

/** Trades in every state that lasts, and a snapshot after each forty records or more. */
async function busyStreet(seed: number, trades = 20) {
  const world = new World(seed);
  world.snapshotEvery = 40;
  const seller = await world.house("seller", { energyMilliWh: 15 * KWH });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 15 * KWH);
  for (let count = 0; count < trades; count += 1) {
    const terms = world.terms(buyer, seller, { offerId, quantityMilliWh: 10_000 });
    const isOfOldEpoch = count % 5 === 0;
    await world.buy(buyer, isOfOldEpoch ? { ...terms, offerEpoch: "00" } : terms);
    const key = { buyer: buyer.agentId, orderId: terms.orderId };
    if (count % 5 === 1) await buyer.desk.cancel(buyer.agentId, terms.orderId);
    if (count % 5 > 2) await seller.desk.deliver(seller.agentId, key, 9_000);
    await world.clock.pass(1_000);
  }
  await settle();
  return { world, seller, buyer };
}

function everything({ desk, agentId }: House) {
  return { books: desk.books(), offers: desk.openOffers(), open: desk.orders({ agentId, open: true }) };
}

async function newest(disk: MemoryDisk): Promise<string> {
  const [found] = snapshotsAmong(await disk.list());
  assert(found !== undefined, "there is a snapshot");
  return found.name;
}

/** The files of a disk, changed. */
async function filesOf(
  disk: MemoryDisk,
  change: (files: Map<string, Uint8Array>) => void,
): Promise<MemoryDisk> {
  const files = new Map<string, Uint8Array>();
  for (const name of await disk.list()) files.set(name, await disk.read(name));
  change(files);
  return memoryDisk(files);
}

test("a start from a snapshot has the books, orders and offers of a start from the whole journal", async () => {
  const { world, seller, buyer } = await busyStreet(1);
  for (const house of [seller, buyer]) {
    const before = everything(house);
    world.kill(house);
    await newest(house.disk);
    await world.boot(house);
    assert.deepEqual(everything(house), before);
    world.kill(house);
    house.disk = await filesOf(house.disk, (files) => {
      for (const { name } of snapshotsAmong([...files.keys()])) files.delete(name);
    });
    await world.boot(house);
    assert.deepEqual(everything(house), before);
  }
  await world.clock.pass(60_000);
  await world.assertSound();
});

test("a snapshot with any changed byte is passed over for the one before it, or the journal", async () => {
  const { world, seller } = await busyStreet(2);
  const before = everything(seller);
  world.kill(seller);
  const whole = seller.disk;
  const name = await newest(whole);
  const bits = whole.sizeOf(name) * 8;
  for (let bit = 5; bit < bits; bit += Math.floor(bits / 40)) {
    seller.disk = whole.afterKill();
    seller.disk.flip(name, bit);
    // Twelve bytes of a header are kept for later and say nothing, but its checksum covers them too.
    assert.equal(await readSnapshot(seller.disk, { name, lastSeq: Number.parseInt(name) }), undefined);
    await world.boot(seller);
    assert.deepEqual(everything(seller), before);
    world.kill(seller);
  }
});

test("a journal that ends before its snapshot is refused, by the snapshot's name", async () => {
  const { world, seller } = await busyStreet(3);
  world.kill(seller);
  const name = await newest(seller.disk);
  seller.disk = await filesOf(seller.disk, (files) => {
    files.set("1.log", (files.get("1.log") ?? new Uint8Array()).subarray(0, HEADER_BYTES));
  });
  await rejectsWith(world.boot(seller), "JOURNAL_DAMAGED");
  await assert.rejects(world.boot(seller), new RegExp(name));
});

test("a snapshot of another journal is refused", async () => {
  const { world, seller, buyer } = await busyStreet(4);
  world.kill(seller);
  const name = await newest(seller.disk);
  const foreign = await buyer.disk.read(await newest(buyer.disk));
  seller.disk = await filesOf(seller.disk, (files) => files.set(name, foreign));
  await rejectsWith(world.boot(seller), "JOURNAL_DAMAGED");
});

test("two snapshots are kept, and none that was being written when the power went", async () => {
  const { world, seller } = await busyStreet(5, 60);
  assert.equal(snapshotsAmong(await seller.disk.list()).length, 2);
  world.kill(seller);
  seller.disk = await filesOf(seller.disk, (files) => files.set("999.snap.tmp", new Uint8Array(100)));
  await world.boot(seller);
  assert(!(await seller.disk.list()).some((name) => name.endsWith(".tmp")));
});

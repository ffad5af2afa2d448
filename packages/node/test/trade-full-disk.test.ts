/** Disks that are full, or fail, at any write of a trade; and that nothing is said before it is on one. */

import assert from "node:assert/strict";
import test from "node:test";
import { canonicalize, isEndPair, isProtocolError, type JsonValue } from "@gridmesh/protocol";
import type { Random } from "../src/clock.ts";
import { silentLog } from "../src/log.ts";
import { watchDisk } from "../src/trade/disk-watch.ts";
import { type MemoryDisk, memoryDisk } from "../src/trade/index.ts";
import { settle, VirtualClock } from "./trade-mail.ts";
import { type House, orderBytes, rejectsWith, SLOT, World } from "./trade-world.ts";

const KWH = 1_000_000;
const MIB = 1024 * 1024;
const tariff = { retailMicroPerKWh: 250_000, feedInMicroPerKWh: 50_000 };

interface Scene {
  readonly world: World;
  readonly seller: House;
  readonly buyer: House;
  readonly steps: readonly (() => Promise<void>)[];
}

/** A trade and a statement of imbalance, step by step. */
async function scene(seed: number): Promise<Scene> {
  const world = new World(seed);
  const seller = await world.house("seller", { energyMilliWh: 9 * KWH, tariff });
  const buyer = await world.house("buyer", { energyMilliWh: 3 * KWH });
  const terms = world.terms(buyer, seller, { offerId: await world.offer(seller, 5 * KWH) });
  const operator = { agentId: seller.agentId, peerId: seller.peerId };
  const entry = { agentId: buyer.agentId, slot: SLOT, quantityMilliWh: KWH, priceMicroPerKWh: 250_000 };
  const steps = [
    () => world.buy(buyer, terms),
    () => buyer.desk.imbalance({ ...entry, operator }),
    () => seller.desk.deliver(seller.agentId, terms, KWH),
  ];
  return { world, seller, buyer, steps };
}

/** Refusals are part of it; anything else is not. */
async function attempt(step: () => Promise<void>): Promise<void> {
  await step().catch((error: unknown) => {
    if (!isProtocolError(error)) throw error;
  });
}

async function mustEndAlike({ world, seller, buyer }: Scene, where: string): Promise<void> {
  await world.clock.pass(370_000);
  const [bought, sold] = [buyer.desk.orders()[0], seller.desk.orders()[0]];
  assert(bought !== undefined && sold !== undefined, where);
  assert(
    isEndPair(bought.state as "CLOSED", sold.state as "SETTLED"),
    `${where}: ${bought.state} ${sold.state}`,
  );
  assert.deepEqual(buyer.desk.pending(), { orders: 0, imbalances: 0 }, where);
  await world.assertSound();
  world.assertPairsCancel();
}

/** Calls `at` before the n-th write of a house's disk. */
function beforeWrite(house: House, number: number, at: () => void): void {
  let writes = 0;
  house.disk.faults.beforeWrite = () => {
    writes += 1;
    if (writes === number) at();
  };
}

test("a disk that is full from any write on takes no new order, and what is open ends", async () => {
  for (const who of ["seller", "buyer"] as const) {
    let reached = 0;
    for (let write = 1; write <= 6; write += 1) {
      const it = await scene(2_000 + write);
      const { world, seller, buyer } = it;
      const full = it[who];
      beforeWrite(full, write, () => void (full.disk.faults.freeBytes = 100 * MIB));
      for (const step of it.steps) {
        await attempt(step);
        // The disk is looked at every five seconds, when somebody asks.
        await world.clock.pass(6_000);
        full.desk.openOffers();
        await settle();
      }
      if (full.disk.faults.freeBytes === undefined) break;
      reached += 1;
      const terms = world.terms(buyer, seller, { offerId: seller.desk.orders()[0]?.orderId ?? "" });
      if (who === "buyer") await rejectsWith(buyer.desk.hold(terms, orderBytes(terms)), "DISK_FAILED");
      else {
        assert.deepEqual(seller.desk.openOffers(), []);
        await rejectsWith(world.offer(seller, KWH), "DISK_FAILED");
      }
      await mustEndAlike(it, `${who} full at write ${write}`);
    }
    assert.ok(reached >= 3, `${who} wrote ${reached} times`);
  }
});

test("an error of the disk at any write or sync stops the desk, and nothing is lost after a restart", async () => {
  for (const who of ["seller", "buyer"] as const) {
    let failures = 0;
    for (let call = 1; call <= 12; call += 1) {
      const it = await scene(3_000 + call);
      const { world } = it;
      const failing = it[who];
      let calls = 0;
      const count = () => {
        calls += 1;
        if (calls >= call) throw new Error("EIO");
      };
      Object.assign(failing.disk.faults, { beforeWrite: count, beforeSync: count });
      for (const step of it.steps) {
        await attempt(step);
        await world.clock.pass(3_000);
        if (failing.fatal.length === 0) continue;
        const said = world.mail.sent.filter(({ from }) => from === failing.peerId).length;
        await world.clock.pass(5_000);
        await attempt(step);
        if (failures === 0) await rejectsWith(failing.desk.withdraw(""), "OFFER_NOT_FOUND");
        failures += 1;
        assert.equal(failing.fatal.length, 1, "the node is told once");
        const repeated = world.mail.sent.filter(({ from }) => from === failing.peerId).slice(said);
        assert.ok(
          repeated.every((letter) => isOnDisk(failing.disk, letter.bytes)),
          "only what was synced",
        );
        world.kill(failing);
        failing.disk = failing.disk.afterPowerLoss(world.random);
        failing.fatal.length = 0;
        await world.restart(failing);
        await attempt(step);
      }
      const [sold] = it.seller.desk.orders();
      if (sold?.state === "ACCEPTED") await attempt(it.steps[2] ?? (() => Promise.resolve()));
      await mustEndAlike(it, `${who} fails at call ${call}`);
    }
    assert.ok(failures >= 8, `${who} failed ${failures} times`);
  }
});

/** What a power loss leaves at least: of what is not synced, nothing. */
const least: Random = { bytes: (length) => new Uint8Array(length), below: () => 0 };

/** Does the synced journal hold every document of this message? */
async function isOnDisk(disk: MemoryDisk, message: Uint8Array): Promise<boolean> {
  const { documents = [] } = JSON.parse(Buffer.from(message).toString("utf8")) as {
    readonly documents?: readonly JsonValue[];
  };
  const left = disk.afterPowerLoss(least);
  const journal = Buffer.from(await left.read("1.log")).toString("utf8");
  return documents.every((document) => journal.includes(canonicalize(document)));
}

test("whatever a node says of a trade is on its disk when it says it", async () => {
  const it = await scene(4_000);
  const { world } = it;
  for (const { disk } of [it.seller, it.buyer]) {
    disk.faults.beforeSync = () => world.clock.sleep(1 + world.random.below(20));
  }
  const checks: Promise<boolean>[] = [];
  let seen = 0;
  const check = () => {
    for (const { from, bytes } of world.mail.sent.slice(seen)) {
      const house = world.houses.get(from);
      assert(house !== undefined);
      checks.push(isOnDisk(house.disk, bytes));
    }
    seen = world.mail.sent.length;
  };
  const looking = () => {
    check();
    world.clock.timer(1, looking);
  };
  looking();
  for (const step of it.steps) {
    const done = step();
    await world.clock.pass(3_000);
    await done;
  }
  check();
  assert.ok(checks.length >= 4, `${checks.length} messages`);
  assert.ok((await Promise.all(checks)).every(Boolean));
  assert.equal(it.buyer.desk.orders()[0]?.state, "CLOSED");
});

test("the reserve is kept while there is room, and given up when there is hardly any", async () => {
  const clock = new VirtualClock();
  const disk = Object.assign(memoryDisk(), { keepsReserve: true });
  const watch = watchDisk({ disk, clock, log: silentLog() });
  await watch.look();
  await watch.stop();
  assert.deepEqual(await disk.list(), ["reserve"]);
  assert.equal(disk.sizeOf("reserve"), 16 * MIB);
  disk.faults.freeBytes = 17 * MIB;
  await watch.look();
  assert.equal(watch.low(), true);
  assert.deepEqual(await disk.list(), ["reserve"]);
  disk.faults.freeBytes = 15 * MIB;
  await watch.look();
  assert.deepEqual(await disk.list(), []);
  disk.faults.freeBytes = 300 * MIB;
  await watch.look();
  await watch.stop();
  assert.equal(watch.low(), false);
  assert.deepEqual(await disk.list(), ["reserve"]);
});

test("a reserve that does not fit leaves nothing behind, and is made once there is room", async () => {
  const clock = new VirtualClock();
  const disk = Object.assign(memoryDisk(), { keepsReserve: true });
  const watch = watchDisk({ disk, clock, log: silentLog() });
  let writes = 0;
  disk.faults.beforeWrite = () => {
    writes += 1;
    if (writes > 5) throw new Error("ENOSPC");
  };
  await watch.look();
  await watch.stop();
  assert.deepEqual(await disk.list(), []);
  disk.faults.beforeWrite = undefined;
  await watch.look();
  await watch.stop();
  assert.deepEqual(await disk.list(), ["reserve"]);
});

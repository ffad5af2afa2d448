import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { nodeEngine } from "../src/gate/engine.ts";
import { createIdentity, identityFromSeed } from "../src/identity.ts";
import { silentLog } from "../src/log.ts";
import { marketClock } from "../src/market-clock.ts";
import { rotateKey } from "../src/rotate.ts";
import { auditDesk, folderDisk, type JournalDisk, openTradeDesk, openWork } from "../src/trade/index.ts";
import type { TradeDesk } from "../src/trade/types.ts";
import { NETWORK } from "./trade-mail.ts";
import { type House, PLENTY, SLOT, World } from "./trade-world.ts";

const KWH = 1_000_000;
const successor = identityFromSeed(new Uint8Array(32).fill(5));

/** The desk of a house whose keys were handed over while it was down. */
function reopen(
  world: World,
  house: House,
  more: Partial<Parameters<typeof openTradeDesk>[0]> = {},
): Promise<TradeDesk> {
  return openTradeDesk({
    disk: house.disk,
    network: NETWORK,
    peerId: successor.peerId,
    exchange: world.mail.exchangeOf(successor.peerId),
    engine: nodeEngine(),
    clock: world.clock,
    random: world.random,
    market: marketClock(world.clock),
    log: silentLog(),
    ...more,
  });
}

test("books go on under the new keys of node and agent, to the last unit, and old offers are gone", async () => {
  const world = new World(71);
  const utility = await world.house("utility", {
    energyMilliWh: 9 * 10 ** 11,
    tariff: { retailMicroPerKWh: 250_000, feedInMicroPerKWh: 50_000 },
  });
  const house = await world.house("house", { energyMilliWh: 3 * KWH });
  const { agentId, peerId } = house;
  const operator = { agentId: utility.agentId, peerId: utility.peerId };
  await house.desk.imbalance({
    agentId,
    slot: SLOT,
    quantityMilliWh: KWH,
    priceMicroPerKWh: 250_000,
    operator,
  });
  await world.clock.pass(10_000);
  await world.offer(house, KWH);
  const before = house.desk.book(agentId);
  assert.equal(house.desk.openOffers().length, 1);
  world.kill(house);

  await assert.rejects(reopen(world, house), { code: "JOURNAL_DAMAGED" }, "nobody else's journal");
  const newId = successor.signer.agentId;
  const successors = new Map([[agentId, newId]]);
  for (const run of ["first", "second"]) {
    const desk = await reopen(world, house, { formerPeerIds: [peerId], successors });
    const after = desk.book(newId);
    assert.deepEqual([after.money, after.energy], [before.money, before.energy], run);
    assert.throws(() => desk.book(agentId), { code: "AGENT_NOT_FOUND" });
    const opening = { moneyMicro: 1, energyMilliWh: 1, capacityMilliWh: 15_000_000, policy: PLENTY };
    await desk.open({ signer: successor.signer, name: house.name, ...opening });
    assert.deepEqual(desk.book(newId).money, before.money, "no second opening balance");
    assert.deepEqual(desk.openOffers(), []);
    const { agree, differences } = await auditDesk(desk);
    assert.ok(agree, differences.join());
    await desk.stop();
  }
});

test("no key is handed over while an order or a statement is open under it", async (t) => {
  const home = await mkdtemp(join(tmpdir(), "gridmesh-busy-"));
  t.after(() => rm(home, { recursive: true }));
  await createIdentity(home);
  const disk: JournalDisk = folderDisk(join(home, "journal"));
  const world = new World(72);
  const house = await world.house("house", { energyMilliWh: 3 * KWH });
  const desk = await reopen(world, { ...house, disk: disk as House["disk"] });
  await desk.open({
    signer: house.agent.signer,
    name: "house",
    moneyMicro: 10_000_000,
    energyMilliWh: 0,
    capacityMilliWh: KWH,
    policy: PLENTY,
  });
  const rotate = () => rotateKey({ home, network: NETWORK, nowMs: world.clock.nowMs() });
  const operator = { agentId: successor.signer.agentId, peerId: house.peerId };
  const entry = { slot: SLOT, quantityMilliWh: KWH, priceMicroPerKWh: 250_000, operator };
  await desk.imbalance({ agentId: house.agentId, ...entry });
  await desk.stop();
  assert.deepEqual(await openWork(disk), { orders: 0, statements: 1 });
  await assert.rejects(rotate(), { code: "ORDER_STATE" });
});

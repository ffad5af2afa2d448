/** The campaign on power and rot: a journal under load, every disk it could leave behind, and what recovery makes of each. */

import assert from "node:assert/strict";
import { type JournalDisk, memoryDisk, type Random } from "@gridmesh/node";
import { canonicalBytes, isProtocolError, type JournalRecord } from "@gridmesh/protocol";
import { apply } from "../../packages/node/src/trade/apply.ts";
import { breaches } from "../../packages/node/src/trade/invariants.ts";
import { openJournal } from "../../packages/node/src/trade/journal.ts";
import { recoverJournal } from "../../packages/node/src/trade/recovery.ts";
import { emptyState } from "../../packages/node/src/trade/state.ts";
import { seededRandom } from "../../packages/node/src/testing/index.ts";
import { World } from "../../packages/node/test/trade-world.ts";
import { type Fault, type TracedDisk, tracedDisk } from "./power-disk.ts";
import { type Left, PowerModel } from "./power-states.ts";

const VARIANTS = 24;
const SEGMENT_BYTES = 40_000;
const MOST_AT_ONCE = 6;
/** One state in so many is written on from, and its books are looked at. */
const GO_ON_EVERY = 16;

export interface PowerReport {
  /** Power losses, each recovered from. */
  readonly states: number;
  readonly records: number;
  readonly segments: number;
  /** Calls of the disk that failed, each of its kinds, each once. */
  readonly faults: number;
  readonly flips: number;
  /** Flipped bits that were named with their file. */
  readonly flipsFound: number;
  /** Flipped bits after which every record was still there, byte by byte. */
  readonly flipsHarmless: number;
}

export interface PowerOptions {
  readonly seed: string;
  readonly states: number;
  readonly flips: number;
}

/** @throws at the first acknowledged record that is lost, and at the first damage that nobody notices. */
export async function runPower({ seed, states, flips }: PowerOptions): Promise<PowerReport> {
  const records = await tradedRecords();
  const found = { states: 0, segments: 0, faults: 0, flips: 0, flipsFound: 0, flipsHarmless: 0 };
  for (let round = 0; found.states < states; round += 1) {
    const load = await traceLoad(records, seededRandom(`${seed} load ${round}`));
    found.segments += load.segments;
    found.states += await losePower(load, seededRandom(`${seed} power ${round}`));
  }
  found.faults = await failEachCall(records, seed);
  const load = await traceLoad(records, seededRandom(`${seed} rot`));
  Object.assign(found, await flipBits(load, flips, seededRandom(`${seed} flips`)));
  return { ...found, records: records.length };
}

/** Both sides of real trades, one journal: the seller's. */
async function tradedRecords(): Promise<readonly JournalRecord[]> {
  const world = new World(1);
  const seller = await world.house("seller", { energyMilliWh: 10 ** 7 });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 10 ** 7);
  for (let count = 0; count < 14; count += 1) {
    const terms = world.terms(buyer, seller, { offerId, quantityMilliWh: 1_000 });
    await world.buy(buyer, terms);
    await seller.desk.deliver(seller.agentId, terms, 1_000);
    await world.clock.pass(3_000);
  }
  const records: JournalRecord[] = [];
  await recoverJournal(seller.disk, { tell: (record) => records.push(record), repair: false });
  assert.ok(records.length > 40, "a load worth looking at");
  return records;
}

interface Load {
  readonly disk: TracedDisk;
  readonly records: readonly JournalRecord[];
  /** Per operation: how many records had been acknowledged when it was begun. */
  readonly acknowledged: readonly number[];
  readonly segments: number;
  /** Everything as it is at the end, with no marker of a clean stop. */
  readonly end: Left;
}

/** Appends in groups of any size; stops cleanly and opens again now and then. */
async function traceLoad(records: readonly JournalRecord[], random: Random): Promise<Load> {
  const disk = tracedDisk();
  const acknowledged: number[] = [];
  let done = 0;
  const note = () => {
    while (acknowledged.length < disk.operations.length) acknowledged.push(done);
  };
  let journal = await open(disk);
  for (let from = 0; from < records.length;) {
    const group = records.slice(from, from + 1 + random.below(MOST_AT_ONCE));
    from += group.length;
    await Promise.all(
      group.map(async (record) => {
        await journal.append(record);
        note();
        done = Math.max(done, record.seq);
      }),
    );
    note();
    if (from < records.length && random.below(6) === 0) {
      await journal.stop();
      note();
      journal = await open(disk);
      note();
    }
  }
  const names = await disk.list();
  const end = new Map<string, Uint8Array>();
  for (const name of names) end.set(name, await disk.read(name));
  return { disk, records, acknowledged, segments: names.length, end };
}

function open(disk: JournalDisk) {
  return openJournal({ disk, tell: () => {}, onFatal: () => {}, segmentBytes: SEGMENT_BYTES });
}

async function losePower({ disk, records, acknowledged }: Load, random: Random): Promise<number> {
  const model = new PowerModel();
  let states = 0;
  for (const [index, operation] of disk.operations.entries()) {
    model.take(operation);
    // What is acknowledged until the next operation begins must survive a loss right before it.
    const least = acknowledged[index + 1] ?? records.length;
    for (let variant = 0; variant < (model.isQuiet ? 1 : VARIANTS); variant += 1) {
      states += 1;
      const left = model.left(variant, random);
      const where = `operation ${index} (${operation.kind}), variant ${variant}`;
      await mustRecover(left, { records, least, where, goOn: states % GO_ON_EVERY === 0 });
    }
  }
  return states;
}

async function mustRecover(
  left: Left,
  expected: {
    readonly records: readonly JournalRecord[];
    readonly least: number;
    readonly where: string;
    readonly goOn: boolean;
  },
): Promise<void> {
  const { records, least, where, goOn } = expected;
  const disk = memoryDisk(left);
  const found = await recovered(disk).catch((cause: unknown) => {
    throw new Error(`refused after ${where}`, { cause });
  });
  assert.ok(found.length >= least, `${where}: ${found.length} of ${least} acknowledged records`);
  mustEqual(found, records, where);
  if (!goOn) return;
  const state = emptyState();
  for (const record of found) apply(state, record);
  assert.deepEqual(breaches(state), [], where);
  const next = records[found.length];
  const journal = await open(disk);
  if (next !== undefined) await journal.append(next);
  const again = await recovered(disk.afterKill());
  assert.equal(again.length, found.length + (next === undefined ? 0 : 1), `${where}, written on`);
}

async function recovered(disk: JournalDisk): Promise<readonly JournalRecord[]> {
  const found: JournalRecord[] = [];
  await recoverJournal(disk, { tell: (record) => found.push(record), repair: true });
  return found;
}

function mustEqual(found: readonly JournalRecord[], written: readonly JournalRecord[], where: string): void {
  for (const [index, record] of found.entries()) {
    const expected = written[index];
    assert.ok(expected !== undefined, `${where}: record ${record.seq} was never written`);
    const same = Buffer.compare(canonicalBytes(record), canonicalBytes(expected)) === 0;
    assert.ok(same, `${where}: record ${record.seq} has changed`);
  }
}

/** Each call of the disk fails in each way: nothing is told afterwards, and what was told is there. */
async function failEachCall(records: readonly JournalRecord[], seed: string): Promise<number> {
  const some = records.slice(0, 24);
  const { calls } = (await failingLoad(some, tracedDisk())).disk;
  let faults = 0;
  for (const fault of ["EIO", "ENOSPC", "short"] as const) {
    for (let call = 1; call <= calls; call += 1) {
      await failAt(some, { call, fault, random: seededRandom(`${seed} ${fault} ${call}`) });
      faults += 1;
    }
  }
  return faults;
}

async function failAt(
  records: readonly JournalRecord[],
  { call, fault, random }: { readonly call: number; readonly fault: Fault; readonly random: Random },
): Promise<void> {
  const where = `${fault} at call ${call}`;
  const failing = tracedDisk();
  failing.failAt(call, fault);
  const { disk, told, fatal } = await failingLoad(records, failing);
  assert.ok(fatal <= 1, `${where}: the node is told once`);
  const model = new PowerModel();
  for (const operation of disk.operations) model.take(operation);
  for (let variant = 0; variant < 3; variant += 1) {
    const left = model.left(variant, random);
    await mustRecover(left, { records, least: told, where, goOn: variant === 1 });
  }
}

/** One record after the other, a clean stop in the middle; goes on until the first refusal and a little further. */
async function failingLoad(records: readonly JournalRecord[], disk: TracedDisk) {
  let told = 0;
  let fatal = 0;
  let refused = false;
  const start = () =>
    openJournal({ disk, tell: () => {}, onFatal: () => (fatal += 1), segmentBytes: 9_000 }).catch(failed);
  const failed = (error: unknown) => {
    if (!(error instanceof Error)) throw error;
    refused = true;
    return undefined;
  };
  let journal = await start();
  for (const record of records) {
    if (record.seq === records.length / 2) {
      await journal?.stop().catch(failed);
      journal = refused ? undefined : await start();
    }
    const isTold = await journal?.append(record).then(
      () => true,
      () => false,
    );
    if (isTold !== true) refused = true;
    assert.ok(!(refused && isTold === true), `record ${record.seq} was told after a failure`);
    if (isTold === true) told = record.seq;
  }
  return { disk, told, fatal };
}

/** One bit after the other, anywhere in any file; a journal whose process was killed, so no marker helps. */
async function flipBits(load: Load, flips: number, random: Random) {
  const disk = memoryDisk(load.end);
  const names = [...load.end.keys()];
  let flipsFound = 0;
  let flipsHarmless = 0;
  for (let flip = 0; flip < flips; flip += 1) {
    const name = names[random.below(names.length)] ?? "";
    const bit = random.below(disk.sizeOf(name) * 8);
    disk.flip(name, bit);
    const found: JournalRecord[] = [];
    try {
      await recoverJournal(disk, { tell: (record) => found.push(record), repair: false });
      assert.equal(found.length, load.records.length, `bit ${bit} of ${name} lost records unnoticed`);
      mustEqual(found, load.records, `bit ${bit} of ${name}`);
      flipsHarmless += 1;
    } catch (error) {
      if (!isProtocolError(error) || error.code !== "JOURNAL_DAMAGED") throw error;
      assert.ok(error.message.includes(name), `bit ${bit} of ${name}: ${error.message}`);
      flipsFound += 1;
    }
    disk.flip(name, bit);
  }
  return { flips, flipsFound, flipsHarmless };
}

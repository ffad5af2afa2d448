import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { type JournalRecord, type ProtocolError } from "@gridmesh/protocol";
import { folderDisk, type JournalDisk } from "../src/trade/disk.ts";
import { openJournal } from "../src/trade/journal.ts";
import { memoryDisk } from "../src/trade/memory-disk.ts";
import { recoverJournal } from "../src/trade/recovery.ts";
import { seededRandom, settle } from "./trade-mail.ts";
import { rejectsWith } from "./trade-world.ts";

/** A record of any length: what it says does not matter to the journal. */
function record(seq: number, padding = 0): JournalRecord {
  return { kind: "withdraw", seq, atMs: seq, agent: "a", offerId: "x".repeat(padding) };
}

async function recover(disk: JournalDisk, repair = true): Promise<readonly JournalRecord[]> {
  const found: JournalRecord[] = [];
  await recoverJournal(disk, { tell: (it) => found.push(it), repair });
  return found;
}

interface Opened {
  readonly journal: Awaited<ReturnType<typeof openJournal>>;
  readonly found: readonly JournalRecord[];
  readonly fatal: readonly ProtocolError[];
}

async function open(disk: JournalDisk, segmentBytes?: number): Promise<Opened> {
  const found: JournalRecord[] = [];
  const fatal: ProtocolError[] = [];
  const journal = await openJournal({
    disk,
    tell: (it) => found.push(it),
    onFatal: (error) => fatal.push(error),
    segmentBytes,
  });
  return { journal, found, fatal };
}

async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "journal-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test("what was appended is found again in order, in a folder as in memory", async () => {
  await using folder = await temporaryFolder();
  for (const disk of [memoryDisk(), folderDisk(join(folder.path, "journal"))]) {
    const first = await open(disk);
    await Promise.all([1, 2, 3].map((seq) => first.journal.append(record(seq, seq))));
    await first.journal.append(record(4));
    await first.journal.stop();
    const second = await open(disk);
    assert.deepEqual(second.found, [record(1, 1), record(2, 2), record(3, 3), record(4)]);
    await second.journal.append(record(5));
    await second.journal.stop();
    assert.equal((await recover(disk)).length, 5);
  }
});

test("a segment begins with magic, version, first seq and chain, and is readable by its owner alone", async () => {
  await using folder = await temporaryFolder();
  const { journal } = await open(folderDisk(folder.path));
  await journal.append(record(1));
  await journal.stop();
  const path = join(folder.path, "1.log");
  const bytes = await readFile(path);
  assert.equal(bytes.subarray(0, 4).toString(), "GMJL");
  assert.equal(bytes.readUInt32LE(4), 1);
  assert.equal(bytes.readBigUInt64LE(8), 1n);
  assert.equal(
    bytes.subarray(16, 60).every((byte) => byte === 0),
    true,
  );
  const body = '{"agent":"a","atMs":1,"kind":"withdraw","offerId":"","seq":1}';
  assert.equal(bytes.readUInt32LE(64), body.length + 4);
  assert.equal(bytes.readUInt32LE(104), body.length);
  assert.equal(bytes.subarray(108).toString(), body);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test("records that queue while a sync runs become one frame with one sync", async () => {
  const disk = memoryDisk();
  const { journal } = await open(disk);
  let syncs = 0;
  disk.faults.beforeSync = () => void (syncs += 1);
  const appended = Array.from({ length: 100 }, (_, index) => journal.append(record(index + 1)));
  await Promise.all(appended);
  // The header and the folder of a new file, then the group.
  assert.equal(syncs, 3);
  await Promise.all([journal.append(record(101)), journal.append(record(102))]);
  assert.equal(syncs, 4);
});

test("a group larger than a frame is split, a full segment is followed by another", async () => {
  const disk = memoryDisk();
  const { journal } = await open(disk, 2_000_000);
  const all = Array.from({ length: 60 }, (_, index) => record(index + 1, 60_000));
  await Promise.all(all.map((it) => journal.append(it)));
  await journal.stop();
  const segments = (await disk.list()).filter((name) => name.endsWith(".log"));
  assert.equal(segments.length > 1, true);
  assert.deepEqual(await recover(disk), all);
  const missing = memoryDisk(
    new Map(
      await Promise.all(
        segments.slice(1).map(async (name) => [name, await disk.read(name)] as [string, Uint8Array]),
      ),
    ),
  );
  await rejectsWith(recover(missing), "JOURNAL_DAMAGED");
});

test("after a write or sync error nothing is acknowledged and nothing is tried again", async () => {
  const faults = ["beforeWrite", "beforeSync"] as const;
  for (const fault of faults) {
    const disk = memoryDisk();
    const { journal, fatal } = await open(disk);
    await journal.append(record(1));
    disk.faults[fault] = () => {
      throw new Error("EIO");
    };
    await rejectsWith(journal.append(record(2)), "DISK_FAILED");
    disk.faults[fault] = undefined;
    await rejectsWith(journal.append(record(3)), "DISK_FAILED");
    assert.deepEqual(
      fatal.map((error) => error.code),
      ["DISK_FAILED"],
    );
    assert.deepEqual((await recover(disk.afterKill())).slice(0, 1), [record(1)]);
  }
});

test("an error at any single write or sync loses no acknowledged record", async () => {
  for (let at = 0; at < 40; at += 1) {
    const disk = memoryDisk();
    let operation = 0;
    const fail = () => {
      operation += 1;
      if (operation > at) throw new Error("ENOSPC");
    };
    disk.faults.beforeWrite = fail;
    disk.faults.beforeSync = fail;
    const { journal } = await open(disk, 4_000);
    let acknowledged = 0;
    for (let seq = 1; seq <= 20; seq += 1) {
      const done = await journal.append(record(seq, 500)).then(
        () => true,
        () => false,
      );
      if (!done) break;
      acknowledged = seq;
    }
    for (let variant = 0; variant < 5; variant += 1) {
      const left = await recover(disk.afterPowerLoss(seededRandom(at * 10 + variant)));
      assert.equal(left.length >= acknowledged, true, `operation ${at}`);
    }
  }
});

test("a torn tail is cut, and the journal goes on from the last whole group", async () => {
  const disk = memoryDisk();
  const { journal } = await open(disk);
  await journal.append(record(1));
  await journal.append(record(2, 300));
  const whole = disk.sizeOf("1.log");
  for (let cut = whole - 1; cut > whole - 300; cut -= 37) {
    const torn = memoryDisk(new Map([["1.log", (await disk.read("1.log")).subarray(0, cut)]]));
    assert.deepEqual(await recover(torn, false), [record(1)]);
    const again = await open(torn);
    assert.equal(again.journal.tornBytes > 0, true);
    await again.journal.append(record(2, 7));
    assert.deepEqual(await recover(torn.afterKill()), [record(1), record(2, 7)]);
  }
});

test("after a clean stop a shorter journal is damage, not a torn tail", async () => {
  const disk = memoryDisk();
  const { journal } = await open(disk);
  await journal.append(record(1));
  await journal.append(record(2));
  await journal.stop();
  assert.deepEqual((await disk.list()).toSorted(), ["1.log", "clean"]);
  const files = new Map([
    ["clean", await disk.read("clean")],
    ["1.log", (await disk.read("1.log")).subarray(0, -1)],
  ]);
  await rejectsWith(recover(memoryDisk(files)), "JOURNAL_DAMAGED");
  await rejectsWith(recover(memoryDisk(new Map([["clean", await disk.read("clean")]]))), "JOURNAL_DAMAGED");
  const again = await open(disk);
  assert.equal((await disk.list()).includes("clean"), true);
  await again.journal.append(record(3));
  assert.equal((await disk.list()).includes("clean"), false);
});

test("one flipped bit in the last frame is damage, a frame that lacks a sector is cut", async () => {
  const disk = memoryDisk();
  const { journal } = await open(disk);
  await journal.append(record(1));
  const firstEnd = disk.sizeOf("1.log");
  await journal.append(record(2, 1_500));
  for (let bit = firstEnd * 8; bit < disk.sizeOf("1.log") * 8; bit += 31) {
    disk.flip("1.log", bit);
    await assert.rejects(recover(disk, false), {
      code: "JOURNAL_DAMAGED",
      data: { file: "1.log", offset: firstEnd },
      message: `1.log at ${firstEnd}: one bit of byte ${Math.floor(bit / 8)} has changed`,
    });
    disk.flip("1.log", bit);
  }
  const bytes = await disk.read("1.log");
  for (let sector = 0; sector * 512 < bytes.length; sector += 1) {
    const torn = bytes.slice();
    torn.fill(0, Math.max(sector * 512, firstEnd), (sector + 1) * 512);
    assert.deepEqual(await recover(memoryDisk(new Map([["1.log", torn]]))), [record(1)]);
  }
});

test("a lost sector that held one bit of a frame is no rot", async () => {
  const disk = memoryDisk();
  const { journal } = await open(disk);
  const frame = (padding: number) => 44 + JSON.stringify(record(1, padding)).length;
  // The second frame's first byte is the last of a sector, and a power of two.
  await journal.append(record(1, 511 - 64 - frame(0)));
  assert.equal(disk.sizeOf("1.log"), 511);
  await journal.append(record(2, 256 + 64 - (frame(0) - 40)));
  const torn = await disk.read("1.log");
  assert.equal(torn[511], 64);
  torn[511] = 0;
  assert.equal((await recover(memoryDisk(new Map([["1.log", torn]])))).length, 1);
});

test("with the marker of a clean stop every flipped bit is refused", async () => {
  const disk = memoryDisk();
  const { journal } = await open(disk);
  for (let seq = 1; seq <= 5; seq += 1) await journal.append(record(seq, 20));
  await journal.stop();
  for (const name of ["1.log", "clean"]) {
    for (let bit = 0; bit < disk.sizeOf(name) * 8; bit += 1) {
      disk.flip(name, bit);
      await rejectsWith(recover(disk, false), "JOURNAL_DAMAGED");
      disk.flip(name, bit);
    }
  }
});

test("damage is named by file and offset", async () => {
  await using folder = await temporaryFolder();
  const { journal } = await open(folderDisk(folder.path));
  for (let seq = 1; seq <= 3; seq += 1) await journal.append(record(seq));
  const path = join(folder.path, "1.log");
  const bytes = await readFile(path);
  bytes[110] = (bytes[110] ?? 0) ^ 1;
  await writeFile(path, bytes);
  await assert.rejects(recover(folderDisk(folder.path)), {
    code: "JOURNAL_DAMAGED",
    data: { file: "1.log", offset: 64 },
  });
});

test("while a sync hangs nothing is acknowledged", async () => {
  const disk = memoryDisk();
  const { journal } = await open(disk);
  await journal.append(record(1));
  disk.faults.beforeSync = () => new Promise(() => {});
  let acknowledged = 0;
  for (let seq = 2; seq < 10; seq += 1) void journal.append(record(seq)).then(() => (acknowledged += 1));
  await settle();
  assert.equal(acknowledged, 0);
  assert.equal(journal.durableSeq, 1);
});

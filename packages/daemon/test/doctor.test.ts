import assert from "node:assert/strict";
import { test } from "node:test";
import { findingTable } from "@gridmesh/node";
import { examinedCodes } from "../src/doctor-node.ts";
import { exposure, type MachineReading, MachineWatch } from "../src/machine.ts";

const GIB = 1024 ** 3;

const well: MachineReading = {
  monotonicMs: 0,
  loopDelayMs: 21,
  usedHeapBytes: GIB / 8,
  heapLimitBytes: 4 * GIB,
  rssBytes: GIB / 4,
  memoryLimitBytes: 2 * GIB,
  openFiles: 40,
  allowedFiles: 1_024,
  freeDiskBytes: 20 * GIB,
  keySealed: true,
};

const codes = (watch: MachineWatch, reading: Partial<MachineReading>) =>
  watch.judge({ ...well, ...reading }).map(({ code, severity = "" }) => `${code}${severity}`);

test("each finding belongs to one subject of the doctor", () => {
  assert.deepEqual(examinedCodes.toSorted(), Object.keys(findingTable).toSorted());
});

test("a machine with room gives no finding", () => {
  assert.deepEqual(codes(new MachineWatch(true), {}), []);
});

test("a loop late for 30 s is a finding, one slow moment is none", () => {
  const watch = new MachineWatch(false);
  const late = (monotonicMs: number) => codes(watch, { monotonicMs, loopDelayMs: 240 });
  assert.deepEqual(late(0), []);
  assert.deepEqual(late(29_000), []);
  assert.deepEqual(late(30_000), ["EVENT_LOOP_SLOW"]);
  assert.deepEqual(codes(watch, { monotonicMs: 35_000 }), []);
  assert.deepEqual(late(40_000), []);
});

test("memory above 80 % of the heap's or the container's limit is a finding", () => {
  const watch = new MachineWatch(false);
  assert.deepEqual(codes(watch, { usedHeapBytes: 3.3 * GIB }), ["MEMORY_HIGH"]);
  assert.deepEqual(codes(watch, { rssBytes: 1.7 * GIB }), ["MEMORY_HIGH"]);
  assert.deepEqual(codes(watch, { rssBytes: 1.7 * GIB, memoryLimitBytes: undefined }), []);
});

test("fewer than a tenth of the allowed files left is a finding", () => {
  assert.deepEqual(codes(new MachineWatch(false), { openFiles: 930 }), ["FD_LOW"]);
  assert.deepEqual(codes(new MachineWatch(false), { openFiles: 920 }), []);
});

test("little free disk is a warning, and critical where no new work is taken", () => {
  const watch = new MachineWatch(false);
  assert.deepEqual(codes(watch, { freeDiskBytes: GIB - 1 }), ["DISK_LOWwarning"]);
  assert.deepEqual(codes(watch, { freeDiskBytes: 199 * 1024 ** 2 }), ["DISK_LOWcritical"]);
});

test("a key in clear is told where strangers are, and nowhere else", () => {
  assert.deepEqual(codes(new MachineWatch(true), { keySealed: false }), ["KEY_UNPROTECTED"]);
  assert.deepEqual(codes(new MachineWatch(false), { keySealed: false }), []);
});

test("a control port beyond loopback is a finding, one on loopback or none is not", () => {
  for (const listen of ["", "127.0.0.1:4880", "localhost:0", "[::1]:4880"])
    assert.deepEqual(exposure(listen), []);
  for (const listen of ["0.0.0.0:4880", "[::]:4880", "192.168.1.5:4880", "mesh.example:4880"]) {
    assert.deepEqual(
      exposure(listen).map(({ code }) => code),
      ["CONTROL_EXPOSED"],
      listen,
    );
  }
});

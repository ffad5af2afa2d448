/** Our own format: `homes.csv` with a row per step and home, UTC seconds, equal steps. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Dataset, HomeYear } from "./dataset.ts";
import { badData, columnIndex, decimalCell, fillGaps, readTable } from "./table.ts";
import type { Table, TableRow } from "./table.ts";

const FILE = "homes.csv";
const MILLI_WH_PER_WH = 1_000;
const HOUR_S = 3_600;
const MAX_STEPS = 1_000_000;

interface Reading {
  readonly atS: number;
  readonly load: number;
  readonly pv: number;
  readonly line: number;
}

/** Columns `ts,home,load_wh,pv_wh`; missing steps up to two in a row are filled in. @throws INVALID_PARAMS with line. */
export function readHomesCsv(text: string): Dataset {
  const table = readTable(FILE, text);
  const readings = byHome(table);
  const axis = timeAxis(readings);
  const years = new Map<number, HomeYear>();
  let interpolated = 0;
  for (const [home, rows] of readings) {
    const { year, filled } = homeYear(home, rows, axis);
    years.set(home, year);
    interpolated += filled;
  }
  return {
    name: FILE,
    ...axis,
    homes: [...years.keys()].sort((a, b) => a - b),
    interpolated,
    home: (home) => {
      const year = years.get(home);
      if (year === undefined) throw new ProtocolError("INVALID_PARAMS", `${FILE}: no home ${home}`);
      return year;
    },
  };
}

function byHome(table: Table): Map<number, Reading[]> {
  const columns = {
    at: columnIndex(table, "ts"),
    home: columnIndex(table, "home"),
    load: columnIndex(table, "load_wh"),
    pv: columnIndex(table, "pv_wh"),
  };
  const found = new Map<number, Reading[]>();
  for (const row of table.rows) {
    const atS = wholeCell(table, row, columns.at);
    const home = wholeCell(table, row, columns.home);
    const rows = found.get(home) ?? [];
    const last = rows.at(-1);
    if (last !== undefined && atS <= last.atS) {
      throw badData(FILE, row.line, `home ${home}: ${atS} does not come after ${last.atS}`);
    }
    rows.push({
      atS,
      load: energyCell(table, row, columns.load),
      pv: energyCell(table, row, columns.pv),
      line: row.line,
    });
    found.set(home, rows);
  }
  return found;
}

function wholeCell(table: Table, row: TableRow, column: number): number {
  const value = decimalCell(table, row, column);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw badData(FILE, row.line, `${table.columns[column]} is no whole number`);
  }
  return value;
}

function energyCell(table: Table, row: TableRow, column: number): number {
  const wattHours = decimalCell(table, row, column);
  if (wattHours < 0) throw badData(FILE, row.line, `${table.columns[column]} is negative`);
  return Math.round(wattHours * MILLI_WH_PER_WH);
}

/** The smallest distance of two rows is the step; every home must stand on it. */
function timeAxis(readings: ReadonlyMap<number, readonly Reading[]>): {
  startS: number;
  stepS: number;
  steps: number;
} {
  let startS = Number.POSITIVE_INFINITY;
  let endS = 0;
  let stepS = HOUR_S;
  for (const rows of readings.values()) {
    rows.forEach((row, index) => {
      startS = Math.min(startS, row.atS);
      endS = Math.max(endS, row.atS);
      const before = rows[index - 1];
      if (before !== undefined) stepS = Math.min(stepS, row.atS - before.atS);
    });
  }
  if (HOUR_S % stepS !== 0) throw badData(FILE, 0, `a step of ${stepS} s does not divide an hour`);
  if (startS % stepS !== 0) throw badData(FILE, 0, `the first row is off the grid of ${stepS} s`);
  const steps = (endS - startS) / stepS + 1;
  if (steps > MAX_STEPS) throw badData(FILE, 0, `more than ${MAX_STEPS} steps`);
  return { startS, stepS, steps };
}

function homeYear(
  home: number,
  rows: readonly Reading[],
  axis: { readonly startS: number; readonly stepS: number; readonly steps: number },
): { year: HomeYear; filled: number } {
  const load = new Float64Array(Math.ceil(axis.steps)).fill(Number.NaN);
  const pv = new Float64Array(Math.ceil(axis.steps)).fill(Number.NaN);
  for (const row of rows) {
    const step = (row.atS - axis.startS) / axis.stepS;
    if (!Number.isInteger(step))
      throw badData(FILE, row.line, `${row.atS} is off the grid of ${axis.stepS} s`);
    load[step] = row.load;
    pv[step] = row.pv;
  }
  // A missing step has no line of its own: the first row after it is named.
  const lineOf = (step: number): number =>
    rows.find((row) => row.atS >= axis.startS + step * axis.stepS)?.line ?? 0;
  const filled =
    fillGaps(load, { file: FILE, name: `home ${home} load_wh`, lineOf }) +
    fillGaps(pv, { file: FILE, name: `home ${home} pv_wh`, lineOf });
  return { year: { home, ratedPvW: null, loadMilliWh: load, pvMilliWh: pv }, filled };
}

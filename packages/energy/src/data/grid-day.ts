/** Recorded frequency and voltage: a normalised day at 1 s, a disturbance at 30 Hz. */

import { badData, columnIndex, decimalCell, fillGaps, readTable } from "./table.ts";
import type { Table } from "./table.ts";

const NOMINAL_MILLI_HZ = 60_000;
/** 10⁻⁵ pu are so many of 10⁻⁶. */
const MICRO_PER_UNIT = 10;
const MICRO_PU = 1_000_000;

export interface GridRecord {
  readonly stepMs: number;
  /** Float, mHz. */
  readonly frequencyMilliHz: Float64Array;
  /** Absent where only frequency was recorded. */
  readonly voltageMicroPu?: Float64Array;
}

/** `grid_day_1s.csv`: deviations in 10⁻⁵ pu, a row a second. @throws INVALID_PARAMS with file and line. */
export function readGridDay(text: string): GridRecord {
  const table = readTable("grid_day_1s.csv", text);
  const frequency = numbers(table, "freq_dev_1e-5pu");
  const voltage = numbers(table, "v0_dev_1e-5pu");
  return {
    stepMs: 1_000,
    frequencyMilliHz: frequency.map((value) => NOMINAL_MILLI_HZ * (1 + value * 1e-5)),
    voltageMicroPu: voltage.map((value) => MICRO_PU + value * MICRO_PER_UNIT),
  };
}

/** `frequency_event_pmu.csv`, the mean of its two recorders. @throws INVALID_PARAMS with file and line. */
export function readFrequencyEvent(text: string): GridRecord {
  const table = readTable("frequency_event_pmu.csv", text);
  const times = numbers(table, "time_s");
  const first = numbers(table, "f1_hz");
  const second = numbers(table, "f2_hz");
  const stepMs = ((times.at(-1) ?? 0) * 1_000) / Math.max(1, times.length - 1);
  times.forEach((atS, index) => {
    if (Math.abs(atS * 1_000 - index * stepMs) > stepMs / 2) {
      throw badData(table.file, table.rows[index]?.line ?? 0, `${atS} s breaks the step of ${stepMs} ms`);
    }
  });
  return { stepMs, frequencyMilliHz: first.map((value, index) => 500 * (value + (second[index] ?? 0))) };
}

function numbers(table: Table, name: string): Float64Array {
  const column = columnIndex(table, name);
  const values = Float64Array.from(table.rows, (row) => decimalCell(table, row, column));
  fillGaps(values, { file: table.file, name, lineOf: (step) => table.rows[step]?.line ?? 0 }, false);
  return values;
}

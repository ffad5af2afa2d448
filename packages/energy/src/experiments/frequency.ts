/** E3: how often a small grid's frequency stays in its band under each control, and what the ladder makes of a record. */

import type { GridRecord } from "../data/grid-day.ts";
import { randomStream } from "../data/random-stream.ts";
import { simulateFrequency, smallGrid, SWING_STEP_S } from "../grid/frequency.ts";
import type { FrequencyControl, SwingGrid } from "../grid/frequency.ts";
import { ladderStart, ladderStep } from "../grid/ladder.ts";
import type { GridStage } from "../grid/ladder.ts";

const BAND_HZ = 0.2;
const MEAN_STEP_KW = 1.5;
const MEAN_PAUSE_S = 20;
const LARGEST_KW = 10;
const HOUR_S = 3_600;
const HOURS = 6;
const BATTERY_KW = 25;

const control = (fields: Partial<FrequencyControl>): FrequencyControl => ({
  batteryKWPerHz: 0,
  batteryKW: BATTERY_KW,
  delayS: 0.1,
  secondary: true,
  ...fields,
});

/** Controls that are compared; all have the governor's droop. */
export const frequencyControls = {
  nothing: control({ secondary: false }),
  secondary: control({}),
  "local-droop": control({ batteryKWPerHz: 50 }),
  "too-much-droop": control({ batteryKWPerHz: 83 }),
  "droop-over-the-network": control({ batteryKWPerHz: 5, delayS: 1 }),
} as const satisfies Record<string, FrequencyControl>;

export type FrequencyControlName = keyof typeof frequencyControls;

export interface FrequencyRow {
  readonly control: FrequencyControlName;
  readonly seed: number;
  readonly inBandPercent: number;
  readonly minHz: number;
  readonly maxHz: number;
}

/** A row per control and seed. Load: steps of ±Exp(1.5 kW), 20 s apart on average, held within ±10 kW; `hours` 6. */
export function frequencyExperiment(
  seeds: readonly number[],
  options: { readonly hours?: number; readonly grid?: SwingGrid } = {},
): readonly FrequencyRow[] {
  const grid = options.grid ?? smallGrid;
  return seeds.flatMap((seed) => {
    const load = loadSteps(seed, options.hours ?? HOURS);
    return (Object.keys(frequencyControls) as FrequencyControlName[]).map((name) => {
      const deviations = simulateFrequency(grid, frequencyControls[name], load);
      let inside = 0;
      let lowest = 0;
      let highest = 0;
      for (const value of deviations) {
        if (Math.abs(value) <= BAND_HZ) inside += 1;
        lowest = Math.min(lowest, value);
        highest = Math.max(highest, value);
      }
      return {
        control: name,
        seed,
        inBandPercent: (100 * inside) / deviations.length,
        minHz: grid.nominalHz + lowest,
        maxHz: grid.nominalHz + highest,
      };
    });
  });
}

/** Load over what is scheduled, kW, in steps of 0.1 s. */
function loadSteps(seed: number, hours: number): Float64Array {
  const draws = randomStream(seed, "load-steps");
  const exponential = (mean: number): number => -mean * Math.log(1 - draws.uniform(0, 1));
  const load = new Float64Array(Math.round((hours * HOUR_S) / SWING_STEP_S));
  let power = 0;
  let nextS = exponential(MEAN_PAUSE_S);
  for (let step = 0; step < load.length; step += 1) {
    while (nextS <= step * SWING_STEP_S) {
      const sign = draws.uniform(0, 1) < 0.5 ? -1 : 1;
      power = Math.max(-LARGEST_KW, Math.min(LARGEST_KW, power + sign * exponential(MEAN_STEP_KW)));
      nextS += exponential(MEAN_PAUSE_S);
    }
    load[step] = power;
  }
  return load;
}

export interface RecordRow {
  readonly seconds: number;
  readonly inBandPercent: number;
  readonly minHz: number;
  readonly maxHz: number;
  /** Every change of stage, in seconds from the record's beginning. */
  readonly stages: readonly { readonly atS: number; readonly stage: GridStage }[];
}

/** Runs a record through the ladder, sample by sample. */
export function recordExperiment(record: GridRecord, nominalMilliHz = 60_000): RecordRow {
  const stages: { atS: number; stage: GridStage }[] = [];
  let state = ladderStart;
  record.frequencyMilliHz.forEach((frequencyMilliHz, index) => {
    const voltage = record.voltageMicroPu?.[index];
    const sample = {
      atMs: index * record.stepMs,
      frequencyMilliHz,
      ...(voltage === undefined ? {} : { minMicroPu: voltage, maxMicroPu: voltage }),
    };
    const next = ladderStep(state, sample, { nominalMilliHz });
    if (next.stage !== state.stage) stages.push({ atS: sample.atMs / 1_000, stage: next.stage });
    state = next;
  });
  let inside = 0;
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const value of record.frequencyMilliHz) {
    if (Math.abs(value - nominalMilliHz) <= BAND_HZ * 1_000) inside += 1;
    lowest = Math.min(lowest, value);
    highest = Math.max(highest, value);
  }
  return {
    seconds: (record.frequencyMilliHz.length * record.stepMs) / 1_000,
    inBandPercent: (100 * inside) / record.frequencyMilliHz.length,
    minHz: lowest / 1_000,
    maxHz: highest / 1_000,
    stages,
  };
}

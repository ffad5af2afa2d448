/** A day of a grid from a seed, at 1 s: frequency and voltage as calm as a recorded day's. */

import type { GridRecord } from "./grid-day.ts";
import { randomStream } from "./random-stream.ts";

const SECONDS = 86_400;
const NOMINAL_MILLI_HZ = 60_000;
/** Memory of a second; what is left of a deviation after it. */
const FREQUENCY_MEMORY = 0.998;
const FREQUENCY_DEVIATION_MILLI_HZ = 12;
const VOLTAGE_MEMORY = 0.9995;
const VOLTAGE_DEVIATION_MICRO = 7_000;
const VOLTAGE_DAY_MICRO = 8_000;
const EVENING_S = 19 * 3_600;
const MICRO_PU = 1_000_000;

/** Deviations of first-order memory; voltage sinks into the evening. */
export function generatedGridDay(seed: number): GridRecord {
  const frequency = memory(
    randomStream(seed, "grid/frequency"),
    FREQUENCY_MEMORY,
    FREQUENCY_DEVIATION_MILLI_HZ,
  );
  const voltage = memory(randomStream(seed, "grid/voltage"), VOLTAGE_MEMORY, VOLTAGE_DEVIATION_MICRO);
  return {
    stepMs: 1_000,
    frequencyMilliHz: frequency.map((deviation) => NOMINAL_MILLI_HZ + deviation),
    voltageMicroPu: voltage.map((deviation, second) => {
      const day = Math.cos((2 * Math.PI * (second - EVENING_S)) / SECONDS);
      return Math.round(MICRO_PU + deviation - VOLTAGE_DAY_MICRO * day);
    }),
  };
}

function memory(draws: { normal(): number }, share: number, deviation: number): Float64Array {
  const values = new Float64Array(SECONDS);
  const fresh = deviation * Math.sqrt(1 - share ** 2);
  let last = deviation * draws.normal();
  for (let second = 0; second < SECONDS; second += 1) {
    values[second] = last;
    last = share * last + fresh * draws.normal();
  }
  return values;
}

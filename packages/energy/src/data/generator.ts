/** Homes made from a seed, shaped after measured ones: the default input, the same on every machine. */

import { ProtocolError } from "@gridmesh/protocol";
import { panelPowerW } from "../models/sun.ts";
import { dayStartS } from "./dataset.ts";
import type { Dataset, HomeYear } from "./dataset.ts";
import { randomStream } from "./random-stream.ts";
import type { RandomStream } from "./random-stream.ts";
import { weatherYear } from "./weather.ts";
import type { WeatherHour } from "./weather.ts";

const START_S = dayStartS("2016-08-01");
const DAYS = 365;
const HOURS_PER_DAY = 24;
const HOUR_S = 3_600;
const MILLI_WH_PER_WH = 1_000;
const WH_PER_KWH = 1_000;
const MAX_HOMES = 100_000;

/** Every generated home's PV before it is scaled: on a roof of 15°, to the south. */
const PANEL = { ratedW: 4_000, tiltDegrees: 15, azimuthDegrees: 180 } as const;

const LOAD_MEMORY = 0.6;
const LOAD_DEVIATION = 0.2;

/** What distinguishes a home, kW. */
interface Habits {
  readonly baseKw: number;
  /** Bell curves over the day: hour, width in hours, height in kW. */
  readonly peaks: readonly (readonly [hour: number, widthH: number, heightKw: number])[];
  readonly coolingKwPerC: number;
}

const HEATING_KW_PER_C = 0.06;
const COOL_ABOVE_C = 23;
const HEAT_BELOW_C = 10;

/** The dataset of a seed (0 … 2⁵³−1): 2016-08-01 … 2017-07-31, hourly; homes are made when asked for. */
export function createGenerator(seed: number): Dataset {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new ProtocolError("INVALID_PARAMS", `seed must be a whole number from 0 on, not ${seed}`);
  }
  const years = new Map<number, HomeYear>();
  let sky: { readonly weather: readonly WeatherHour[]; readonly pvMilliWh: Float64Array } | undefined;
  return {
    name: "generator",
    startS: START_S,
    stepS: HOUR_S,
    steps: DAYS * HOURS_PER_DAY,
    homes: null,
    interpolated: 0,
    home: (home) => {
      if (!Number.isSafeInteger(home) || home < 1 || home > MAX_HOMES) {
        throw new ProtocolError(
          "INVALID_PARAMS",
          `generator: no home ${home}, they count from 1 to ${MAX_HOMES}`,
        );
      }
      sky ??= createSky(seed);
      const known = years.get(home);
      if (known !== undefined) return known;
      const loadMilliWh = loadYear(randomStream(seed, `home-${home}`), sky.weather);
      const year = { home, ratedPvW: PANEL.ratedW, loadMilliWh, pvMilliWh: sky.pvMilliWh };
      years.set(home, year);
      return year;
    },
  };
}

function createSky(seed: number): { weather: readonly WeatherHour[]; pvMilliWh: Float64Array } {
  const weather = weatherYear(seed, START_S, DAYS);
  return { weather, pvMilliWh: Float64Array.from(weather, (hour) => wholeWh(panelPowerW(PANEL, hour))) };
}

function loadYear(stream: RandomStream, weather: readonly WeatherHour[]): Float64Array {
  const habits = drawHabits(stream);
  const load = new Float64Array(weather.length);
  let drift = 0;
  for (let day = 0; day < DAYS; day += 1) {
    const runs = applianceRuns(stream);
    for (let hour = 0; hour < HOURS_PER_DAY; hour += 1) {
      const step = day * HOURS_PER_DAY + hour;
      drift = LOAD_MEMORY * drift + Math.sqrt(1 - LOAD_MEMORY ** 2) * stream.normal();
      const factor = Math.max(0.2, 1 + LOAD_DEVIATION * drift);
      const usualKw = usualPowerKw(habits, hour, weather[step]?.airC ?? COOL_ABOVE_C);
      load[step] = wholeWh((usualKw * factor + (runs[hour] ?? 0)) * WH_PER_KWH);
    }
  }
  return load;
}

function drawHabits(stream: RandomStream): Habits {
  return {
    baseKw: stream.uniform(0.3, 0.6),
    peaks: [
      [7, 1.6, stream.uniform(0.15, 0.5)],
      [13, 4, stream.uniform(0.2, 0.7)],
      [19.3, 3, stream.uniform(0.25, 0.7)],
    ],
    coolingKwPerC: stream.uniform(0.05, 0.15),
  };
}

function usualPowerKw(habits: Habits, hour: number, airC: number): number {
  const middle = hour + 0.5;
  let power = habits.baseKw;
  for (const [peak, width, height] of habits.peaks)
    power += height * Math.exp(-((middle - peak) ** 2) / (2 * width ** 2));
  power += habits.coolingKwPerC * Math.max(0, airC - COOL_ABOVE_C);
  return power + HEATING_KW_PER_C * Math.max(0, HEAT_BELOW_C - airC);
}

/** One to three runs of a machine after noon: kWh by hour. */
function applianceRuns(stream: RandomStream): readonly number[] {
  const hours = Array.from({ length: HOURS_PER_DAY }, () => 0);
  for (let left = stream.integer(1, 3); left > 0; left -= 1) {
    const hour = stream.integer(12, 22);
    hours[hour] = (hours[hour] ?? 0) + stream.uniform(0.5, 1.5);
  }
  return hours;
}

/** Wh → mWh, in whole Wh. */
function wholeWh(wattHours: number): number {
  return Math.round(wattHours) * MILLI_WH_PER_WH;
}

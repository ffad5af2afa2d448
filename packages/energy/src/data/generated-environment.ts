/** Weather, prices and carbon of a generated year, for the same seed and hours as its homes. */

import { dayStartS } from "./dataset.ts";
import type { Environment } from "./environment.ts";
import { randomStream } from "./random-stream.ts";
import { weatherYear } from "./weather.ts";

const START_S = dayStartS("2016-08-01");
const DAYS = 365;
const HOUR_S = 3_600;
const HOURS_PER_DAY = 24;
const DAY_S = 86_400;

/** Dear hours of the time-of-use tariff, its prices in micro-currency per kWh by season and kind of day. */
const PEAK_HOURS = [16, 21] as const;
const SUMMER_MONTHS: ReadonlySet<number> = new Set([5, 6, 7, 8]);
const TARIFF = {
  summer: { base: 220_000, peak: 540_000, weekendPeak: 400_000 },
  winter: { base: 210_000, peak: 500_000, weekendPeak: 500_000 },
} as const;

/** Carbon falls with the sun on everybody's roofs and rises in the evening, g/kWh. */
const CARBON_G = 170;
const CARBON_SUN_G = 60;
const CARBON_EVENING_G = 50;
const FULL_SUN_WM2 = 1_000;

/** Environment of `createGenerator(seed)`: its weather, a time-of-use price, the grid's carbon. */
export function generatedEnvironment(seed: number): Environment {
  const weather = weatherYear(seed, START_S, DAYS);
  const column = (of: (hour: (typeof weather)[number], step: number) => number): Float64Array =>
    Float64Array.from(weather, of);
  return {
    startS: START_S,
    stepS: HOUR_S,
    steps: weather.length,
    interpolated: 0,
    columns: {
      tempC: column(({ airC }) => airC),
      globalWm2: column(({ irradiance }) => irradiance.globalWm2),
      directWm2: column(({ irradiance }) => irradiance.directWm2),
      diffuseWm2: column(({ irradiance }) => irradiance.diffuseWm2),
      priceMicroPerKWh: column((_, step) => timeOfUsePrice(START_S + step * HOUR_S)),
      carbonGPerKWh: column(({ irradiance }, step) => carbon(irradiance.globalWm2, step % HOURS_PER_DAY)),
    },
  };
}

function timeOfUsePrice(atS: number): number {
  const date = new Date(atS * 1_000);
  const season = SUMMER_MONTHS.has(date.getUTCMonth()) ? TARIFF.summer : TARIFF.winter;
  const hour = date.getUTCHours();
  if (hour < PEAK_HOURS[0] || hour >= PEAK_HOURS[1]) return season.base;
  return date.getUTCDay() % 6 === 0 ? season.weekendPeak : season.peak;
}

function carbon(globalWm2: number, hour: number): number {
  const evening = CARBON_EVENING_G * Math.exp(-((hour + 0.5 - 19.5) ** 2) / 8);
  return CARBON_G - CARBON_SUN_G * Math.min(1, globalWm2 / FULL_SUN_WM2) + evening;
}

/** Day-ahead prices: mean 37 per MWh, two peaks, cheaper weekends, a memory of days; rarely negative. */
const MEAN_MICRO_PER_KWH = 37_000;
const MORNING = [8.5, 2, 12_000] as const;
const EVENING = [19, 2.5, 18_000] as const;
const NIGHT = [3.5, 3, -10_000] as const;
const WEEKEND_MICRO = -7_000;
const DAY_MEMORY = 0.7;
const DAY_DEVIATION_MICRO = 8_000;
const HOUR_MEMORY = 0.8;
const HOUR_DEVIATION_MICRO = 5_000;

/** Hourly day-ahead prices of the generator's year, micro-currency per kWh. */
export function generatedDayAhead(seed: number): Float64Array {
  const draws = randomStream(seed, "prices");
  const prices = new Float64Array(DAYS * HOURS_PER_DAY);
  let dayLevel = 0;
  let drift = 0;
  for (let step = 0; step < prices.length; step += 1) {
    const hour = step % HOURS_PER_DAY;
    if (hour === 0)
      dayLevel =
        DAY_MEMORY * dayLevel + DAY_DEVIATION_MICRO * Math.sqrt(1 - DAY_MEMORY ** 2) * draws.normal();
    drift = HOUR_MEMORY * drift + HOUR_DEVIATION_MICRO * Math.sqrt(1 - HOUR_MEMORY ** 2) * draws.normal();
    const weekday = new Date((START_S + Math.floor(step / HOURS_PER_DAY) * DAY_S) * 1_000).getUTCDay();
    const shape = [MORNING, EVENING, NIGHT].reduce(
      (sum, [middle, width, height]) =>
        sum + height * Math.exp(-((hour + 0.5 - middle) ** 2) / (2 * width ** 2)),
      weekday % 6 === 0 ? WEEKEND_MICRO : 0,
    );
    prices[step] = Math.round(MEAN_MICRO_PER_KWH + shape + dayLevel + drift);
  }
  return prices;
}

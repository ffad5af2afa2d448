/** A year of weather at 38° north, hour by hour, from a seed: what the generated homes live under. */

import { clearSkyWm2, sunPosition } from "../models/sun.ts";
import type { Irradiance, SunPosition } from "../models/sun.ts";
import { randomStream } from "./random-stream.ts";
import type { RandomStream } from "./random-stream.ts";

/** Summer days are 1, winter days 0, on the solstices. */
interface SkyClass {
  readonly index: number;
  readonly deviation: number;
  /** Share of the days in winter, in summer; the middle class takes what is left. */
  readonly share: readonly [winter: number, summer: number] | null;
  /** Day to night, °C either way. */
  readonly swingC: number;
}

const CLEAR: SkyClass = { index: 0.97, deviation: 0.02, share: [0.4, 0.75], swingC: 7 };
const MIXED: SkyClass = { index: 0.7, deviation: 0.2, share: null, swingC: 6 };
const OVERCAST: SkyClass = { index: 0.3, deviation: 0.08, share: [0.3, 0.08], swingC: 5 };

const PLACE = { latitudeDegrees: 38, longitudeDegrees: 0 } as const;
const STAY = 0.55;
const INDEX_MEMORY = 0.7;
const TEMPERATURE_MEMORY = 0.95;
const TEMPERATURE_DEVIATION_C = 4;
const MEAN_C = 14;
const YEAR_SWING_C = 8;
const WARMEST_HOUR = 15;
const HOUR_S = 3_600;
const HOURS_PER_DAY = 24;
const YEAR_DAYS = 365.25;
const DAY_S = 86_400;
/** 2016-12-21 and 2017-01-20: the shortest day, and the coldest a month later. */
const SHORTEST_DAY_S = 1_482_278_400;
const COLDEST_DAY_S = SHORTEST_DAY_S + 30 * DAY_S;

export interface WeatherHour {
  /** In the middle of the hour: at its beginning the error of the power is twice as large. */
  readonly sun: SunPosition;
  readonly irradiance: Irradiance;
  readonly airC: number;
}

/** `days` whole days from `startS` (midnight). */
export function weatherYear(seed: number, startS: number, days: number): readonly WeatherHour[] {
  const classes = randomStream(seed, "weather/class");
  const cloud = randomStream(seed, "weather/cloud");
  const air = randomStream(seed, "weather/air");
  const hours: WeatherHour[] = [];
  let sky: SkyClass | undefined;
  let cloudDrift = 0;
  let airDrift = 0;
  for (let day = 0; day < days; day += 1) {
    const dayS = startS + day * DAY_S;
    sky = nextClass(classes, sky, 1 - winterShare(dayS, SHORTEST_DAY_S));
    for (let hour = 0; hour < HOURS_PER_DAY; hour += 1) {
      cloudDrift = drift(cloud, cloudDrift, INDEX_MEMORY);
      airDrift = drift(air, airDrift, TEMPERATURE_MEMORY);
      const sun = sunPosition(dayS + hour * HOUR_S + HOUR_S / 2, PLACE);
      const index = clamp(sky.index + sky.deviation * cloudDrift, 0.05, 1.05);
      const yearC = MEAN_C + YEAR_SWING_C * (1 - 2 * winterShare(dayS, COLDEST_DAY_S));
      const dayC = sky.swingC * Math.cos((2 * Math.PI * (hour + 0.5 - WARMEST_HOUR)) / HOURS_PER_DAY);
      hours.push({
        sun,
        irradiance: irradiance(sun, index),
        airC: yearC + dayC + TEMPERATURE_DEVIATION_C * airDrift,
      });
    }
  }
  return hours;
}

/** 1 on the day of `peakS`, 0 half a year away. */
function winterShare(atS: number, peakS: number): number {
  return (1 + Math.cos((2 * Math.PI * (atS - peakS)) / (YEAR_DAYS * DAY_S))) / 2;
}

/** First-order memory with deviation 1. */
function drift(stream: RandomStream, last: number, memory: number): number {
  return memory * last + Math.sqrt(1 - memory * memory) * stream.normal();
}

function nextClass(stream: RandomStream, last: SkyClass | undefined, summer: number): SkyClass {
  const stay = stream.uniform(0, 1);
  const draw = stream.uniform(0, 1);
  if (last !== undefined && stay < STAY) return last;
  const share = (sky: SkyClass): number => {
    const [winter, warm] = sky.share ?? [0, 0];
    return winter + (warm - winter) * summer;
  };
  if (draw < share(CLEAR)) return CLEAR;
  return draw < share(CLEAR) + share(OVERCAST) ? OVERCAST : MIXED;
}

function irradiance(sun: SunPosition, index: number): Irradiance {
  const globalWm2 = clearSkyWm2(sun.elevationDegrees) * index;
  if (globalWm2 <= 0) return { globalWm2: 0, directWm2: 0, diffuseWm2: 0 };
  const diffuseWm2 = globalWm2 * clamp(1.05 - 0.9 * index, 0.12, 1);
  const sinElevation = Math.sin((sun.elevationDegrees * Math.PI) / 180);
  // Near the horizon the division would make light out of rounding; no direct beam is stronger than this.
  return { globalWm2, directWm2: Math.min(1000, (globalWm2 - diffuseWm2) / sinElevation), diffuseWm2 };
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

/** Solar output a day ahead without a weather report: a clear day's curve, dimmed as much as today was. */

import { clearSkyWm2, panelPowerW, sunPosition } from "../models/sun.ts";
import type { Panel } from "../models/sun.ts";
import type { DayForecaster } from "./method.ts";

const HOUR_S = 3_600;
const DAY_S = 86_400;
/** Share of a clear sky's light that comes from all around. */
const DIFFUSE_SHARE = 0.15;
const AIR_C = 20;
const STRONGEST_BEAM_WM2 = 1_000;

export interface ClearSkySite {
  readonly panel: Panel;
  readonly latitudeDegrees: number;
  readonly longitudeDegrees: number;
  /** Midnight of the first day to be learnt, Unix seconds. */
  readonly startS: number;
  /** Divides a day. */
  readonly stepS: number;
}

/** What a panel makes on a day without clouds, W by step; the sun taken in the middle of each. */
export function clearSkyDayW(site: ClearSkySite, day: number): Float64Array {
  return Float64Array.from({ length: DAY_S / site.stepS }, (_, step) => {
    const sun = sunPosition(site.startS + day * DAY_S + (step + 0.5) * site.stepS, site);
    const globalWm2 = clearSkyWm2(sun.elevationDegrees);
    const sine = Math.sin((sun.elevationDegrees * Math.PI) / 180);
    const directWm2 = sine <= 0 ? 0 : Math.min(STRONGEST_BEAM_WM2, (globalWm2 * (1 - DIFFUSE_SHARE)) / sine);
    const irradiance = { globalWm2, directWm2, diffuseWm2: globalWm2 * DIFFUSE_SHARE };
    return panelPowerW(site.panel, { sun, irradiance, airC: AIR_C });
  });
}

/** The next clear day × the last day's share of a clear one; learns Wh per step (W for steps of an hour). */
export function clearSky(site: ClearSkySite): DayForecaster {
  let day = 0;
  let index: number | undefined;
  const energyWh = (of: number): Float64Array =>
    clearSkyDayW(site, of).map((powerW) => (powerW * site.stepS) / HOUR_S);
  return {
    method: "clearSky",
    learn(values) {
      const clear = energyWh(day).reduce((sum, value) => sum + value, 0);
      index = clear === 0 ? 0 : Array.from(values).reduce((sum, value) => sum + value, 0) / clear;
      day += 1;
    },
    next: () => {
      const share = index;
      return share === undefined ? null : energyWh(day).map((value) => share * value);
    },
  };
}

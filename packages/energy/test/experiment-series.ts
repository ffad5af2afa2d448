/** Series that forecasts are tried on: loads of homes and the sun of the first, from the first midnight on. */

import { type Dataset, dayStartS, daysOf, type ForecastSeries } from "@gridmesh/energy";

const MILLI_WH_PER_KWH = 1e6;

/** Sum of the loads of homes 1 … n, kW. */
export function loadSeries(dataset: Dataset, homes: number): ForecastSeries {
  const total = new Float64Array(dataset.steps - firstMidnight(dataset));
  for (let home = 1; home <= homes; home += 1) {
    dataset
      .home(home)
      .loadMilliWh.subarray(firstMidnight(dataset))
      .forEach((value, step) => (total[step]! += value / MILLI_WH_PER_KWH));
  }
  return { name: homes === 1 ? "1 home" : `${homes} homes`, unit: "kW", values: total };
}

/** PV of home 1, kW. */
export function sunSeries(dataset: Dataset): ForecastSeries {
  const values = dataset.home(1).pvMilliWh.subarray(firstMidnight(dataset));
  return { name: "PV", unit: "kW", values: values.map((value) => value / MILLI_WH_PER_KWH) };
}

function firstMidnight(dataset: Dataset): number {
  return (dayStartS(daysOf(dataset).first) - dataset.startS) / dataset.stepS;
}

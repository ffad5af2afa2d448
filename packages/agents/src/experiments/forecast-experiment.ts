/** E12: how well a day ahead is forecast, and how well ramps are noticed. */

import {
  alertExperiment,
  alertFigures,
  type Dataset,
  dayStartS,
  daysOf,
  forecastExperiment,
  forecastFigures,
  type ForecastSeries,
  generatedDayAhead,
  readDayAheadPrices,
} from "@gridmesh/energy";
import { datasetOf, drawn, findFile, openHomes } from "./data.ts";
import type { ExperimentRun, ExperimentFigure, ExperimentSource, ExperimentTable } from "./experiment.ts";

const MILLI_WH_PER_KWH = 1e6;
const MICRO_PER_MILLI = 1_000;

function firstMidnight(dataset: Dataset): number {
  return (dayStartS(daysOf(dataset).first) - dataset.startS) / dataset.stepS;
}

/** Sum of the loads of homes 1 … n, kW, from the first midnight on. */
function loads(dataset: Dataset, homes: number): ForecastSeries {
  const from = firstMidnight(dataset);
  const values = new Float64Array(dataset.steps - from);
  for (let home = 1; home <= homes; home += 1) {
    const { loadMilliWh } = dataset.home(home);
    for (let step = 0; step < values.length; step += 1)
      values[step] = (values[step] ?? 0) + (loadMilliWh[from + step] ?? 0) / MILLI_WH_PER_KWH;
  }
  return { name: homes === 1 ? "1 home" : `${homes} homes`, unit: "kW", values };
}

function sun(dataset: Dataset): ForecastSeries {
  const values = dataset.home(1).pvMilliWh.subarray(firstMidnight(dataset));
  return { name: "PV", unit: "kW", values: values.map((value) => value / MILLI_WH_PER_KWH) };
}

function figuresOf(
  series: readonly ForecastSeries[],
  source: ExperimentSource,
  seed: number,
): readonly ExperimentFigure[] {
  return [
    ...forecastFigures(forecastExperiment(series), source),
    ...series.flatMap((one) => alertFigures(one.name, alertExperiment(one, seed))),
  ];
}

function prices(data: string | undefined, seed: number): ExperimentTable {
  const file = findFile(data, "be_2016_hourly.csv");
  if (file === null) {
    const values = generatedDayAhead(seed).map((micro) => micro / MICRO_PER_MILLI);
    const series = { name: "generated price", unit: "per MWh", values, signed: true };
    const figures = figuresOf([series], "generated", seed);
    return { title: "forecast of prices", dataset: drawn("generated prices", seed), figures };
  }
  const values = readDayAheadPrices(file.text).priceEurPerMWh;
  const series = { name: "BE price", unit: "EUR/MWh", values, signed: true };
  const figures = figuresOf([series], "measured", seed);
  return { title: "forecast of prices", dataset: datasetOf(file), figures };
}

export const forecast: ExperimentRun = ({ data, seed, quick }) => {
  const homes = openHomes({ data, seed });
  const series = quick
    ? [loads(homes.dataset, 10)]
    : [loads(homes.dataset, 1), loads(homes.dataset, 10), loads(homes.dataset, 17), sun(homes.dataset)];
  const figures = figuresOf(series, homes.source, seed);
  const tables = [{ title: "forecast of homes", dataset: datasetOf(homes), figures }];
  return Promise.resolve({
    tables: quick ? tables : [...tables, prices(data, seed)],
    claims: [],
    notes: [
      "MAE of a whole day ahead, after 56 days; published errors for Belgian prices with more inputs: LEAR 5.21, DNN 4.95.",
      "No source document gives a number for its forecasts.",
    ],
  });
};

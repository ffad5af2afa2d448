/**
 * The energy experiments whole: cost (E1), peak (E2), frequency (E3), forecast (E12), on measured homes where the data
 * lie beside the repository and on generated ones, each figure with its baseline and its bar.
 *
 *   npm run campaign:experiments -- [--seed 1] [--seeds 30] [--only cost|peak|frequency|forecast] [--json] [--all]
 */

import { parseArgs } from "node:util";
import {
  alertExperiment,
  alertFigures,
  costExperiment,
  costFigures,
  createGenerator,
  type Dataset,
  dayFigures,
  type Environment,
  eventFigures,
  type ExperimentFigure,
  type ExperimentSource,
  forecastExperiment,
  forecastFigures,
  type ForecastSeries,
  frequencyExperiment,
  frequencyFigures,
  generatedDayAhead,
  generatedEnvironment,
  generatedGridDay,
  peakExperiment,
  peakFigures,
  readDayAheadPrices,
  readFrequencyEvent,
  readGridDay,
  reboundExperiment,
  recordExperiment,
} from "@gridmesh/energy";
import { loadSeries, sunSeries } from "../../packages/energy/test/experiment-series.ts";
import {
  cityLearn,
  outsideText,
  without,
  withoutCityLearn,
} from "../../packages/energy/test/outside-data.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "30" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
    all: { type: "boolean", default: false },
  },
});
const seed = Number(values.seed);

interface Result {
  readonly name: string;
  readonly dataset: string;
  readonly figures: readonly ExperimentFigure[];
}

interface Homes {
  readonly name: string;
  readonly source: ExperimentSource;
  readonly dataset: Dataset;
  readonly environment: Environment | null;
  readonly prices: ForecastSeries | null;
}

function measured(): Homes | null {
  if (withoutCityLearn !== false) {
    console.log(withoutCityLearn);
    return null;
  }
  const { homes, environment } = cityLearn();
  const price = "be_dayahead/be_2016_hourly.csv";
  const prices: ForecastSeries | null =
    without(price) === false
      ? {
          name: "BE price",
          unit: "EUR/MWh",
          values: readDayAheadPrices(outsideText(price)).priceEurPerMWh,
          signed: true,
        }
      : null;
  return { name: homes.name, source: "measured", dataset: homes, environment, prices };
}

function generated(): Homes {
  const perMWh = generatedDayAhead(seed).map((microPerKWh) => microPerKWh / 1_000);
  return {
    name: `generator, seed ${seed}`,
    source: "generated",
    dataset: createGenerator(seed),
    environment: generatedEnvironment(seed),
    prices: { name: "generated price", unit: "per MWh", values: perMWh, signed: true },
  };
}

function cost({ name, source, dataset }: Homes): Result[] {
  const result = { name: "cost", dataset: name, figures: costFigures(costExperiment(dataset), source) };
  if (source === "measured") return [result];
  const more = Array.from({ length: Number(values.seeds) }, (_, index) => index + 1).flatMap((one) =>
    costFigures(costExperiment(createGenerator(one), ["guide"]), source).map((figure) => ({
      ...figure,
      name: `seed ${one}, ${figure.name}`,
    })),
  );
  return [result, { name: "cost", dataset: `generator, seeds 1 … ${values.seeds}`, figures: more }];
}

function peak({ name, source, dataset, environment }: Homes): Result[] {
  const prices = environment?.columns.priceMicroPerKWh;
  if (prices === undefined) return [];
  const figures = peakFigures(peakExperiment(dataset), reboundExperiment(dataset, prices), source);
  return [{ name: "peak", dataset: name, figures }];
}

function forecast({ name, source, dataset, prices }: Homes): Result[] {
  const series = [
    loadSeries(dataset, 1),
    loadSeries(dataset, 10),
    loadSeries(dataset, 17),
    sunSeries(dataset),
    ...(prices === null ? [] : [prices]),
  ];
  const figures = [
    ...forecastFigures(forecastExperiment(series), source),
    ...series.flatMap((one) => alertFigures(one.name, alertExperiment(one, seed))),
  ];
  return [{ name: "forecast", dataset: name, figures }];
}

function frequency(): Result[] {
  const seeds = [0, 1, 2, 3, 4, 5].map((offset) => seed + offset);
  const results = [
    { name: "frequency", dataset: "load steps", figures: frequencyFigures(frequencyExperiment(seeds)) },
    {
      name: "frequency",
      dataset: "generated day",
      figures: dayFigures(recordExperiment(generatedGridDay(seed))),
    },
  ];
  const [day, event] = ["gmlc_grid/grid_day_1s.csv", "gmlc_grid/frequency_event_pmu.csv"] as const;
  if (without(day) !== false) return results;
  return [
    ...results,
    {
      name: "frequency",
      dataset: "recorded day and disturbance",
      figures: [
        ...dayFigures(recordExperiment(readGridDay(outsideText(day)))),
        ...eventFigures(recordExperiment(readFrequencyEvent(outsideText(event)))),
      ],
    },
  ];
}

function print({ name, dataset, figures }: Result, ms: number): void {
  const held = figures.filter(({ bar }) => bar !== null);
  const passed = held.filter(({ pass }) => pass).length;
  console.log(`\n${name} on ${dataset}: ${passed} of ${held.length} bars held, ${(ms / 1_000).toFixed(1)} s`);
  for (const { name: what, value, unit, baseline, bar, pass } of figures) {
    // A table of thirty seeds is read by its failures.
    if (figures.length > 400 && pass && !values.all) continue;
    const against = baseline === null ? "" : ` (against ${baseline})`;
    const range =
      bar === null ? "" : `  ${bar[0].toPrecision(5)} … ${bar[1].toPrecision(5)}${pass ? "" : "  MISSED"}`;
    console.log(`  ${what.padEnd(58)} ${value.toPrecision(6).padStart(9)} ${unit}${against}${range}`);
  }
}

const experiments: Readonly<Record<string, (homes: Homes) => Result[]>> = { cost, peak, forecast };
const homes = [measured(), generated()].filter((one) => one !== null);
const results: Result[] = [];
console.log(`seed ${seed}`);
for (const name of ["cost", "peak", "forecast", "frequency"]) {
  if (values.only !== undefined && values.only !== name) continue;
  for (const run of name === "frequency" ? [frequency] : homes.map((one) => () => experiments[name]!(one))) {
    const startedMs = performance.now();
    const found = run();
    const ms = performance.now() - startedMs;
    results.push(...found);
    if (!values.json) for (const result of found) print(result, ms / found.length);
  }
}
if (values.json) console.log(JSON.stringify({ seed, results }, null, 2));
process.exitCode = results.every(({ figures }) => figures.every(({ pass }) => pass)) ? 0 : 1;

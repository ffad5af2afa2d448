import assert from "node:assert/strict";
import { test } from "node:test";
import {
  alertExperiment,
  clearSky,
  createGenerator,
  type DayForecaster,
  type Forecast,
  forecastAlerts,
  forecastExperiment,
  type ForecastSeries,
  holtWinters,
  mean7,
  naive168,
  naive24,
  readDayAheadPrices,
  reviseForecast,
  ridge,
  selectForecaster,
  smoothing,
} from "@gridmesh/energy";
import * as fc from "fast-check";
import { quantile } from "../src/forecast/forecast.ts";
import { solveRidge } from "../src/forecast/ridge.ts";
import { loadSeries, sunSeries } from "./experiment-series.ts";
import { cityLearn, outsideText, without, withoutCityLearn } from "./outside-data.ts";

const HOUR_MS = 3_600_000;
const all = [naive24, naive168, mean7, smoothing, holtWinters, ridge];

function teach(forecaster: DayForecaster, days: readonly (readonly number[])[]): void {
  days.forEach((day, index) => forecaster.learn(day, index % 7));
}

test("each naive forecast repeats what its name says", () => {
  const days = Array.from({ length: 9 }, (_, day) => [day, 10 * day]);
  const asked = (forecaster: DayForecaster) => {
    teach(forecaster, days);
    return [...(forecaster.next(9 % 7) ?? [])];
  };
  assert.deepEqual(asked(naive24()), [8, 80]);
  assert.deepEqual(asked(naive168()), [2, 20]);
  assert.deepEqual(asked(mean7()), [5, 50]);
});

test("no method says anything before it has learnt enough", () => {
  for (const make of all) assert.equal(make().next(0), null, make.name);
  const week = mean7();
  teach(week, [[1], [1], [1], [1], [1], [1]]);
  assert.equal(week.next(6), null);
});

test("every method foresees what never changes, whatever its level", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.1, max: 50, noNaN: true }), { minLength: 2, maxLength: 4 }),
      (day) => {
        for (const make of all) {
          const forecaster = make();
          teach(
            forecaster,
            Array.from({ length: 60 }, () => day),
          );
          const said = forecaster.next(4) ?? [];
          day.forEach((value, step) => {
            assert.equal(
              Math.abs((said[step] ?? Number.NaN) - value) <= 0.03 * value + 0.03,
              true,
              make.name,
            );
          });
        }
      },
    ),
    { numRuns: 10 },
  );
});

test("ridge finds the weights that made the data, and shrinks them by its penalty", () => {
  const rows = Array.from({ length: 40 }, (_, index) => [1, index % 7, (index * index) % 11]);
  const targets = rows.map(([a = 0, b = 0, c = 0]) => 3 * a - 2 * b + 0.5 * c);
  const weights = solveRidge(rows, targets, 1e-9);
  [3, -2, 0.5].forEach((weight, index) => {
    assert.equal(Math.abs((weights[index] ?? 0) - weight) < 1e-6, true);
  });
  // One column of n ones: Σy/(n + penalty).
  assert.equal(solveRidge([[1], [1], [1]], [4, 4, 4], 1)[0], 3);
});

test("a quantile of ten draws leaves a tenth beyond it", () => {
  const sorted = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  assert.equal(quantile(sorted, 0.1), 1);
  assert.equal(quantile(sorted, 0.5), 5);
  assert.equal(quantile(sorted, 0.9), 9);
  assert.equal(quantile([], 0.5), 0);
});

test("the selection speaks for the method that erred least in the last 28 days", () => {
  const selector = selectForecaster([naive24(), naive168()]);
  const asked = { weekday: 0, issuedAtMs: 0, stepS: 86_400 };
  assert.equal(selector.next(asked), null);
  // A week that repeats: last week is right, yesterday is not.
  for (let day = 0; day < 28; day += 1) selector.learn([day % 7], day % 7);
  assert.equal(selector.next(asked)?.method, "naive168");
  // A level that moves and stays: yesterday is right again.
  for (let day = 0; day < 40; day += 1) selector.learn([20 + Math.floor(day / 5)], day % 7);
  assert.equal(selector.next(asked)?.method, "naive24");
});

test("what cannot be negative is never forecast so", () => {
  const selector = selectForecaster([mean7()], { least: 0 });
  for (let day = 0; day < 40; day += 1) selector.learn([day % 4 === 0 ? 8 : 0], day % 7);
  const point = selector.next({ weekday: 5, issuedAtMs: 0, stepS: 86_400 })?.points[0];
  assert.equal(point?.p10, 0);
  assert.equal((point?.p90 ?? 0) > (point?.value ?? 0), true);
});

test("an alert names the target whose forecast moved by more than three deviations", () => {
  const forecast = (issuedAtMs: number, values: readonly number[]): Forecast => ({
    issuedAtMs,
    stepS: 3_600,
    points: values.map((value) => ({ value, p10: value - 1, p90: value + 1 })),
    method: "mean7",
  });
  const before = forecast(0, [5, 5, 5, 5]);
  const sigma = [1, 1, 1];
  assert.deepEqual(forecastAlerts(before, forecast(HOUR_MS, [8, 2, 5]), sigma), []);
  assert.deepEqual(forecastAlerts(before, forecast(HOUR_MS, [5, 8.5, 5, 99]), sigma), [
    { targetMs: 2 * HOUR_MS, before: 5, now: 8.5, sigma: 1 },
  ]);
  const revised = reviseForecast(before, [9, 9], [1, 1, 1, 0]);
  assert.equal(revised.issuedAtMs, 2 * HOUR_MS);
  assert.deepEqual(
    revised.points.map(({ value }) => value),
    [5 + 4 * 0.8, 5],
  );
});

test("the sun behind yesterday's clouds is foreseen better by its curve than by last week's mean", () => {
  const generator = createGenerator(2);
  const year = generator.home(1);
  const panel = { ratedW: 4_000, tiltDegrees: 15, azimuthDegrees: 180 };
  const sun = clearSky({
    panel,
    latitudeDegrees: 38,
    longitudeDegrees: 0,
    startS: generator.startS,
    stepS: 3_600,
  });
  const week = naive168();
  let bySun = 0;
  let byWeek = 0;
  for (let day = 0; day < 200; day += 1) {
    const seen = year.pvMilliWh.subarray(24 * day, 24 * day + 24).map((milliWh) => milliWh / 1_000);
    const [a, b] = [sun.next(day % 7), week.next(day % 7)];
    seen.forEach((value, hour) => {
      if (day < 7) return;
      bySun += Math.abs((a?.[hour] ?? 0) - value);
      byWeek += Math.abs((b?.[hour] ?? 0) - value);
    });
    sun.learn(seen, day % 7);
    week.learn(seen, day % 7);
  }
  assert.equal(bySun < 0.9 * byWeek, true, `${bySun} against ${byWeek}`);
});

/** Published for these data: MAE after 56 days by method, in the order of `all`. */
function holdsTo(series: ForecastSeries, reference: readonly number[]): void {
  const [row] = forecastExperiment([series]);
  assert.ok(row !== undefined);
  all.forEach((make, index) => {
    const { mae } = row;
    const ratio = mae[make.name as "naive24"] / (reference[index] ?? 0);
    // The tuning of Holt-Winters picks better rates for the sun than the reference's did: 0.252 kW against 0.265.
    const least = series.name === "PV" && make.name === "holtWinters" ? 0.94 : 0.98;
    assert.equal(
      ratio >= least && ratio <= 1.02,
      true,
      `${series.name}, ${make.name}: ${ratio} of the reference`,
    );
  });
  const { coveragePercent } = row;
  assert.equal(coveragePercent >= 75 && coveragePercent <= 85, true, `coverage ${coveragePercent} %`);
}

test(
  "the day-ahead errors of one home and its PV are the reference's within 2 %",
  { skip: withoutCityLearn },
  () => {
    const { homes } = cityLearn();
    holdsTo(loadSeries(homes, 1), [0.675, 0.697, 0.577, 0.563, 0.58, 0.585]);
    holdsTo(sunSeries(homes), [0.214, 0.288, 0.235, 0.23, 0.265, 0.222]);
  },
);

test(
  "ten homes are foreseen with at most 0.72 of last week's error, and injected ramps raise alerts that are right",
  { skip: withoutCityLearn },
  () => {
    const series = loadSeries(cityLearn().homes, 10);
    holdsTo(series, [2.63, 3.39, 2.6, 2.52, 2.37, 2.36]);
    const [row] = forecastExperiment([series]);
    assert.equal((row?.ratioToNaive168 ?? 1) <= 0.72, true, `${row?.ratioToNaive168}`);
    const { ramps, found, precisionPercent } = alertExperiment(series, 1);
    assert.equal(ramps, 44);
    assert.equal(
      found >= 0.9 * ramps && (precisionPercent ?? 0) >= 90,
      true,
      `${found} found, ${precisionPercent} %`,
    );
  },
);

test(
  "Belgian prices are foreseen as well as the reference, the published forecasts stay ahead",
  { skip: without("be_dayahead/be_2016_hourly.csv") },
  () => {
    const { priceEurPerMWh, published } = readDayAheadPrices(outsideText("be_dayahead/be_2016_hourly.csv"));
    const series = { name: "BE price", unit: "EUR/MWh", values: priceEurPerMWh, signed: true };
    holdsTo(series, [8.66, 8.92, 8.74, 7.14, 8.83, 6.85]);
    const from = 56 * 24;
    const mae = (forecast: Float64Array) =>
      priceEurPerMWh
        .subarray(from)
        .reduce((sum, price, hour) => sum + Math.abs(price - forecast[from + hour]!), 0) /
      (priceEurPerMWh.length - from);
    assert.equal(mae(published.learEurPerMWh).toFixed(2), "5.21");
    assert.equal(mae(published.deepNetworkEurPerMWh).toFixed(2), "4.95");
  },
);

/** Tables of experiments as single figures, each with its unit, its baseline by name and the bar it is held to. */

import type { CostRow } from "./cost.ts";
import type { AlertFigures, ForecastRow, TableMethod } from "./forecast.ts";
import type { FrequencyControlName, FrequencyRow, RecordRow } from "./frequency.ts";
import type { PeakTable, ReboundTable } from "./peak.ts";

/** Where the homes come from: the published figures are those of `measured`, the bands those of `generated`. */
export type ExperimentSource = "measured" | "generated";

export interface ExperimentFigure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it is compared with; null: nothing. */
  readonly baseline: string | null;
  /** Least and most; null: reported, held to nothing. */
  readonly bar: readonly [least: number, most: number] | null;
  readonly pass: boolean;
}

type Bar = ExperimentFigure["bar"];

const MICRO = 1e6;
const MILLI_W_PER_KW = 1e6;

function figure(
  name: string,
  measured: { readonly value: number; readonly unit: string; readonly baseline?: string },
  bar: Bar | undefined = null,
): ExperimentFigure {
  const { value, unit, baseline = null } = measured;
  const held = bar ?? null;
  return {
    name,
    value,
    unit,
    baseline,
    bar: held,
    pass: held === null || (value >= held[0] && value <= held[1]),
  };
}

/** A published figure and how far one may be from it. */
function around(reference: number, share: number): Bar {
  return [reference * (1 - share), reference * (1 + share)];
}

const ONE_PERCENT = 0.01;
/** Percentages are published with one decimal. */
const ONE_DECIMAL = 0.05;

type CostBar =
  | "billB"
  | "billA"
  | "billTrading"
  | "billShared"
  | "between"
  | "savedTrading"
  | "savedShared"
  | "leastHome";

const SAVED_PERCENT: Readonly<Record<CostRow["community"], number>> = {
  guide: 16.2,
  "five-sellers": 13.6,
  "all-with-battery": 2.4,
  "all-without-battery": 7.9,
};

/** Figures are published for a feed-in of 0.05 only; bands of generated homes for the Guide's community only. */
function costBars(row: CostRow, source: ExperimentSource): Partial<Record<CostBar, Bar>> {
  if (row.tariff.feedInMicroPerKWh !== 50_000) return {};
  const guide = row.community === "guide";
  if (source === "generated") {
    return guide ? { savedTrading: [12, 17], savedShared: [16, 23], leastHome: [7, 100] } : {};
  }
  const saved = SAVED_PERCENT[row.community];
  const savedTrading: Bar = [saved - ONE_DECIMAL, saved + ONE_DECIMAL];
  if (!guide) return { savedTrading };
  return {
    billB: around(23_552, ONE_PERCENT),
    billA: around(14_583, ONE_PERCENT),
    billTrading: around(12_216, ONE_PERCENT),
    billShared: around(11_431, ONE_PERCENT),
    between: around(11_832, ONE_PERCENT),
    savedTrading,
    savedShared: around(21.6, ONE_PERCENT),
    leastHome: [8.5, 9.5],
  };
}

/** E1's figures: bills, savings against each baseline by its name, energy between homes. */
export function costFigures(rows: readonly CostRow[], source: ExperimentSource): readonly ExperimentFigure[] {
  return rows.flatMap((row) => {
    const bars = costBars(row, source);
    const setting = `${row.community}, feed-in ${(row.tariff.feedInMicroPerKWh / MICRO).toFixed(2)}`;
    const usd = (what: string, micro: number, bar: CostBar): ExperimentFigure =>
      figure(`${setting}: ${what}`, { value: micro / MICRO, unit: "USD" }, bars[bar]);
    const share = (what: string, saving: CostRow["trading"], bar?: CostBar): ExperimentFigure =>
      figure(
        `${setting}: ${what}`,
        { value: saving.savedPercent ?? 0, unit: "%", baseline: saving.baseline },
        bar === undefined ? null : bars[bar],
      );
    const home = (what: string, value: number, bar?: CostBar): ExperimentFigure =>
      figure(
        `${setting}: ${what}`,
        { value, unit: "%", baseline: row.trading.baseline },
        bar === undefined ? null : bars[bar],
      );
    return [
      usd("bill B", row.allFromUtilityMicro, "billB"),
      usd("bill A", row.sameAssetsMicro, "billA"),
      usd("bill trading", row.trading.actualMicro, "billTrading"),
      usd("bill batteries shared", row.sharedBatteries.actualMicro, "billShared"),
      figure(
        `${setting}: between homes`,
        { value: row.betweenHomesMilliWh / MICRO, unit: "kWh" },
        bars.between,
      ),
      share("saved by trading", row.trading, "savedTrading"),
      share("saved by sharing batteries", row.sharedBatteries, "savedShared"),
      share("saved in all", row.tradingAgainstAllFromUtility),
      home("least home", row.homePercent.least, "leastHome"),
      home("median home", row.homePercent.median),
      figure(`${setting}: self-sufficiency`, { value: row.use.selfSufficiencyPercent ?? 0, unit: "%" }),
    ];
  });
}

/** E2's figures. On generated homes forecast and battery must lower the mean daily peak by a fifth or more. */
export function peakFigures(
  table: PeakTable,
  rebound: ReboundTable,
  source: ExperimentSource,
): readonly ExperimentFigure[] {
  const kW = (value: number): { value: number; unit: string } => ({
    value: value / MILLI_W_PER_KW,
    unit: "kW",
  });
  const bar = (reference: number): Bar => (source === "measured" ? around(reference, ONE_PERCENT) : null);
  const none = table.rows[0];
  const meanDaily: Readonly<Record<string, Bar>> = { "no agent": bar(16), "forecast and battery": bar(12) };
  const rows = table.rows.flatMap((row) => [
    figure(`${row.strategy}: mean daily peak`, kW(row.meanDailyPeakMilliW), meanDaily[row.strategy] ?? null),
    figure(`${row.strategy}: annual peak`, kW(row.annualPeakMilliW), [
      table.boundByYearMilliW / MILLI_W_PER_KW,
      (none?.annualPeakMilliW ?? 0) / MILLI_W_PER_KW,
    ]),
  ]);
  const planned = table.rows.at(-1)?.meanDailyPeakMilliW ?? Number.NaN;
  const lowered = 100 * (1 - planned / (none?.meanDailyPeakMilliW ?? Number.NaN));
  const ratio = rebound.priceAlone.peakMilliW / rebound.noBatteryPeakMilliW;
  const alone = "price alone";
  return [
    ...rows,
    figure(
      "forecast and battery: mean daily peak lowered",
      { value: lowered, unit: "%", baseline: "no agent" },
      source === "measured" ? [24.5, 25.5] : [20, 100],
    ),
    figure("bound, planned by week", kW(table.boundByWeekMilliW), bar(21.1)),
    figure("bound, planned by year", kW(table.boundByYearMilliW), bar(19)),
    figure("rebound: no battery", kW(rebound.noBatteryPeakMilliW), bar(49)),
    figure("rebound: price alone", kW(rebound.priceAlone.peakMilliW), bar(118)),
    figure(
      "rebound: price alone over no battery",
      { value: ratio, unit: "×", baseline: "no battery" },
      [2, 10],
    ),
    figure("rebound: with a grid agent", kW(rebound.gridAgent.peakMilliW), bar(32.7)),
    figure(
      "rebound: the grid agent's price",
      { value: rebound.gridAgent.dearerPercent, unit: "%", baseline: alone },
      [0, 5],
    ),
  ];
}

/**
 * Six other draws gave 22–33, 90–93, 99.8–99.99, 36 and 92–95 %; sixty seeds of ours have these medians and spread
 * wider: 30 (21–42), 90.7 (88–93), 99.95 (99.6–99.99), 35 and 92 (90–94). The island's own bar is 99.5 %.
 */
const IN_BAND: Readonly<Record<FrequencyControlName, Bar>> = {
  nothing: [18, 45],
  secondary: [87, 95],
  "local-droop": [99.5, 100],
  "too-much-droop": [33, 38],
  "droop-over-the-network": [89, 96],
};

/** E3's figures: the share of time inside 59.8 … 60.2 Hz, with the extremes. */
export function frequencyFigures(rows: readonly FrequencyRow[]): readonly ExperimentFigure[] {
  return rows.flatMap(({ control, seed, inBandPercent, minHz, maxHz }) => {
    const name = `${control}, seed ${seed}`;
    return [
      figure(`${name}: in band`, { value: inBandPercent, unit: "%" }, IN_BAND[control]),
      figure(`${name}: lowest`, { value: minHz, unit: "Hz" }),
      figure(`${name}: highest`, { value: maxHz, unit: "Hz" }),
    ];
  });
}

/** A calm day stays in band. */
export function dayFigures(day: RecordRow): readonly ExperimentFigure[] {
  return [
    figure("day: in band", { value: day.inBandPercent, unit: "%" }, [100, 100]),
    figure("day: changes of stage", { value: day.stages.length, unit: "" }, [0, 0]),
  ];
}

/** The recorded disturbance: when it was noticed. */
export function eventFigures(event: RecordRow): readonly ExperimentFigure[] {
  const at = (stage: string): number => event.stages.find((one) => one.stage === stage)?.atS ?? Number.NaN;
  return [
    figure("event: warn", { value: at("warn"), unit: "s" }, [67, 69]),
    figure("event: demand response", { value: at("demandResponse"), unit: "s" }, [69.5, 72.5]),
    figure("event: lowest", { value: event.minHz, unit: "Hz" }),
  ];
}

/** Series that published errors exist for, by the names the table uses. */
const PUBLISHED_MAE: Readonly<Record<string, Readonly<Record<TableMethod, number>>>> = {
  "1 home": mae([0.675, 0.697, 0.577, 0.563, 0.58, 0.585]),
  "10 homes": mae([2.63, 3.39, 2.6, 2.52, 2.37, 2.36]),
  "17 homes": mae([3.77, 4.93, 3.73, 3.63, 3.42, 3.38]),
  PV: mae([0.214, 0.288, 0.235, 0.23, 0.265, 0.222]),
  "BE price": mae([8.66, 8.92, 8.74, 7.14, 8.83, 6.85]),
};

function mae(values: readonly [number, number, number, number, number, number]): Record<TableMethod, number> {
  const [naive24, naive168, mean7, smoothing, holtWinters, ridge] = values;
  return { naive24, naive168, mean7, smoothing, holtWinters, ridge };
}

const TWO_PERCENT = 0.02;
/** The tuning of Holt-Winters picks better rates for the sun than the published one did: 0.252 kW against 0.265. */
const BETTER_FOR_PV = 0.06;

/** E12's figures. */
export function forecastFigures(
  rows: readonly ForecastRow[],
  source: ExperimentSource,
): readonly ExperimentFigure[] {
  return rows.flatMap((row) => {
    const published = source === "measured" ? PUBLISHED_MAE[row.name] : undefined;
    const methods = (Object.keys(row.mae) as (TableMethod | "select")[]).map((method) => {
      const reference = method === "select" ? undefined : published?.[method];
      const below = row.name === "PV" && method === "holtWinters" ? BETTER_FOR_PV : TWO_PERCENT;
      const bar: Bar =
        reference === undefined ? null : [reference * (1 - below), reference * (1 + TWO_PERCENT)];
      return figure(`${row.name}: MAE ${method}`, { value: row.mae[method], unit: row.unit }, bar);
    });
    const tenHomes = row.name === "10 homes" && source === "measured";
    return [
      ...methods,
      figure(
        `${row.name}: select over naive168`,
        { value: row.ratioToNaive168, unit: "×", baseline: "naive168" },
        [0, tenHomes ? 0.72 : 1],
      ),
      figure(`${row.name}: inside p10 … p90`, { value: row.coveragePercent, unit: "%" }, [75, 85]),
    ];
  });
}

/** E12's injected ramps: nine in ten alerts mean one. Some ramps of the sun begin at dusk, too late to be seen. */
export function alertFigures(name: string, alerts: AlertFigures): readonly ExperimentFigure[] {
  return [
    figure(`${name}: alerts that were right`, { value: alerts.precisionPercent ?? 0, unit: "%" }, [90, 100]),
    figure(
      `${name}: ramps found`,
      { value: (100 * alerts.found) / Math.max(1, alerts.ramps), unit: "%" },
      [80, 100],
    ),
  ];
}

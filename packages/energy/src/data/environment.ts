/** Weather and prices beside the homes, by column; floats for models, prices whole. */

import { dayStartS } from "./dataset.ts";
import { badData, columnIndex, decimalCell, fillGaps, readTable } from "./table.ts";
import type { Table } from "./table.ts";

/** Columns an environment may have; absent ones are absent in the file. */
export type EnvironmentColumn =
  | "tempC"
  | "relativeHumidityPercent"
  | "globalWm2"
  | "directWm2"
  | "diffuseWm2"
  | "cloudPercent"
  | "windMS"
  | "priceMicroPerKWh"
  | "carbonGPerKWh";

export interface Environment {
  readonly startS: number;
  readonly stepS: number;
  readonly steps: number;
  readonly interpolated: number;
  readonly columns: Readonly<Partial<Record<EnvironmentColumn, Float64Array>>>;
}

type Source = readonly [name: string, column: EnvironmentColumn, factor: number];

const CITYLEARN: readonly Source[] = [
  ["temp_c", "tempC", 1],
  ["rh_pct", "relativeHumidityPercent", 1],
  ["dhi_w_m2", "diffuseWm2", 1],
  ["dni_w_m2", "directWm2", 1],
  ["price_usd_per_kwh", "priceMicroPerKWh", 1_000_000],
  ["carbon_kg_per_kwh", "carbonGPerKWh", 1_000],
];

const OWN: readonly Source[] = [
  ["temp_c", "tempC", 1],
  ["ghi", "globalWm2", 1],
  ["dni", "directWm2", 1],
  ["dhi", "diffuseWm2", 1],
  ["cloud", "cloudPercent", 1],
  ["wind_ms", "windMS", 1],
  ["rh", "relativeHumidityPercent", 1],
  ["price_micro_per_kwh", "priceMicroPerKWh", 1],
  ["carbon_g_per_kwh", "carbonGPerKWh", 1],
];

const HOUR_S = 3_600;

/** CityLearn's `environment_hourly.csv`: its row 0 is the hour before 2016-08-01. @throws INVALID_PARAMS. */
export function readCityLearnEnvironment(text: string): Environment {
  const table = readTable("environment_hourly.csv", text);
  const startS = dayStartS("2016-08-01") - HOUR_S;
  return { startS, stepS: HOUR_S, steps: table.rows.length, ...readColumns(table, CITYLEARN) };
}

/** Our own `environment.csv`, `ts` in UTC seconds, equal steps. @throws INVALID_PARAMS. */
export function readEnvironmentCsv(text: string): Environment {
  const table = readTable("environment.csv", text);
  const at = columnIndex(table, "ts");
  const times = table.rows.map((row) => decimalCell(table, row, at));
  const startS = times[0] ?? 0;
  const stepS = (times[1] ?? startS + HOUR_S) - startS;
  times.forEach((atS, index) => {
    if (!Number.isSafeInteger(atS) || stepS <= 0 || atS !== startS + index * stepS) {
      throw badData(table.file, table.rows[index]?.line ?? 0, `${atS} breaks the step of ${stepS} s`);
    }
  });
  return { startS, stepS, steps: times.length, ...readColumns(table, OWN) };
}

function readColumns(
  table: Table,
  sources: readonly Source[],
): Pick<Environment, "interpolated" | "columns"> {
  const columns: Partial<Record<EnvironmentColumn, Float64Array>> = {};
  let interpolated = 0;
  for (const [name, column, factor] of sources) {
    const index = columnIndex(table, name);
    const values = Float64Array.from(table.rows, (row) => decimalCell(table, row, index) * factor);
    const lineOf = (step: number): number => table.rows[step]?.line ?? 0;
    interpolated += fillGaps(values, { file: table.file, name, lineOf }, false);
    columns[column] = column === "priceMicroPerKWh" ? values.map(Math.round) : values;
  }
  return { interpolated, columns };
}

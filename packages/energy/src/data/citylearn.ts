/**
 * The 17 measured homes of CityLearn's 2022 challenge. The files carry no dates: day 1 is 2016-08-01, and row 0 is the
 * hour before it, which a year of whole days does not use.
 */

import { ProtocolError } from "@gridmesh/protocol";
import type { Dataset, HomeYear } from "./dataset.ts";
import { dayStartS } from "./dataset.ts";
import { badData, columnIndex, decimalCell, fillGaps, readTable } from "./table.ts";
import type { Table } from "./table.ts";

const MILLI_WH_PER_KWH = 1_000_000;
const HOUR_S = 3_600;
/** Midnight of the first whole day, less the one hour that row 0 covers. */
const START_S = dayStartS("2016-08-01") - HOUR_S;

/** `homes_hourly.csv` with the plates of `homes.json`, when there. @throws INVALID_PARAMS with file and line. */
export function readCityLearn(text: string, platesJson?: string): Dataset {
  const table = readTable("homes_hourly.csv", text);
  const plates = platesJson === undefined ? new Map<number, number>() : readPlates(platesJson);
  const years = new Map<number, HomeYear>();
  let interpolated = 0;
  for (const name of table.columns) {
    const home = Number(/^load_(\d{1,4})$/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(home)) continue;
    const load = energyColumn(table, name);
    const pv = energyColumn(table, `pv_${home}`);
    interpolated += load.filled + pv.filled;
    const ratedPvW = plates.get(home) ?? null;
    years.set(home, { home, ratedPvW, loadMilliWh: load.values, pvMilliWh: pv.values });
  }
  if (years.size === 0) throw badData(table.file, 1, "no load_N column");
  return {
    name: "citylearn2022",
    startS: START_S,
    stepS: HOUR_S,
    steps: table.rows.length,
    homes: [...years.keys()].sort((a, b) => a - b),
    interpolated,
    home: (home) => {
      const year = years.get(home);
      if (year === undefined) throw new ProtocolError("INVALID_PARAMS", `${table.file}: no home ${home}`);
      return year;
    },
  };
}

function energyColumn(table: Table, name: string): { values: Float64Array; filled: number } {
  const column = columnIndex(table, name);
  const values = Float64Array.from(table.rows, (row) => {
    const kWh = decimalCell(table, row, column);
    if (kWh < 0) throw badData(table.file, row.line, `${name} is negative`);
    return Math.round(kWh * MILLI_WH_PER_KWH);
  });
  const filled = fillGaps(values, { file: table.file, name, lineOf: (step) => table.rows[step]?.line ?? 0 });
  return { values, filled };
}

function readPlates(text: string): Map<number, number> {
  const file = "homes.json";
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError("INVALID_PARAMS", `${file}: not JSON`, { cause });
  }
  if (!Array.isArray(parsed)) throw badData(file, 0, "not a list of homes");
  return new Map(
    parsed.map((entry: unknown, index) => {
      const { home, pv_kw } = (entry ?? {}) as { home?: unknown; pv_kw?: unknown };
      if (
        typeof home !== "number" ||
        typeof pv_kw !== "number" ||
        !Number.isSafeInteger(home) ||
        !(pv_kw >= 0)
      ) {
        throw badData(file, 0, `entry ${index} lacks home or pv_kw`);
      }
      return [home, Math.round(pv_kw * 1000)];
    }),
  );
}

/** Belgian day-ahead prices of 2016 with two published forecasts: local time, 24 rows every day. */

import { badData, columnIndex, decimalCell, fillGaps, readTable } from "./table.ts";

const FILE = "be_2016_hourly.csv";
const HOURS_PER_DAY = 24;

export interface DayAheadPrices {
  /** Days from 2016-01-01 on, 24 values each, EUR/MWh; negative ones are real. */
  readonly priceEurPerMWh: Float64Array;
  /** Published forecasts of the same hours. */
  readonly published: {
    readonly deepNetworkEurPerMWh: Float64Array;
    readonly learEurPerMWh: Float64Array;
  };
  readonly interpolated: number;
}

/** `be_2016_hourly.csv`. @throws INVALID_PARAMS with file and line. */
export function readDayAheadPrices(text: string): DayAheadPrices {
  const table = readTable(FILE, text);
  const time = columnIndex(table, "local_time");
  table.rows.forEach((row, index) => {
    const hour = Number(/^\d{4}-\d{2}-\d{2} (\d{2}):00$/.exec(row.cells[time] ?? "")?.[1] ?? Number.NaN);
    if (hour !== index % HOURS_PER_DAY) {
      throw badData(
        FILE,
        row.line,
        `"${(row.cells[time] ?? "").slice(0, 20)}" is not hour ${index % HOURS_PER_DAY}`,
      );
    }
  });
  if (table.rows.length % HOURS_PER_DAY !== 0)
    throw badData(FILE, table.rows.at(-1)?.line ?? 0, "ends within a day");
  let interpolated = 0;
  const column = (name: string): Float64Array => {
    const index = columnIndex(table, name);
    const values = Float64Array.from(table.rows, (row) => decimalCell(table, row, index));
    interpolated += fillGaps(
      values,
      { file: FILE, name, lineOf: (step) => table.rows[step]?.line ?? 0 },
      false,
    );
    return values;
  };
  const priceEurPerMWh = column("price_eur_mwh");
  const published = {
    deepNetworkEurPerMWh: column("dnn_ensemble"),
    learEurPerMWh: column("lear_ensemble"),
  };
  return { priceEurPerMWh, published, interpolated };
}

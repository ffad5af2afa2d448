/** Reference years of sun: PVWatts with the power it computed, PVGIS with the weather alone. */

import type { Environment } from "./environment.ts";
import { dayStartS } from "./dataset.ts";
import { badData, columnIndex, decimalCell, fillGaps, readTable } from "./table.ts";
import type { Table } from "./table.ts";

const PVWATTS_FILE = "pvwatts_8760_denver_4kw_roofmount.csv";
const PVWATTS_HEADER_LINES = 18;
const PVGIS_FILE = "pvgis_tmy_45N_8E.csv";
const HOUR_S = 3_600;
/** A typical year has no year: one without a leap day stands for it. */
const TYPICAL_YEAR = "2017-01-01";
const YEAR_HOURS = 8_760;

export interface PvWattsYear {
  readonly latitudeDegrees: number;
  readonly longitudeDegrees: number;
  /** Hours from local standard time's first of January on; the first begins at this Unix time. */
  readonly startS: number;
  readonly directWm2: Float64Array;
  readonly diffuseWm2: Float64Array;
  readonly airC: Float64Array;
  /** What PVWatts computed: on the plane of the array, in the cell, and at the inverter. */
  readonly planeWm2: Float64Array;
  readonly cellC: Float64Array;
  readonly powerW: Float64Array;
}

/** The PVWatts file: 18 header lines, hours in UTC−7, a line of totals at the end. @throws INVALID_PARAMS with line. */
export function readPvWatts(text: string): PvWattsYear {
  const lines = text.split(/\r?\n/);
  const place = (label: string): number => {
    const line = lines.slice(0, PVWATTS_HEADER_LINES).find((one) => one.startsWith(label));
    const value = Number(line?.split(",")[1] ?? Number.NaN);
    if (Number.isNaN(value)) throw badData(PVWATTS_FILE, 0, `no "${label}" among the header lines`);
    return value;
  };
  const longitudeDegrees = -place("Long (deg W)");
  const table = readTable(
    PVWATTS_FILE,
    lines.filter((line) => !line.startsWith("Totals")).join("\n"),
    PVWATTS_HEADER_LINES - 1,
  );
  if (table.rows.length !== YEAR_HOURS)
    throw badData(PVWATTS_FILE, 0, `${table.rows.length} hours, not a year`);
  const zone = Math.round(longitudeDegrees / 15);
  return {
    latitudeDegrees: place("Lat (deg N)"),
    longitudeDegrees,
    startS: dayStartS(TYPICAL_YEAR) - zone * HOUR_S,
    directWm2: numbers(table, "Beam Irradiance (W/m^2)"),
    diffuseWm2: numbers(table, "Diffuse Irradiance (W/m^2)"),
    airC: numbers(table, "Ambient Temperature (C)"),
    planeWm2: numbers(table, "Plane of Array Irradiance (W/m^2)"),
    cellC: numbers(table, "Cell Temperature (C)"),
    powerW: numbers(table, "AC System Output (W)"),
  };
}

/** The PVGIS file: months of different years in one, told as 2017; `-0.0` is 0. @throws INVALID_PARAMS with line. */
export function readPvgis(text: string): Environment {
  const table = readTable(PVGIS_FILE, text);
  const time = columnIndex(table, "time(UTC)");
  const startS = dayStartS(TYPICAL_YEAR);
  const order = table.rows.map((row) => {
    const text = row.cells[time] ?? "";
    const [, month, day, hour] = /^\d{4}(\d{2})(\d{2}):(\d{2})\d{2}$/.exec(text) ?? [];
    const step = Math.round(
      (Date.UTC(2017, Number(month) - 1, Number(day), Number(hour)) / 1_000 - startS) / HOUR_S,
    );
    if (!(step >= 0 && step < YEAR_HOURS))
      throw badData(PVGIS_FILE, row.line, `"${text.slice(0, 20)}" is no hour`);
    return step;
  });
  if (table.rows.length !== YEAR_HOURS || new Set(order).size !== YEAR_HOURS) {
    throw badData(PVGIS_FILE, 0, "not every hour of a year once");
  }
  const column = (name: string): Float64Array => {
    const values = numbers(table, name);
    const sorted = new Float64Array(YEAR_HOURS);
    order.forEach((step, row) => {
      // Adding 0 turns −0 into 0.
      sorted[step] = (values[row] ?? 0) + 0;
    });
    return sorted;
  };
  return {
    startS,
    stepS: HOUR_S,
    steps: YEAR_HOURS,
    interpolated: 0,
    columns: {
      tempC: column("T2m"),
      globalWm2: column("G(h)"),
      directWm2: column("Gb(n)"),
      diffuseWm2: column("Gd(h)"),
      windMS: column("WS10m"),
    },
  };
}

function numbers(table: Table, name: string): Float64Array {
  const column = columnIndex(table, name);
  const values = Float64Array.from(table.rows, (row) => decimalCell(table, row, column));
  fillGaps(values, { file: table.file, name, lineOf: (step) => table.rows[step]?.line ?? 0 }, false);
  return values;
}

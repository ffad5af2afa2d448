/** One measured home with PV in half hours, kW, local time with 48 rows every day. */

import { ProtocolError } from "@gridmesh/protocol";
import { dayStartS } from "./dataset.ts";
import type { Dataset, HomeYear } from "./dataset.ts";
import { badData, columnIndex, decimalCell, fillGaps, readTable } from "./table.ts";
import type { Table } from "./table.ts";

const STEP_S = 1_800;
const ROWS_PER_DAY = 48;
/** kW over half an hour in mWh. */
const MILLI_WH_PER_KW = 500_000;

/** Whether a file of this name is read by `readAusgrid`. */
export function isAusgridFile(name: string): boolean {
  return /^customer\d{1,4}_halfhourly\.csv$/.test(name);
}

/** `customerN_halfhourly.csv`: home N. Its local time is taken as market time. @throws INVALID_PARAMS with line. */
export function readAusgrid(file: string, text: string): Dataset {
  const table = readTable(file, text);
  const home = Number(/\d+/.exec(file)?.[0] ?? 0);
  const startS = checkTimes(table);
  const load = energy(table, "load_kw");
  const pv = energy(table, "pv_kw");
  const year: HomeYear = { home, ratedPvW: null, loadMilliWh: load.values, pvMilliWh: pv.values };
  return {
    name: file,
    startS,
    stepS: STEP_S,
    steps: table.rows.length,
    homes: [home],
    interpolated: load.filled + pv.filled,
    home: (wanted) => {
      if (wanted !== home) throw new ProtocolError("INVALID_PARAMS", `${file}: no home ${wanted}`);
      return year;
    },
  };
}

/** Every row half an hour after the one before, from midnight on. */
function checkTimes(table: Table): number {
  const column = columnIndex(table, "local_time");
  let startS = 0;
  table.rows.forEach(({ cells, line }, index) => {
    const text = cells[column] ?? "";
    const [, day = "", hour, minute] = /^(\d{4}-\d{2}-\d{2}) (\d{2}):(\d{2})$/.exec(text) ?? [];
    const within = Number(hour) * 2 + Number(minute) / 30;
    if (within !== index % ROWS_PER_DAY)
      throw badData(table.file, line, `"${text.slice(0, 20)}" is not row ${index % ROWS_PER_DAY} of a day`);
    const dayS = dayStartS(day);
    if (index === 0) startS = dayS;
    if (dayS !== startS + Math.floor(index / ROWS_PER_DAY) * ROWS_PER_DAY * STEP_S)
      throw badData(table.file, line, `${day} does not come after the day before it`);
  });
  return startS;
}

function energy(table: Table, name: string): { values: Float64Array; filled: number } {
  const column = columnIndex(table, name);
  const values = Float64Array.from(table.rows, (row) => {
    const power = decimalCell(table, row, column);
    if (power < 0) throw badData(table.file, row.line, `${name} is negative`);
    return Math.round(power * MILLI_WH_PER_KW);
  });
  const filled = fillGaps(values, { file: table.file, name, lineOf: (step) => table.rows[step]?.line ?? 0 });
  return { values, filled };
}

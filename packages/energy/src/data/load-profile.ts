/** Standard load profiles of 2025: a typical day per month for Saturdays, Sundays with holidays, and workdays. */

import { badData, decimalCell, readTable } from "./table.ts";

const MONTHS = [
  "Januar",
  "Februar",
  "März",
  "April",
  "Mai",
  "Juni",
  "Juli",
  "August",
  "September",
  "Oktober",
  "November",
  "Dezember",
] as const;
const DAY_TYPES = ["SA", "FT", "WT"] as const;
const QUARTERS_PER_DAY = 96;
const DAY_S = 86_400;
/** The tables are kWh for a consumer of 1 GWh a year. */
const TABLE_KWH = 1_000_000;

/** Which column of a month a day takes. */
type DayType = (typeof DAY_TYPES)[number];

export interface LoadProfile {
  /** h25 household, g25 business, p25 household with PV, s25 with PV and battery. */
  readonly name: string;
  /** By month (0 … 11) and type: 96 values, kWh per quarter hour and GWh a year. */
  readonly days: readonly Readonly<Record<DayType, Float64Array>>[];
}

/** Whether a file of this name is read by `readLoadProfile`. */
export function isProfileFile(name: string): boolean {
  return /^[hgps]25\.csv$/.test(name);
}

/** `h25.csv`, `g25.csv`, `p25.csv`, `s25.csv`: two header rows, months in German. @throws INVALID_PARAMS with line. */
export function readLoadProfile(file: string, text: string): LoadProfile {
  const [months = "", types = "", ...rest] = text.split(/\r?\n/);
  const names = headers(file, months.replace(/^\uFEFF/, ""), types);
  const table = readTable(file, ["", names.join(","), ...rest].join("\n"), 1);
  if (table.rows.length !== QUARTERS_PER_DAY) {
    throw badData(file, 0, `${table.rows.length} quarter hours where a day has ${QUARTERS_PER_DAY}`);
  }
  const columnOf = (month: string, type: DayType): Float64Array => {
    const column = names.indexOf(`${month} ${type}`);
    if (column < 0) throw badData(file, 1, `column "${month} ${type}" is missing`);
    return Float64Array.from(table.rows, (row) => {
      const value = decimalCell(table, row, column);
      if (!(value >= 0)) throw badData(file, row.line, `${month} ${type} is negative or missing`);
      return value;
    });
  };
  const days = MONTHS.map((month) => ({
    SA: columnOf(month, "SA"),
    FT: columnOf(month, "FT"),
    WT: columnOf(month, "WT"),
  }));
  return { name: file.replace(/\.csv$/, ""), days };
}

function headers(file: string, months: string, types: string): string[] {
  const upper = months.split(",");
  const lower = types.split(",");
  if (upper.length !== lower.length) throw badData(file, 2, "the two header rows differ in width");
  return lower.map((type, index) => (index === 0 ? "time" : `${(upper[index] ?? "").trim()} ${type.trim()}`));
}

/**
 * Quarter hours of a consumer of `annualMilliWh`, mWh, from midnight `startS` on; whole after adding up, so that a
 * day's energy is not rounded 96 times. `holidays` are dates `YYYY-MM-DD` that count as Sundays.
 */
export function profileSeries(
  profile: LoadProfile,
  wanted: {
    readonly annualMilliWh: number;
    readonly startS: number;
    readonly days: number;
    readonly holidays?: ReadonlySet<string>;
  },
): Float64Array {
  const series = new Float64Array(wanted.days * QUARTERS_PER_DAY);
  let carried = 0;
  for (let day = 0; day < wanted.days; day += 1) {
    const date = new Date((wanted.startS + day * DAY_S) * 1_000);
    const free = wanted.holidays?.has(date.toISOString().slice(0, 10)) === true;
    const values = profile.days[date.getUTCMonth()]?.[typeOf(date.getUTCDay(), free)];
    values?.forEach((value, quarter) => {
      const exact = (value * wanted.annualMilliWh) / TABLE_KWH + carried;
      const whole = Math.round(exact);
      carried = exact - whole;
      series[day * QUARTERS_PER_DAY + quarter] = whole;
    });
  }
  return series;
}

function typeOf(weekday: number, free: boolean): DayType {
  if (free || weekday === 0) return "FT";
  return weekday === 6 ? "SA" : "WT";
}

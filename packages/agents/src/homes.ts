/** The household's own series: a data set on disk, or the generator. */

import { readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import {
  createGenerator,
  type Dataset,
  dayOf,
  daysOf,
  type DaySeries,
  dayStartS,
  homeSeries,
  isDataFile,
  readDataFolder,
} from "@gridmesh/energy";
import { isProtocolError, ProtocolError, messageOf } from "@gridmesh/protocol";

const DAY_S = 86_400;

/** Files a household needs of a data set; the rest of the folder is for others. */
const HOME_FILES: readonly string[] = ["homes_hourly.csv", "homes.json", "homes.csv"];

/**
 * Opens the data set in a folder, by the names of its files; `whole` reads and checks every file of it.
 * @throws CONFIG_INVALID when the folder cannot be read; INVALID_PARAMS with file and line.
 */
function openDataset(folder: string, whole: boolean): Dataset {
  const path = resolve(folder);
  try {
    const names = readdirSync(path).filter((name) => (whole ? isDataFile(name) : HOME_FILES.includes(name)));
    const files = names.map((name): [string, string] => [name, readFileSync(join(path, name), "utf8")]);
    return readDataFolder(Object.fromEntries(files)).homes;
  } catch (error) {
    if (isProtocolError(error)) throw error;
    const why = messageOf(error);
    throw new ProtocolError("CONFIG_INVALID", `data set in ${basename(path)}: ${why}`, { cause: error });
  }
}

/** The data set in `data`, or the generator of `seed`. @throws as openDataset. */
export function openHomes(source: {
  readonly data?: string | undefined;
  readonly seed: number;
  /** Check also the files that homes do not need. */
  readonly whole?: boolean;
}): Dataset {
  if (source.data === undefined) return createGenerator(source.seed);
  return openDataset(source.data, source.whole ?? false);
}

/** The series of one home from `day` on, day after day, and after the data's last day its first again. */
export function homeCalendar(
  dataset: Dataset,
  home: { readonly home: number; readonly day: string; readonly pvW?: number | undefined },
): (dayNumber: number) => DaySeries {
  const { first, count } = daysOf(dataset);
  const firstS = dayStartS(first);
  const offset = (dayStartS(home.day) - firstS) / DAY_S;
  const scale = home.pvW === undefined ? {} : { pvW: home.pvW };
  const days = new Map<number, DaySeries>();
  return (dayNumber) => {
    const index = (((offset + dayNumber) % count) + count) % count;
    const known = days.get(index);
    if (known !== undefined) return known;
    const day = dayNumber === 0 ? home.day : dayOf(firstS + index * DAY_S);
    const series = homeSeries(dataset, { home: home.home, day, ...scale });
    days.clear();
    days.set(index, series);
    return series;
  };
}

/** The household's own series: a data set on disk, or the generator. */

import { existsSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import {
  createGenerator,
  type Dataset,
  dayOf,
  daysOf,
  type DaySeries,
  dayStartS,
  homeSeries,
  readCityLearn,
} from "@gridmesh/energy";
import { ProtocolError } from "@gridmesh/protocol";

const DAY_S = 86_400;

/**
 * Opens the data set in a folder, by the names of its files.
 * @throws CONFIG_INVALID when the folder holds none that is known; INVALID_PARAMS with file and line.
 */
export function openDataset(folder: string): Dataset {
  const read = (name: string): string | undefined => {
    const path = join(resolve(folder), name);
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  };
  const cityLearn = read("homes_hourly.csv");
  if (cityLearn !== undefined) return readCityLearn(cityLearn, read("homes.json"));
  throw new ProtocolError(
    "CONFIG_INVALID",
    `no data set in ${basename(folder)}: expected homes_hourly.csv or homes.csv`,
  );
}

/** The data set in `data`, or the generator of `seed`. @throws as openDataset. */
export function openHomes(source: { readonly data?: string | undefined; readonly seed: number }): Dataset {
  return source.data === undefined ? createGenerator(source.seed) : openDataset(source.data);
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

/** Records beside the homes: prices, grid, sun, load profiles; by their files' names. */

import { readDayAheadPrices } from "./dayahead.ts";
import type { DayAheadPrices } from "./dayahead.ts";
import type { Environment } from "./environment.ts";
import { readFrequencyEvent, readGridDay } from "./grid-day.ts";
import type { GridRecord } from "./grid-day.ts";
import { isProfileFile, readLoadProfile } from "./load-profile.ts";
import type { LoadProfile } from "./load-profile.ts";
import { readPvgis, readPvWatts } from "./pv-year.ts";
import type { PvWattsYear } from "./pv-year.ts";

/** What was found, each under its own name. */
export interface ReferenceData {
  readonly dayAhead?: DayAheadPrices;
  readonly gridDay?: GridRecord;
  readonly frequencyEvent?: GridRecord;
  readonly pvWatts?: PvWattsYear;
  readonly pvgis?: Environment;
  readonly profiles: readonly LoadProfile[];
}

const REFERENCE_READERS = {
  "be_2016_hourly.csv": (text) => ({ dayAhead: readDayAheadPrices(text) }),
  "grid_day_1s.csv": (text) => ({ gridDay: readGridDay(text) }),
  "frequency_event_pmu.csv": (text) => ({ frequencyEvent: readFrequencyEvent(text) }),
  "pvwatts_8760_denver_4kw_roofmount.csv": (text) => ({ pvWatts: readPvWatts(text) }),
  "pvgis_tmy_45N_8E.csv": (text) => ({ pvgis: readPvgis(text) }),
} as const satisfies Record<string, (text: string) => Partial<ReferenceData>>;

/** Reads every record whose name is known and passes over the rest. @throws INVALID_PARAMS naming file and line. */
export function readReferenceData(files: Readonly<Record<string, string>>): ReferenceData {
  const profiles: LoadProfile[] = [];
  let found: Partial<ReferenceData> = {};
  for (const [name, text] of Object.entries(files)) {
    if (isProfileFile(name)) profiles.push(readLoadProfile(name, text));
    else if (Object.hasOwn(REFERENCE_READERS, name)) {
      found = { ...found, ...REFERENCE_READERS[name as keyof typeof REFERENCE_READERS](text) };
    }
  }
  return { ...found, profiles };
}

/** Whether `readReferenceData` knows a file of this name. */
export function isReferenceFile(name: string): boolean {
  return isProfileFile(name) || Object.hasOwn(REFERENCE_READERS, name);
}

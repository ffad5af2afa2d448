/** A folder of data by its files' names; whoever has a file system reads them and passes the text. */

import { isAusgridFile, readAusgrid } from "./ausgrid.ts";
import { readCityLearn } from "./citylearn.ts";
import type { Dataset } from "./dataset.ts";
import { readCityLearnEnvironment, readEnvironmentCsv } from "./environment.ts";
import type { Environment } from "./environment.ts";
import { readHomesCsv } from "./homes-csv.ts";
import { isReferenceFile } from "./reference.ts";
import { badData } from "./table.ts";

export interface DataFolder {
  readonly homes: Dataset;
  readonly environment: Environment | null;
}

/** Names a folder of homes may hold; licences and notes lie beside them and are passed over. */
export const dataFileNames = [
  "homes_hourly.csv",
  "environment_hourly.csv",
  "homes.json",
  "homes.csv",
  "environment.csv",
] as const;

/** Whether a file of this name is to be read, left alone, or refused with the folder. */
export function isDataFile(name: string): boolean {
  return /\.(?:csv|json)$/i.test(name);
}

/**
 * Text by file name → dataset: `homes_hourly.csv` (CityLearn 2022, with `homes.json` and `environment_hourly.csv`),
 * `homes.csv` (with `environment.csv`) or `customerN_halfhourly.csv`.
 * @throws INVALID_PARAMS naming file and line.
 */
export function readDataFolder(files: Readonly<Record<string, string>>): DataFolder {
  checkNames(Object.keys(files));
  const cityLearn = files["homes_hourly.csv"];
  const own = files["homes.csv"];
  if (cityLearn !== undefined && own !== undefined)
    throw badData("homes.csv", 0, "stands beside homes_hourly.csv");
  if (cityLearn !== undefined) {
    const sky = files["environment_hourly.csv"];
    return {
      homes: readCityLearn(cityLearn, files["homes.json"]),
      environment: sky === undefined ? null : readCityLearnEnvironment(sky),
    };
  }
  if (own === undefined) return { homes: readCustomer(files), environment: null };
  const sky = files["environment.csv"];
  return { homes: readHomesCsv(own), environment: sky === undefined ? null : readEnvironmentCsv(sky) };
}

function checkNames(names: readonly string[]): void {
  const homeFiles: readonly string[] = dataFileNames;
  for (const name of names) {
    if (!isDataFile(name) || homeFiles.includes(name) || isAusgridFile(name) || isReferenceFile(name))
      continue;
    throw badData(name, 0, `unknown file; known: ${dataFileNames.join(", ")}, customerN_halfhourly.csv`);
  }
}

function readCustomer(files: Readonly<Record<string, string>>): Dataset {
  const [name, other] = Object.keys(files).filter(isAusgridFile);
  if (name === undefined) throw badData("homes.csv", 0, "neither it nor homes_hourly.csv is there");
  if (other !== undefined) throw badData(other, 0, `stands beside ${name}`);
  return readAusgrid(name, files[name] ?? "");
}

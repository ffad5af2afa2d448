/** Measured homes beside the repository; absent, their tests say so and skip. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type DataFolder, readDataFolder } from "@gridmesh/energy";

const FOLDER = resolve(
  dirname(fileURLToPath(import.meta.url)),
  "../../../../shared/data/energy/citylearn2022",
);
const FILES = ["homes_hourly.csv", "environment_hourly.csv", "homes.json"];

/** Pass as `skip` of a test. */
export const withoutCityLearn: string | false = existsSync(join(FOLDER, "homes_hourly.csv"))
  ? false
  : "no ../shared/data/energy/citylearn2022 beside the repository";

let folder: DataFolder | undefined;

export function cityLearn(): DataFolder {
  folder ??= readDataFolder(
    Object.fromEntries(FILES.map((name) => [name, readFileSync(join(FOLDER, name), "utf8")])),
  );
  return folder;
}

/** Measured data beside the repository; absent, its tests say so and skip. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type DataFolder, readDataFolder } from "@gridmesh/energy";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../../../../shared/data/energy");
const FOLDER = join(ROOT, "citylearn2022");
const FILES = ["homes_hourly.csv", "environment_hourly.csv", "homes.json"];

/** Pass as `skip` of a test: false when the file is there, else one line. */
export function without(path: string): string | false {
  return existsSync(join(ROOT, path)) ? false : `no ../shared/data/energy/${path} beside the repository`;
}

export const withoutCityLearn: string | false = without("citylearn2022/homes_hourly.csv");

/** Text of a file under `../shared/data/energy`. */
export function outsideText(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

let folder: DataFolder | undefined;

export function cityLearn(): DataFolder {
  folder ??= readDataFolder(
    Object.fromEntries(FILES.map((name) => [name, readFileSync(join(FOLDER, name), "utf8")])),
  );
  return folder;
}

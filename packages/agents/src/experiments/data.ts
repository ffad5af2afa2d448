/** Measured data below a folder, found by the names of its files, and the generator where there is none. */

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  createGenerator,
  type Dataset,
  dataFileNames,
  type Environment,
  type ExperimentSource,
  generatedEnvironment,
  readDataFolder,
} from "@gridmesh/energy";
import { messageOf, ProtocolError } from "@gridmesh/protocol";
import type { ExperimentOptions } from "./experiment.ts";

export interface FoundFile {
  readonly name: string;
  readonly text: string;
  readonly sha256: string;
}

export interface Homes {
  readonly source: ExperimentSource;
  readonly name: string;
  readonly sha256: string;
  readonly dataset: Dataset;
  readonly environment: Environment | null;
}

/** The folder and those directly in it. @throws CONFIG_INVALID when it cannot be read. */
function folders(data: string): readonly string[] {
  const path = resolve(data);
  try {
    const below = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [path, ...below.map(({ name }) => join(path, name))];
  } catch (cause) {
    throw new ProtocolError("CONFIG_INVALID", `folder ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** A file of this name in the folder or directly below it. */
export function findFile(data: string | undefined, name: string): FoundFile | null {
  if (data === undefined) return null;
  const folder = folders(data).find((one) => existsSync(join(one, name)));
  if (folder === undefined) return null;
  const bytes = readFileSync(join(folder, name));
  return { name, text: bytes.toString("utf8"), sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Homes of the folder; without one, or without homes in it, the generator's. @throws as readDataFolder. */
export function openHomes({ data, seed }: Pick<ExperimentOptions, "data" | "seed">): Homes {
  const measured = data === undefined ? null : measuredHomes(data);
  return measured ?? generatedHomes(seed);
}

function measuredHomes(data: string): Homes | null {
  const folder = folders(data).find((one) =>
    ["homes_hourly.csv", "homes.csv"].some((name) => existsSync(join(one, name))),
  );
  if (folder === undefined) return null;
  const files = dataFileNames.flatMap((name) => {
    const path = join(folder, name);
    return existsSync(path) ? [[name, readFileSync(path, "utf8")] as const] : [];
  });
  const { homes, environment } = readDataFolder(Object.fromEntries(files));
  const hash = createHash("sha256");
  for (const [name, text] of files) hash.update(`${name}\n${text}\n`);
  return { source: "measured", name: homes.name, sha256: hash.digest("hex"), dataset: homes, environment };
}

const HOMES_HASHED = 17;

export function generatedHomes(seed: number): Homes {
  const dataset = createGenerator(seed);
  const hash = createHash("sha256");
  for (let home = 1; home <= HOMES_HASHED; home += 1) {
    const { loadMilliWh, pvMilliWh } = dataset.home(home);
    hash.update(new Uint8Array(loadMilliWh.buffer, loadMilliWh.byteOffset, loadMilliWh.byteLength));
    hash.update(new Uint8Array(pvMilliWh.buffer, pvMilliWh.byteOffset, pvMilliWh.byteLength));
  }
  return {
    source: "generated",
    name: `generator, seed ${seed}`,
    sha256: hash.digest("hex"),
    dataset,
    environment: generatedEnvironment(seed),
  };
}

/** Named by what it was drawn from: there is no file. */
export function drawn(what: string, seed: number): { readonly name: string; readonly sha256: null } {
  return { name: `${what}, seed ${seed}`, sha256: null };
}

export function datasetOf({ name, sha256 }: Homes | FoundFile): {
  readonly name: string;
  readonly sha256: string;
} {
  return { name, sha256 };
}

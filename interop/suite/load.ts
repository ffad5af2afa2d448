/** Packages of a folder that is not ours: those that the suite was installed with. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

interface Manifest {
  readonly name?: string;
  readonly main?: string;
  readonly exports?: { readonly "."?: { readonly import?: string } };
}

const read = (folder: string) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;

/** @throws when it is neither the folder's own package nor installed in it. */
export async function loadFrom(folder: string, name: string): Promise<Readonly<Record<string, unknown>>> {
  const own = existsSync(join(folder, "package.json")) && read(folder).name === name;
  const home = own ? folder : join(folder, "node_modules", name);
  if (!existsSync(join(home, "package.json"))) throw new Error(`${name} is not installed in ${folder}`);
  const { main, exports } = read(home);
  const file = [exports?.["."]?.import, main, "src/index.ts"].find(
    (one) => one !== undefined && existsSync(join(home, one)),
  );
  if (file === undefined) throw new Error(`${name} in ${folder} is not built`);
  return (await import(pathToFileURL(join(home, file)).href)) as Readonly<Record<string, unknown>>;
}

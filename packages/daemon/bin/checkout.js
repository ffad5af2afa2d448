// A checkout runs its sources: prepared as one program while nothing has changed, else file by file.

import { existsSync, readFileSync, statSync } from "node:fs";
import * as module from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** Beside what npm installed: whoever may write there may change the program anyway. */
export const CACHE = join(ROOT, "node_modules", ".cache", "gridmesh");
/** What the prepared program was made of, and where each package's face is in it. */
export const MANIFEST = join(CACHE, "current.json");
const CONDITION = "gridmesh-source";

/**
 * Runs the program of this checkout.
 * @param {{ source: string, keptIn: string, keepCompiledCode: (folder: string) => void }} options
 */
export async function runCheckout({ source, keptIn, keepCompiledCode }) {
  const program = process.env.GRIDMESH_SOURCES === "1" ? undefined : await preparedProgram();
  if (program === undefined) {
    keepCompiledCode(keptIn);
    if (!process.execArgv.includes(`--conditions=${CONDITION}`)) resolveToSources();
    await import(pathToFileURL(source).href);
    return;
  }
  // A daemon's start compiles other functions than a verb's: what the one leaves out must not slow the other.
  keepCompiledCode(join(program.folder, process.argv[2] === "start" ? "code-start" : "code"));
  resolveToProgram(program);
  await import(pathToFileURL(join(program.folder, "bin.js")).href);
}

/** @returns {Promise<{ folder: string, faces: Record<string, string> } | undefined>} undefined: run the sources */
async function preparedProgram() {
  try {
    const manifest = currentManifest();
    if (manifest !== undefined) return manifest.program;
    const { prepareProgram } = await import("./prepare.js");
    return await prepareProgram(ROOT);
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n")[0] : String(error);
    process.stderr.write(`gridmesh runs from its sources, which starts slower: ${why}\n`);
    return undefined;
  }
}

/** The manifest, if every file and folder it was made of is as it was then. */
function currentManifest() {
  if (!existsSync(MANIFEST)) return undefined;
  const manifest = JSON.parse(readFileSync(MANIFEST, "utf8"));
  if (manifest.node !== process.version || manifest.root !== ROOT) return undefined;
  return manifest.stamps.every(([path, stamp]) => stampOf(join(ROOT, path)) === stamp) ? manifest : undefined;
}

/** Changes whenever the file does, or a folder's list of names; undefined where nothing is. */
export function stampOf(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.size} ${found.mtimeMs} ${found.ctimeMs}`;
}

function resolveToSources() {
  module.registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: [...context.conditions, CONDITION] }),
  });
}

/** Agents' modules of other authors get the very packages that the program runs, not second ones. */
function resolveToProgram({ folder, faces }) {
  const prepared = new Map(
    Object.entries(faces).map(([name, file]) => [name, pathToFileURL(join(folder, file)).href]),
  );
  module.registerHooks({
    resolve: (specifier, context, next) => {
      const named = prepared.get(specifier);
      const found = named === undefined ? next(specifier, context) : undefined;
      // A face may also be named by its path.
      const url = named ?? prepared.get(found.url);
      return url === undefined ? found : { url, format: "module", shortCircuit: true };
    },
  });
}

// A checkout runs its sources: prepared as one program while nothing has changed, else file by file.

import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import * as module from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { cachedDataVersionTag, setFlagsFromString } from "node:v8";
import { Script } from "node:vm";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** Beside what npm installed: whoever may write there may change the program anyway. */
export const CACHE = join(ROOT, "node_modules", ".cache", "gridmesh");
/** What the prepared program was made of, and where each package's face is in it. */
export const MANIFEST = join(CACHE, "current.json");
const CONDITION = "gridmesh-source";
/** How much of the program had run when its compiled code was kept; the last is best. */
const STAGES = ["read", "started", "linked"];
/** By then a daemon has run what every daemon runs; how soon it is looked for whether it is linked, and again. */
const STARTED_MS = 3_000;
const LINKED_MS = 10_000;

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
  const { script, stage } = compiled(program.folder);
  const loaded = evaluated(script, program.folder);
  resolveToProgram(program, loaded.faces);
  if (process.argv[2] === "start") keepCode({ script, folder: program.folder, stage });
  loaded.main();
}

/** The program as V8 read it before, if it did: its functions are there then without being read again. */
function compiled(folder) {
  const filename = programIn(folder);
  for (const stage of STAGES.toReversed()) {
    const path = codeIn(folder, stage);
    const cachedData = existsSync(path) ? readFileSync(path) : undefined;
    if (cachedData === undefined) continue;
    const script = scriptOf(filename, cachedData);
    if (!script.cachedDataRejected) return { script, stage };
  }
  return { script: scriptOf(filename), stage: undefined };
}

/** The program of a folder, not run yet. */
export function scriptOf(filename, cachedData) {
  return new Script(readFileSync(filename, "latin1"), { filename, cachedData });
}

/** @returns {{ main: () => void, faces: Record<string, () => object> }} */
function evaluated(script, folder) {
  const filename = programIn(folder);
  const own = { exports: {} };
  const bring = (specifier) => import(specifier);
  script.runInThisContext()(own, module.createRequire(filename), pathToFileURL(filename).href, bring);
  return own.exports;
}

/** Keeps what has been compiled until now: what was only read at the start is compiled when it is first called. */
function keepCode({ script, folder, stage }, afterMs = STARTED_MS) {
  if (stage === STAGES.at(-1)) return;
  // Else V8 forgets what ran once and long ago, as most of a start does.
  setFlagsFromString("--no-flush-bytecode");
  // Of many that started together one does it.
  const waitMs = afterMs * (1 + (process.pid % 16) / 16);
  const timer = setTimeout(() => {
    if (!existsSync(folder)) return;
    const isLinked = afterMs === LINKED_MS && process.getActiveResourcesInfo().includes("TCPSocketWrap");
    const reached = isLinked ? "linked" : "started";
    if (STAGES.indexOf(reached) > STAGES.indexOf(stage)) {
      // Under other flags than it was kept V8 would not take it.
      setFlagsFromString("--flush-bytecode");
      try {
        if (!existsSync(codeIn(folder, reached)))
          writeWhole(codeIn(folder, reached), script.createCachedData());
      } catch {
        // A full disk: the next starts compile again.
        return;
      }
    }
    keepCode({ script, folder, stage: reached }, LINKED_MS);
  }, waitMs);
  timer.unref();
}

export function programIn(folder) {
  return join(folder, "program.js");
}

/** V8 takes no code that was compiled by another version, or under other flags. */
export function codeIn(folder, stage = STAGES[0]) {
  return join(folder, `${stage}-${cachedDataVersionTag()}`);
}

export function writeWhole(path, content) {
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, content);
  renameSync(fresh, path);
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
function resolveToProgram({ folder, faces }, loaded) {
  const urlOf = (face) => pathToFileURL(join(folder, `${face}.js`)).href;
  const prepared = new Map(Object.entries(faces).map(([name, face]) => [name, urlOf(face)]));
  const sources = new Map(
    Object.keys(loaded).map((face) => [urlOf(face), () => reexporting(face, loaded[face])]),
  );
  module.registerHooks({
    resolve: (specifier, context, next) => {
      // What was resolved once may be asked for by its address.
      const named = prepared.get(specifier) ?? (sources.has(specifier) ? specifier : undefined);
      const found = named === undefined ? next(specifier, context) : undefined;
      // A face may also be named by its path.
      const url = named ?? prepared.get(found.url);
      return url === undefined ? found : { url, format: "module", shortCircuit: true };
    },
    load: (url, context, next) => {
      const source = sources.get(url);
      return source === undefined
        ? next(url, context)
        : { format: "module", source: source(), shortCircuit: true };
    },
  });
}

/** A module that exports what a face of the program does. */
function reexporting(face, load) {
  const key = Symbol.for(`gridmesh face ${face}`);
  globalThis[key] = load();
  const names = Object.keys(globalThis[key]);
  return `export const { ${names.join(", ")} } = globalThis[Symbol.for(${JSON.stringify(key.description)})];`;
}

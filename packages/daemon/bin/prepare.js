// Makes one program of a checkout's packages and all they import: 1,200 files less to find, read and strip of types.

import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { builtinModules, createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { CACHE, codeIn, MANIFEST, programIn, scriptOf, stampOf, writeWhole } from "./checkout.js";

const PACKAGES = ["protocol", "energy", "node", "agents", "daemon"];
/** Imports for a script, which cannot by itself; as long as the word it stands for. */
const BRING = "$bring";
/** Programs kept: a daemon may still read parts of the one it was started from. */
const KEPT = 8;
/** Longer than any preparation takes: whoever held it is gone. */
const STALE_LOCK_MS = 20_000;
const POLL_MS = 25;

/**
 * The prepared program of the sources as they are, made now if it does not exist yet.
 * @returns {Promise<{ folder: string, faces: Record<string, string> } | undefined>} undefined where the bundler is not installed
 */
export async function prepareProgram(root) {
  const sources = readSources(root);
  const folder = join(CACHE, sources.hash);
  const { faces, entries } = facesOf(root, sources.manifests);
  if (!existsSync(programIn(folder))) {
    const bundler = bundlerOf(root);
    if (bundler === undefined) return undefined;
    mkdirSync(CACHE, { recursive: true });
    await alone(folder, () => make({ root, sources, entries, folder, bundler }));
  }
  if (!sources.asTheyWere()) return undefined;
  const program = { folder, faces };
  const manifest = { node: process.version, root, program, stamps: sources.stamps };
  writeWhole(MANIFEST, JSON.stringify(manifest));
  utimesSync(folder, new Date(), new Date());
  return program;
}

/** Everything the program is made of: its stamps first, so that a change while reading is seen later. */
function readSources(root) {
  const found = PACKAGES.flatMap((name) => under(root, join("packages", name, "src")));
  const files = [
    ...found.filter(({ folder }) => !folder).map(({ path }) => path),
    ...PACKAGES.map((name) => join("packages", name, "package.json")),
    ...["checkout.js", "prepare.js"].map((name) => join("packages", "daemon", "bin", name)),
    "package-lock.json",
  ];
  const folders = found.filter(({ folder }) => folder).map(({ path }) => path);
  const stamps = [...files, ...folders].map((path) => [path, stampOf(join(root, path))]);
  const hash = createHash("sha256").update(`${root}\0${process.version}`);
  const withOwnUrl = [];
  const manifests = new Map();
  for (const path of files) {
    const text = readFileSync(join(root, path));
    hash.update(`\0${path}\0${text.length}\0`).update(text);
    if (path.endsWith(".ts") && text.includes("import.meta.url")) withOwnUrl.push(path);
    if (path.endsWith("package.json")) manifests.set(path, JSON.parse(text.toString()));
  }
  return {
    hash: hash.digest("hex").slice(0, 24),
    stamps,
    withOwnUrl,
    manifests,
    asTheyWere: () => stamps.every(([path, stamp]) => stampOf(join(root, path)) === stamp),
  };
}

function under(root, path) {
  const entries = readdirSync(join(root, path), { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  const inside = entries.flatMap((entry) => {
    const inner = join(path, entry.name);
    return entry.isDirectory() ? under(root, inner) : [{ path: inner, folder: false }];
  });
  return [{ path, folder: true }, ...inside];
}

/** Every name and every path under which a package's face can be imported, and the file that it is in the program. */
function facesOf(root, manifests) {
  const faces = {};
  const entries = {};
  for (const [path, { name, exports }] of manifests) {
    for (const [subpath, conditions] of Object.entries(exports)) {
      const source = conditions["gridmesh-source"];
      if (source === undefined) continue;
      const file = join(root, dirname(path), source);
      const entry = `${name}${subpath.slice(1)}`.replace(/^@gridmesh\//, "").replaceAll("/", "-");
      entries[entry] = file;
      faces[`${name}${subpath.slice(1)}`] = entry;
      faces[pathToFileURL(file).href] = entry;
    }
  }
  return { faces, entries };
}

function bundlerOf(root) {
  try {
    return createRequire(join(root, "package.json"))("esbuild");
  } catch {
    return undefined;
  }
}

/** One process makes it; the others wait for it. */
async function alone(folder, work) {
  const lock = `${folder}.lock`;
  for (;;) {
    if (taken(lock)) {
      try {
        if (!existsSync(folder)) await work();
        return;
      } finally {
        rmSync(lock, { force: true });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (existsSync(folder)) return;
    const held = statSync(lock, { throwIfNoEntry: false });
    if (held !== undefined && Date.now() - held.mtimeMs > STALE_LOCK_MS) rmSync(lock, { force: true });
  }
}

function taken(lock) {
  try {
    closeSync(openSync(lock, "wx"));
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

async function make({ root, sources, entries, folder, bundler }) {
  const failure = `${folder}.failed`;
  if (existsSync(failure)) throw new Error(readFileSync(failure, "utf8"));
  const fresh = `${folder}.${process.pid}`;
  try {
    const built = await bundler.build(options({ root, sources, entries, outfile: programIn(fresh) }));
    mkdirSync(fresh);
    for (const { path, text } of built.outputFiles) {
      writeWhole(path, path.endsWith(".js") ? ascii(text.replaceAll(/\bimport\(/g, `${BRING}(`)) : text);
    }
    writeWhole(codeIn(fresh), scriptOf(programIn(fresh)).createCachedData());
    if (sources.asTheyWere()) renameSync(fresh, folder);
  } catch (error) {
    const [first] = error.errors ?? [];
    const why = first === undefined ? error.message : `${first.location?.file ?? ""}: ${first.text}`;
    // Told once per state of the sources, not tried again at every start.
    if (sources.asTheyWere()) writeWhole(failure, why);
    throw new Error(why, { cause: error });
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    await bundler.stop();
  }
  forgetOld();
}

/** The program is read a byte for a character; the bundler leaves others in patterns as they are. */
function ascii(text) {
  return text.replaceAll(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function options({ root, sources, entries, outfile }) {
  return {
    absWorkingDir: root,
    stdin: { contents: entryOf(root, entries), resolveDir: root, loader: "js" },
    outfile,
    write: false,
    bundle: true,
    // One script, not modules: V8 gives away all it has compiled of a script, of modules what it has at their start.
    format: "cjs",
    banner: { js: `(function (module, require, $url, ${BRING}) { "use strict";` },
    footer: { js: "})" },
    define: { "import.meta.url": "$url" },
    platform: "node",
    target: `node${process.versions.node}`,
    conditions: ["gridmesh-source"],
    minifyWhitespace: true,
    // A crash prints the line it happened in.
    lineLimit: 160,
    minifySyntax: true,
    legalComments: "none",
    // Read only by a runtime that is asked to: node --enable-source-maps.
    sourcemap: "linked",
    sourcesContent: false,
    plugins: [
      ownUrls(root, sources.withOwnUrl),
      outside(optionalPackages(sources.manifests)),
      oneLanguage(),
      lazyBuiltins(),
    ],
    logLevel: "silent",
  };
}

/** Nothing runs until it is asked for; each part is there once, whichever face brings it. */
function entryOf(root, entries) {
  const required = (path) => `() => require(${JSON.stringify(path)})`;
  const faces = Object.entries(entries).map(([name, file]) => `${JSON.stringify(name)}: ${required(file)}`);
  const main = required(join(root, "packages", "daemon", "src", "bin.ts"));
  return `module.exports = { main: ${main}, faces: { ${faces.join(", ")} } };`;
}

/** Kits that only some agents need: read from where they are installed when the first of these comes. */
const KITS = /^@(?:modelcontextprotocol|a2a-js)\//;

/** What is imported only where it is installed and asked for stays outside. */
function outside(names) {
  const optional = new Set(names);
  return {
    name: "outside",
    setup(build) {
      build.onResolve({ filter: /^[@a-z]/ }, ({ path, kind }) =>
        kind === "dynamic-import" && (optional.has(path) || KITS.test(path))
          ? { path, external: true }
          : undefined,
      );
    },
  };
}

/** The node has such packages for its tests too. */
function optionalPackages(manifests) {
  return [...manifests.values()].flatMap(
    ({ name, optionalDependencies, peerDependencies, devDependencies }) =>
      Object.keys({
        ...optionalDependencies,
        ...peerDependencies,
        ...(name === "@gridmesh/node" ? devDependencies : {}),
      }),
  );
}

/** A file that looks for others beside itself must find them where its source is. */
function ownUrls(root, paths) {
  const own = new Set(paths.map((path) => join(root, path)));
  return {
    name: "own-urls",
    setup(build) {
      build.onLoad({ filter: /\/packages\/[a-z]+\/src\/.*\.ts$/ }, ({ path }) => {
        if (!own.has(path)) return undefined;
        const text = readFileSync(path, "utf8");
        const url = JSON.stringify(pathToFileURL(path).href);
        return { contents: text.replaceAll("import.meta.url", url), loader: "ts" };
      });
    },
  };
}

/** zod carries its messages in forty languages; we use its own. */
function oneLanguage() {
  return {
    name: "one-language",
    setup(build) {
      build.onResolve({ filter: /\/locales\/index\.js$/ }, ({ path, resolveDir }) => {
        if (!relative("/", resolveDir).includes("node_modules/zod/")) return undefined;
        return { path: join(resolveDir, dirname(path), "en.js") };
      });
    },
  };
}

/** An import of `node:http` reads its every export, and one of them loads all of fetch: a required one is read as used. */
function lazyBuiltins() {
  const builtins = new Set(builtinModules);
  return {
    name: "lazy-builtins",
    setup(build) {
      build.onResolve({ filter: /^(?:node:)?[a-z_]+(?:\/[a-z_]+)?$/ }, ({ path, kind }) => {
        const name = path.replace(/^node:/, "");
        if (kind !== "import-statement" || (path === name && !builtins.has(name))) return undefined;
        return { path: `node:${name}`, namespace: "builtin" };
      });
      build.onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
        contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
        loader: "js",
      }));
    },
  };
}

/** Keeps the programs last used; what lies there otherwise is from a preparation that was cut off. */
function forgetOld() {
  const found = readdirSync(CACHE, { withFileTypes: true })
    .filter((entry) => /^[0-9a-f]{24}/.test(entry.name))
    .map((entry) => ({ path: join(CACHE, entry.name), usedMs: statSync(join(CACHE, entry.name)).mtimeMs }))
    .sort((a, b) => b.usedMs - a.usedMs);
  for (const { path } of found.slice(KEPT)) rmSync(path, { recursive: true, force: true });
}

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** A package may import the packages listed; everything else is upward. */
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  energy: ["protocol"],
  node: ["protocol"],
  agents: ["protocol", "energy", "node"],
  daemon: ["protocol", "energy", "node"],
  dashboard: ["protocol"],
};

/** Rooms of a package from left to right: a file imports its own room and rooms to its left. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  node: ["store", "network", "gate", "link", "route", "host", "registry", "trade", "beckn", "testing"],
};

interface Source {
  readonly path: string;
  readonly package: string;
  /** First folder under src, or "" for files directly in src. */
  readonly room: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes("node_modules") && !path.includes("/dist/"));
}

function importsOf(text: string): string[] {
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)|(?:^|\n)import\s+["']([^"']+)["']/g,
  );
  return [...found].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

function sources(): Source[] {
  return Object.keys(FLOORS)
    .filter((name) => readdirSync(join(ROOT, "packages")).includes(name))
    .flatMap((name) =>
      filesUnder(join(ROOT, "packages", name, "src")).map((path) => {
        const text = readFileSync(path, "utf8");
        const inside = relative(join(ROOT, "packages", name, "src"), path).split("/");
        return {
          path: relative(ROOT, path),
          package: name,
          room: inside.length > 1 ? (inside[0] ?? "") : "",
          text,
          imports: importsOf(text),
        };
      }),
    );
}

const all = sources();

function offences(rule: (source: Source) => readonly string[]): string[] {
  return all.flatMap((source) => rule(source).map((what) => `${source.path}: ${what}`));
}

test("no package imports a floor above it, and nobody reaches into another package's folders", () => {
  assert.deepEqual(
    offences((source) =>
      source.imports
        .filter((name) => name.startsWith("@gridmesh/"))
        .filter((name) => {
          const [, target, ...inner] = name.split("/");
          const lower = FLOORS[source.package]?.includes(target ?? "") ?? false;
          const face =
            inner.length === 0 || (inner.length === 1 && ["testing", "client"].includes(inner[0] ?? ""));
          return !lower || !face;
        })
        .map((name) => `imports ${name}`),
    ),
    [],
  );
});

test("relative imports stay inside their package", () => {
  assert.deepEqual(
    offences((source) =>
      source.imports
        .filter((name) => name.startsWith("."))
        .filter((name) => {
          const target = resolve(ROOT, dirname(source.path), name);
          return !target.startsWith(join(ROOT, "packages", source.package, "src"));
        })
        .map((name) => `imports ${name}`),
    ),
    [],
  );
});

test("a room imports only itself and the rooms to its left", () => {
  assert.deepEqual(
    offences((source) => {
      const order = ROOMS[source.package];
      if (order === undefined || source.room === "") return [];
      return source.imports.filter((name) => {
        if (!name.startsWith(".")) return false;
        const target = relative(
          join(ROOT, "packages", source.package, "src"),
          resolve(ROOT, dirname(source.path), name),
        ).split("/");
        if (target.length === 1) return false;
        return order.indexOf(target[0] ?? "") > order.indexOf(source.room);
      });
    }),
    [],
  );
});

test("every room of a package has its place in the order", () => {
  assert.deepEqual(
    offences((source) => {
      const order = ROOMS[source.package];
      return order === undefined || source.room === "" || order.includes(source.room) ? [] : [source.room];
    }),
    [],
  );
});

test("only network/libp2p imports libp2p", () => {
  const own = /^(?:libp2p|@libp2p\/.*|@multiformats\/multiaddr|datastore-core|interface-datastore)$/;
  assert.deepEqual(
    offences((source) =>
      source.path.startsWith("packages/node/src/network/libp2p/")
        ? []
        : source.imports.filter((name) => own.test(name)),
    ),
    [],
  );
});

test("files are short: none over 400 lines, nine in ten within 250, half within 130", () => {
  const lengths = all.map((source) => source.text.split("\n").length - 1).sort((a, b) => a - b);
  const long = all.filter((source) => source.text.split("\n").length - 1 > 400).map((source) => source.path);
  assert.deepEqual(long, []);
  assert.ok(
    (lengths[Math.floor(lengths.length * 0.9)] ?? 0) <= 250,
    `p90 is ${lengths[Math.floor(lengths.length * 0.9)]}`,
  );
  assert.ok(
    (lengths[Math.floor(lengths.length / 2)] ?? 0) <= 130,
    `median is ${lengths[Math.floor(lengths.length / 2)]}`,
  );
});

test("each package has one face with named exports only", () => {
  assert.deepEqual(
    offences((source) => [
      ...(/(?:^|\n)export \*/.test(source.text) ? ["export *"] : []),
      ...(/(?:^|\n)export default/.test(source.text) ? ["export default"] : []),
    ]),
    [],
  );
});

/** Files that implement the ports to time, chance, disk and processes. */
const PORTS = [
  "packages/node/src/clock.ts",
  "packages/node/src/network/libp2p/",
  "packages/node/src/store/",
  "packages/node/src/identity",
  "packages/node/src/trade/disk.ts",
  "packages/node/src/host/processes.ts",
  "packages/node/src/testing/",
];

test("protocol, energy and node take time, chance and disk from their ports alone", () => {
  const banned = [
    /\bDate\.now\b/,
    /\bperformance\.now\b/,
    /\bMath\.random\b/,
    /\bsetTimeout\b/,
    /\bsetInterval\b/,
    /\bAbortSignal\.timeout\b/,
    /\brandomBytes\b/,
    /\brandomUUID\b/,
    /["']node:fs(?:\/promises)?["']/,
  ];
  assert.deepEqual(
    offences((source) => {
      if (!["protocol", "energy", "node"].includes(source.package)) return [];
      if (PORTS.some((port) => source.path.startsWith(port))) return [];
      return banned.filter((word) => word.test(stripComments(source.text))).map(String);
    }),
    [],
  );
});

test("protocol and energy run in a browser: no import from node:", () => {
  assert.deepEqual(
    offences((source) =>
      ["protocol", "energy"].includes(source.package)
        ? source.imports.filter((name) => name.startsWith("node:"))
        : [],
    ),
    [],
  );
});

test("the daemon never names the agents package in its source", () => {
  assert.deepEqual(
    offences((source) =>
      source.package === "daemon" ? source.imports.filter((name) => name.startsWith("@gridmesh/agents")) : [],
    ),
    [],
  );
});

test("no unfinished marks and no switched-off checks", () => {
  const marks = /\b(?:TODO|FIXME|HACK)\b|@ts-(?:ignore|expect-error|nocheck)|\bas any\b/;
  assert.deepEqual(
    offences((source) => (marks.test(source.text) ? [String(marks.exec(source.text)?.[0])] : [])),
    [],
  );
});

test("dependencies are pinned exactly and one major of @libp2p/interface is installed", () => {
  const manifests = ["package.json", ...Object.keys(FLOORS).map((name) => `packages/${name}/package.json`)];
  const loose = manifests.flatMap((path) => {
    const manifest = readManifest(path);
    if (manifest === undefined) return [];
    return Object.entries({
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.optionalDependencies,
    })
      .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
      .map(([name, version]) => `${path}: ${name}@${version}`);
  });
  assert.deepEqual(loose, []);
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
    packages: Record<string, { version?: string; resolved?: string }>;
  };
  const majors = new Set(
    Object.entries(lock.packages)
      .filter(([path]) => path.endsWith("node_modules/@libp2p/interface"))
      .map(([, entry]) => entry.version?.split(".")[0]),
  );
  assert.equal(majors.size, 1);
  const addresses = Object.entries(lock.packages).filter(([, entry]) => entry.resolved?.includes("://"));
  assert.deepEqual(
    addresses.map(([path]) => path),
    [],
  );
});

interface Manifest {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

function readManifest(path: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(ROOT, path), "utf8")) as Manifest;
  } catch {
    return undefined;
  }
}

function stripComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:])\/\/.*$/gm, "$1");
}

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { ended } from "./running.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const PACKAGES = ["protocol", "energy", "node", "agents", "daemon"];

/** A checkout of its own, with what is installed in this one. */
function checkout(): { readonly root: string } & Disposable {
  const root = mkdtempSync("/tmp/gm-");
  for (const name of PACKAGES) {
    for (const part of ["src", "bin", "package.json", "node_modules"]) {
      const from = join(ROOT, "packages", name, part);
      if (existsSync(from)) cpSync(from, join(root, "packages", name, part), { recursive: true });
    }
  }
  for (const name of ["package.json", "package-lock.json"]) cpSync(join(ROOT, name), join(root, name));
  const installed = join(root, "node_modules");
  mkdirSync(join(installed, "@gridmesh"), { recursive: true });
  for (const name of readdirSync(join(ROOT, "node_modules"))) {
    if (name === "@gridmesh" || name.startsWith(".")) continue;
    symlinkSync(join(ROOT, "node_modules", name), join(installed, name));
  }
  for (const name of PACKAGES) {
    symlinkSync(join(root, "packages", name), join(installed, "@gridmesh", name));
  }
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

function gridmesh(root: string, ...words: string[]) {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(?:GRIDMESH_|NODE_OPTIONS$|NODE_COMPILE_CACHE$)/.test(name),
    ),
  );
  return ended(spawn(process.execPath, [join(root, "packages/daemon/bin/gridmesh.js"), ...words], { env }));
}

function programs(root: string): readonly string[] {
  const cache = join(root, "node_modules/.cache/gridmesh");
  return existsSync(cache) ? readdirSync(cache).filter((name) => /^[0-9a-f]{24}$/.test(name)) : [];
}

test("a checkout prepares its program once, and again as soon as a source has changed", async () => {
  using made = checkout();
  const { root } = made;
  const first = await Promise.all([gridmesh(root), gridmesh(root)]);
  for (const { code, stdout, stderr } of first) {
    assert.match(stdout, /a neighbourhood of 13 daemons lives one day/);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  }
  assert.equal(programs(root).length, 1);

  const source = join(root, "packages/daemon/src/cli/index.ts");
  writeFileSync(source, readFileSync(source, "utf8").replace("lives one day", "lives one dry"));
  assert.match((await gridmesh(root)).stdout, /lives one dry/);
  assert.equal(programs(root).length, 2);

  // An agent's author gets the very packages that the program runs: its errors are known for what they are.
  const home = join(root, "home");
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(
    join(home, "guest.mjs"),
    'import { ProtocolError } from "@gridmesh/protocol";\n' +
      'export function guest() { throw new ProtocolError("CONFIG_INVALID", "no such roof"); }\n',
  );
  writeFileSync(
    join(home, "config.toml"),
    'profile = "testnet"\n[[agents]]\nname = "roof"\nmodule = "./guest.mjs"\nfactory = "guest"\n',
  );
  const refused = await gridmesh(root, "start", "--home", home);
  assert.match(refused.stderr, /^CONFIG_INVALID agent "roof": no such roof/m);

  // What cannot be prepared is run as it is, and says why.
  appendFileSync(join(root, "packages/agents/src/index.ts"), 'export { nothing } from "./nowhere.ts";\n');
  for (const _ of ["made now", "remembered"]) {
    const broken = await gridmesh(root, "--version");
    assert.match(broken.stdout, /^\d+\.\d+\.\d+\n$/);
    assert.match(broken.stderr, /^gridmesh runs from its sources, which starts slower: .*nowhere\.ts.*\n$/);
  }
  assert.equal(programs(root).length, 2);
});

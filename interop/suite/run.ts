/** Starts the suite and tells its counts. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const SPEC = fileURLToPath(new URL("spec.ts", import.meta.url));

/** Its exit code. `folder` is a checkout of js-libp2p's packages/interop, installed. */
export async function runSuite(folder: string): Promise<number> {
  const home = resolve(folder);
  const mocha = join(home, "node_modules", "mocha", "bin", "mocha.js");
  if (!existsSync(mocha)) {
    process.stdout.write(`interop suite: no mocha in ${home}: npm install there first\n`);
    return 2;
  }
  const p2pd = onPath("p2pd");
  process.stdout.write(`interop suite: ours x ${p2pd === undefined ? "ours, no p2pd on PATH" : p2pd}\n`);
  const words = [
    "--conditions=gridmesh-source",
    // A checkout that is not built has namespaces in its sources.
    "--experimental-transform-types",
    mocha,
    "--timeout",
    "60000",
    "--exit",
    "--ui",
    "bdd",
    SPEC,
  ];
  const child = spawn(process.execPath, words, {
    cwd: home,
    stdio: "inherit",
    env: {
      ...process.env,
      GRIDMESH_SUITE: home,
      ...(p2pd === undefined ? {} : { GRIDMESH_P2PD: p2pd }),
    },
  });
  return await new Promise((done) => child.once("exit", (code) => done(code ?? 1)));
}

function onPath(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

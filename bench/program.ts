/** The program of this checkout as users start it. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const program = fileURLToPath(new URL("../packages/daemon/bin/gridmesh.js", import.meta.url));
const MANIFEST = fileURLToPath(new URL("../node_modules/.cache/gridmesh/current.json", import.meta.url));
const POLL_MS = 250;
const LOST_MS = 120_000;

/** How far the daemon had come whose compiled code the next ones find. */
export type Stage = "started" | "linked";

/**
 * Resolves once daemons that run under these flags have kept their compiled code: the first ones after a change are
 * not what counts.
 * @throws when none has within two minutes
 */
export async function compiled(stages: readonly Stage[], flags: readonly string[] = []): Promise<void> {
  // V8 takes no code that was compiled under other flags.
  const tag = execFileSync(process.execPath, [...flags, "--print", "v8.cachedDataVersionTag()"], {
    encoding: "utf8",
  }).trim();
  // The manifest names the program of now only once somebody has run it.
  execFileSync(process.execPath, [program, "--version"]);
  const endMs = performance.now() + LOST_MS;
  while (!isCompiled(stages.map((stage) => `${stage}-${tag}`))) {
    assert.ok(performance.now() < endMs, "no daemon has kept its compiled code");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function isCompiled(wanted: readonly string[]): boolean {
  if (!existsSync(MANIFEST)) return false;
  const { program: made } = JSON.parse(readFileSync(MANIFEST, "utf8")) as {
    readonly program: { readonly folder: string };
  };
  return readdirSync(made.folder).some((name) => wanted.includes(name));
}

#!/usr/bin/env node
// Plain JavaScript that every Node since 18 can read: it must still run where the rest cannot, to say so.

import { existsSync } from "node:fs";
import * as module from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const NEEDED = 24;
const major = Number(process.versions.node.split(".")[0]);

if (major < NEEDED) {
  process.stderr.write(
    `gridmesh needs Node ${NEEDED} or newer, this is ${process.versions.node}. ` +
      `In a checkout, npm brings its own: npm run gridmesh -- ${process.argv.slice(2).join(" ")}\n` +
      `Elsewhere, install Node ${NEEDED}.\n`,
  );
  process.exit(2);
}

// Compiled code is kept between runs: a verb then starts in half the time. In the user's own cache folder, since code
// read back from a folder that others can write to would be theirs.
if (process.env.NODE_COMPILE_CACHE === undefined) {
  module.enableCompileCache?.(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "gridmesh"));
}

const source = new URL("../src/bin.ts", import.meta.url);
if (existsSync(fileURLToPath(source))) {
  // A checkout runs its sources, so that what was built earlier is never mistaken for what is there now.
  if (!process.execArgv.includes("--conditions=gridmesh-source")) {
    module.registerHooks({
      resolve: (specifier, context, next) =>
        next(specifier, { ...context, conditions: [...context.conditions, "gridmesh-source"] }),
    });
  }
  await import(source.href);
} else {
  await import(new URL("../dist/bin.js", import.meta.url).href);
}

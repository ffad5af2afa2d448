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

/** Compiled code is kept between runs, in a folder of the user's own: read back from elsewhere it would be others'. */
function keepCompiledCode(folder) {
  if (process.env.NODE_COMPILE_CACHE === undefined) module.enableCompileCache?.(folder);
}

const source = fileURLToPath(new URL("../src/bin.ts", import.meta.url));
if (existsSync(source)) {
  const { runCheckout } = await import("./checkout.js");
  await runCheckout({ source, keepCompiledCode, keptIn: userCache() });
} else {
  keepCompiledCode(userCache());
  await import(new URL("../dist/bin.js", import.meta.url).href);
}

function userCache() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "gridmesh");
}

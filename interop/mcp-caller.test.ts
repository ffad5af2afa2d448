/** What the suite of the MCP project says of a node's calls to an agent at an address. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const caller = fileURLToPath(new URL("agents/conformance-caller.ts", import.meta.url));
const suite = dirname(
  createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json"),
);

/** Scenarios that count, of a revision's own list; those of OAuth are the program's that holds the tokens. */
function scenariosOf(revision: string): readonly string[] {
  const page = readFileSync(join(suite, "requirements", `${revision}.yaml`), "utf8");
  const [, list = ""] = /^client:\n((?: {2}- .+\n)+)/m.exec(page) ?? [];
  const names = [...list.matchAll(/^ {2}- (\S+)$/gm)].map(([, name = ""]) => name);
  return names.filter((name) => !name.startsWith("auth/"));
}

interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

async function examined(scenario: string, revision: string) {
  const folder = mkdtempSync(join(tmpdir(), "conformance-"));
  try {
    const command = `${process.execPath} --conditions=gridmesh-source ${caller}`;
    const words = ["client", "--command", command, "--scenario", scenario, "--spec-version", revision];
    const more = ["-o", folder, "--timeout", "60000"];
    const child = spawn(process.execPath, [join(suite, "dist/index.js"), ...words, ...more], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text: Buffer) => (said += String(text)));
    const [exitCode] = (await once(child, "close")) as [number];
    const [ran] = readdirSync(folder);
    assert.ok(ran !== undefined, said);
    const checks = JSON.parse(readFileSync(join(folder, ran, "checks.json"), "utf8")) as readonly Check[];
    return { exitCode, checks, said };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Two processes each: of every run these, with MCP_SUITE=all the rest too. */
const ALWAYS: ReadonlySet<string> = new Set([
  "elicitation-sep1034-client-defaults",
  "sse-retry",
  "sep-2322-client-request-state",
  "http-custom-headers",
  "http-invalid-tool-headers",
]);

for (const revision of ["2025-11-25", "2026-07-28"]) {
  for (const scenario of scenariosOf(revision)) {
    const skip = !ALWAYS.has(scenario) && process.env["MCP_SUITE"] !== "all" ? "MCP_SUITE is not all" : false;
    void test(`a far caller holds to ${scenario} of ${revision}`, { timeout: 120_000, skip }, async () => {
      const { exitCode, checks, said } = await examined(scenario, revision);
      const failed = checks.filter(({ status }) => status === "FAILURE");
      assert.deepEqual(failed, []);
      assert.ok(
        checks.some(({ status }) => status === "SUCCESS"),
        said,
      );
      assert.equal(exitCode, 0, said);
    });
  }
}

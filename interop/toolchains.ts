/** Which peers of other libp2ps can be built here; what is absent is told in one line and never counts as a pass. */

import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { ForeignProgram } from "./foreign.ts";

const run = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));
const BUILD_MS = 3_600_000;

export type Prepared =
  | { readonly program: ForeignProgram; readonly versions: string }
  | { readonly skipped: string };

export const peers: Readonly<Record<string, () => Promise<Prepared>>> = {
  go: async () => {
    const found = await versionOf("go", ["env", "GOVERSION"], /go(\d+)\.(\d+)/u);
    if (found === undefined || !atLeast(found, [1, 25])) return { skipped: "no go >= 1.25 on PATH" };
    const folder = join(here, "go");
    const binary = join(built("go"), "peer");
    const failed = await buildOf("go", ["build", "-mod=readonly", "-o", binary, "."], folder);
    if (failed !== undefined) return failed;
    return {
      program: { name: "go", command: binary, words: [] },
      versions: `go ${found.join(".")}, go-libp2p 0.48.0`,
    };
  },
  rust: async () => {
    const found = await versionOf("cargo", ["--version"], /cargo (\d+)\.(\d+)/u);
    if (found === undefined || !atLeast(found, [1, 88])) return { skipped: "no cargo >= 1.88 on PATH" };
    const folder = join(here, "rust");
    const target = built("rust");
    const failed = await buildOf("cargo", ["build", "--locked", "--target-dir", target], folder);
    if (failed !== undefined) return failed;
    const command = join(target, "debug", "gridmesh-interop");
    return {
      program: { name: "rust", command, words: [] },
      versions: `rust ${found.join(".")}, libp2p 0.56.0`,
    };
  },
};

/** Where a peer is built: not among its sources. */
function built(name: string): string {
  const target = join(here, "..", ".cache", "interop", name);
  mkdirSync(target, { recursive: true });
  return target;
}

async function versionOf(
  command: string,
  words: readonly string[],
  pattern: RegExp,
): Promise<readonly number[] | undefined> {
  try {
    const [, major, minor] = pattern.exec((await run(command, words)).stdout) ?? [];
    return major === undefined ? undefined : [Number(major), Number(minor)];
  } catch {
    return undefined;
  }
}

function atLeast([major = 0, minor = 0]: readonly number[], least: readonly [number, number]): boolean {
  return major > least[0] || (major === least[0] && minor >= least[1]);
}

/** What a registry out of reach makes the tools say; anything else is a failure. */
const UNREACHABLE =
  /dial tcp|no such host|i\/o timeout|connection refused|TLS handshake|failed to (?:download|get|fetch)|could ?n[o']t resolve|network failure|spurious network|403 Forbidden|proxyconnect/iu;

async function buildOf(command: string, words: string[], cwd: string): Promise<Prepared | undefined> {
  try {
    await run(command, words, { cwd, timeout: BUILD_MS, maxBuffer: 64 * 1024 * 1024 });
    return undefined;
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
    if (UNREACHABLE.test(said)) return { skipped: "modules not reachable" };
    throw new Error(`${command} ${words[0]} failed:\n${said.slice(-4_000)}`, { cause: error });
  }
}

/** Daemons around an MCP agent, and the suite of the MCP project that examines it through them. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { controlClient } from "@gridmesh/daemon";

const program = fileURLToPath(new URL("../packages/daemon/bin/gridmesh.js", import.meta.url));
const agent = fileURLToPath(new URL("agents/conformance.ts", import.meta.url));
const suite = dirname(
  createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json"),
);

/** Deadline of a condition, ms: generous, so that only a hang misses it. */
const UNTIL_MS = 60_000;
const SCENARIO_MS = 30_000;

export const revisions = ["2025-11-25", "2026-07-28"] as const;
export type Revision = (typeof revisions)[number];

export interface McpDaemon extends AsyncDisposable {
  readonly peerId: string;
  readonly addresses: readonly string[];
  /** `http://127.0.0.1:port` of its gateway. */
  readonly gateway: string;
}

/** How the agent is hosted: in the daemon's process, or as a program of its own. */
export type Hosting = "in-process" | "child";

/** A daemon of the suite's network; with `hosting` the agent lives on it. */
export async function mcpDaemon(
  options: { readonly bootstrap?: readonly string[]; readonly hosting?: Hosting } = {},
): Promise<McpDaemon> {
  await using undo = new AsyncDisposableStack();
  // A unix socket's path holds 107 bytes.
  const home = mkdtempSync("/tmp/gm-");
  undo.defer(() => rmSync(home, { recursive: true, force: true }));
  const lines = [
    'network = "conformance"',
    'profile = "testnet"',
    `discovery.bootstrap = ${JSON.stringify(options.bootstrap ?? [])}`,
    'control.listen = "127.0.0.1:0"',
    'gateway.auth = "none"',
    ...(options.hosting === undefined ? [] : agentLines(options.hosting)),
  ];
  writeFileSync(join(home, "config.toml"), `${lines.join("\n")}\n`);
  const child = spawn(process.execPath, [program, "start", "--home", home], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text: Buffer) => (said += text.toString()));
  undo.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  });
  const client = controlClient(join(home, "control.sock"));
  const node = await until("the daemon answers", async () => {
    if (child.exitCode !== null) throw new Error(`the daemon ended\n${said}`);
    return client.node({ timeoutMs: 2_000 }).catch(() => undefined);
  });
  const kept = undo.move();
  return {
    peerId: node.peerId,
    addresses: node.addresses,
    gateway: node.gateway ?? "",
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function agentLines(hosting: Hosting): string[] {
  const lines = ["[[agents]]", 'name = "conformance"', 'access = "public"'];
  if (hosting === "child") {
    return [
      ...lines,
      `command = ${JSON.stringify(process.execPath)}`,
      `args = [${JSON.stringify(agent)}]`,
      // Each session of the older revision is a process of its own, of the same code.
      `env = { NODE_COMPILE_CACHE = ${JSON.stringify(join(tmpdir(), "conformance-code"))} }`,
    ];
  }
  return [...lines, `module = ${JSON.stringify(agent)}`, 'factory = "conformance"'];
}

/** Resolves once a daemon's catalog has the agent of another. */
export async function shown(by: McpDaemon, at: McpDaemon): Promise<void> {
  const address = `${at.peerId}:conformance`;
  await until(`the catalog shows ${address}`, async () => {
    const response = await fetch(`${by.gateway}/agents`);
    const { agents = [] } = (await response.json()) as {
      readonly agents?: readonly { readonly address: string }[];
    };
    return agents.some((row) => row.address === address) ? true : undefined;
  });
}

async function until<Value>(what: string, look: () => Promise<Value | undefined>): Promise<Value> {
  const endMs = performance.now() + UNTIL_MS;
  for (;;) {
    const value = await look();
    if (value !== undefined) return value;
    if (performance.now() > endMs) throw new Error(`in ${UNTIL_MS} ms not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

export interface Verdict {
  readonly exitCode: number;
  /** Scenarios that count, in the suite's order. */
  readonly scored: readonly string[];
  /** Those that ran, with the checks that failed of each. */
  readonly failed: ReadonlyMap<string, readonly Check[]>;
  /** Checks that held, of the scenarios that count. */
  readonly held: number;
  readonly ms: number;
  /** What the suite printed. */
  readonly text: string;
}

/** Examines the agent of `at` through the gateway of `by`, as the suite's own page says. */
export async function examined(by: McpDaemon, at: McpDaemon, revision: Revision): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), "conformance-"));
  try {
    const { port } = new URL(by.gateway);
    const url = `http://localhost:${port}/mcp/${at.peerId}:conformance`;
    const words = [
      "server",
      "--url",
      url,
      "--requirements",
      revision,
      "-o",
      folder,
      "--timeout",
      String(SCENARIO_MS),
    ];
    const beganMs = performance.now();
    const child = spawn(process.execPath, [join(suite, "dist/index.js"), ...words], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (piece: Buffer) => (text += piece.toString()));
    const [exitCode] = (await once(child, "close")) as [number];
    const ms = Math.round(performance.now() - beganMs);
    const scored = scoredOf(revision);
    const checks = checksIn(folder);
    const counted = scored.flatMap((name) => checks.get(name) ?? []);
    const failed = [...checks].map(
      ([name, list]) => [name, list.filter(({ status }) => status === "FAILURE")] as const,
    );
    return {
      exitCode,
      scored,
      failed: new Map(failed),
      held: counted.filter(({ status }) => status === "SUCCESS").length,
      ms,
      text,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every scenario's checks; its folder is named after it, with the time behind. */
function checksIn(folder: string): Map<string, readonly Check[]> {
  const entries = readdirSync(folder, { withFileTypes: true });
  // A scenario that was cut off has a folder and no checks: it did not run.
  const found = entries.filter(({ name }) => existsSync(join(folder, name, "checks.json")));
  return new Map(
    found.map(({ name }) => {
      const list = JSON.parse(readFileSync(join(folder, name, "checks.json"), "utf8")) as readonly Check[];
      return [name.replace(/^server-/, "").replace(/-\d{4}-\d{2}-\d{2}T[\d-]+Z$/, ""), list];
    }),
  );
}

/** The list of a revision's page that counts for those who are called. */
function scoredOf(revision: Revision): readonly string[] {
  const page = readFileSync(join(suite, "requirements", `${revision}.yaml`), "utf8");
  const [, list = ""] = /^server:\n((?: {2}- .+\n)+)/m.exec(page) ?? [];
  return [...list.matchAll(/^ {2}- (\S+)$/gm)].map(([, name = ""]) => name);
}

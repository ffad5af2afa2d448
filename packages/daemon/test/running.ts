import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ControlClient, controlClient } from "../src/client.ts";
import { run } from "../src/cli/index.ts";
import type { NodeView } from "../src/control/types.ts";
import { memoryIo } from "./memory-io.ts";

export const program = fileURLToPath(new URL("../bin/gridmesh.js", import.meta.url));

const GUEST = `
export function guest(options) {
  if (options.refuse) throw new Error("this guest refuses to come");
  return {
    capabilities: ["demo.echo"],
    tools: {
      echo: {
        description: "Says it again.",
        inputSchema: { type: "object", properties: { text: { type: "string" } } },
        handler: (params) => ({ text: params.text ?? "", greeting: options.greeting ?? "" }),
      },
    },
    methods: {
      sleep: (_params, { signal }) => new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, 60000, {});
        signal.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); });
      }),
      deaf: () => new Promise(() => setInterval(() => undefined, 1000)),
    },
  };
}
`;

/** A short folder: a unix socket's path holds 107 bytes. */
export function temporaryHome(): { readonly home: string } & Disposable {
  const home = mkdtempSync("/tmp/gm-");
  writeFileSync(join(home, "guest.mjs"), GUEST);
  return { home, [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }) };
}

export function configOf(options: {
  readonly network: string;
  readonly bootstrap?: readonly string[];
  readonly agent?: string;
  readonly more?: string;
}): string {
  const bootstrap = (options.bootstrap ?? []).map((address) => JSON.stringify(address)).join(", ");
  const agent =
    options.agent === undefined
      ? ""
      : `[[agents]]\nname = "${options.agent}"\naccess = "network"\nmodule = "./guest.mjs"\nfactory = "guest"\n[agents.options]\ngreeting = "hello"\n`;
  return `network = "${options.network}"\nprofile = "testnet"\ndiscovery.bootstrap = [${bootstrap}]\n${options.more ?? ""}\n${agent}`;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment without settings of whoever runs the tests. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GRIDMESH_")));
}

/** One command line against a daemon, run in this process: the same code, without the start of another. */
export async function gridmesh(home: string, ...words: string[]): Promise<Ended> {
  const io = memoryIo();
  const code = await run([...words, "--home", home], io);
  return { code, signal: null, stdout: io.stdout(), stderr: io.stderr() };
}

/** One command line as a program, run to its end. */
export async function gridmeshProgram(home: string, ...words: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...words, "--home", home], { env: ownEnvironment() });
  return ended(child);
}

export function ended(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  // Not "close": with an IPC channel that we disconnected ourselves it never comes.
  const exit = new Promise<Pick<Ended, "code" | "signal">>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  const streams = [child.stdout, child.stderr].map(
    (stream) =>
      new Promise((resolve) => (stream === null ? resolve(undefined) : stream.once("close", resolve))),
  );
  return Promise.all([exit, ...streams]).then(([{ code, signal }]) => ({ code, signal, stdout, stderr }));
}

export interface RunningDaemon extends AsyncDisposable {
  readonly home: string;
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly client: ControlClient;
  readonly node: NodeView;
}

const READY_MS = 20_000;

/** Starts a daemon in the foreground and waits until it answers. */
export async function startedDaemon(
  home: string,
  options: { readonly config: string; readonly ipc?: boolean },
): Promise<RunningDaemon> {
  writeFileSync(join(home, "config.toml"), options.config);
  const child = spawn(process.execPath, [program, "start", "--home", home], {
    env: ownEnvironment(),
    stdio: ["ignore", "pipe", "pipe", ...(options.ipc === true ? (["ipc"] as const) : [])],
  });
  const end = ended(child);
  const client = controlClient(join(home, "control.sock"));
  const node = await Promise.race([
    answering(client),
    end.then(({ code, stdout, stderr }) => {
      throw new Error(`the daemon ended with ${code} before it answered\n${stdout}${stderr}`);
    }),
  ]);
  return {
    home,
    process: child,
    ended: end,
    client,
    node,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await end;
    },
  };
}

async function answering(client: ControlClient): Promise<NodeView> {
  const until = Date.now() + READY_MS;
  for (;;) {
    try {
      return await client.node({ timeoutMs: 2_000 });
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

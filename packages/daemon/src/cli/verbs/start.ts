import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ErrorCode, errorTable, ProtocolError } from "@gridmesh/protocol";
import { alreadyRunning } from "../../already-running.ts";
import { controlClient } from "../../client.ts";
import { addSettingFlags, settingFlags } from "../../config/flags.ts";
import { loadConfig } from "../../config/load.ts";
import { isAlive, makeHome, readDaemonFile } from "../../home.ts";
import { lockOf } from "../../passphrase.ts";
import type { Invocation, Verb } from "../invocation.ts";

const READY_LIMIT_MS = 20_000;
const POLL_MS = 50;

export const start: Verb = (command, attach) => {
  command.option("--detach", "return once the daemon is ready, and leave it running");
  addSettingFlags(command);
  attach(command, async (invocation) => {
    if (invocation.options["detach"] === true) return detached(invocation);
    const { runDaemon } = await import("../../run-daemon.ts");
    return runDaemon(invocation);
  });
};

/** The same command line without `--detach`, in a process of its own that writes to `logs/daemon.log`. */
async function detached(invocation: Invocation): Promise<number> {
  const { paths, io } = invocation;
  if (isAlive(readDaemonFile(paths)) && (await isThere(invocation))) throw alreadyRunning(paths);
  makeHome(paths);
  const { config } = loadConfig({ home: paths.home, env: io.env, flags: settingFlags(invocation.options) });
  // The child has no terminal: what it would have to ask for is missed now.
  await lockOf({ paths, config, io: { ...io, askSecret: undefined } });
  mkdirSync(paths.logs, { recursive: true, mode: 0o700 });
  const logFile = join(paths.logs, "daemon.log");
  const log = openSync(logFile, "a", 0o600);
  const child = spawn(
    process.execPath,
    [program(), ...process.argv.slice(2).filter((word) => word !== "--detach")],
    {
      detached: true,
      stdio: ["ignore", log, log],
    },
  );
  const ended = new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
  const ready = await Promise.race([answers(invocation), ended.then(() => false)]);
  if (!ready) throw reasonIn(logFile);
  child.unref();
  const node = await controlClient(paths.socket).node(invocation.wait);
  invocation.print(
    { type: "started", pid: node.pid, peerId: node.peerId, addresses: node.addresses, control: paths.socket },
    `running   pid ${node.pid}, ${node.peerId}\nlog       ${logFile}\nnext      ${invocation.gridmesh} status\n`,
  );
  // The child keeps its own process; nothing of ours must wait for it.
  process.exit(0);
}

/** What the daemon said last; a refusal of its own keeps its code. */
function reasonIn(logFile: string): ProtocolError {
  const last = readFileSync(logFile, "utf8").trimEnd().split("\n").at(-1) ?? "";
  const [, code = "", text = ""] = /^([A-Z_]+) (.+?)\.? \u2192 /.exec(last) ?? [];
  if (Object.hasOwn(errorTable, code)) return new ProtocolError(code as ErrorCode, text);
  return new ProtocolError("NOT_RUNNING", `the daemon did not come up; see ${logFile}`);
}

function program(): string {
  return fileURLToPath(new URL("../../../bin/gridmesh.js", import.meta.url));
}

async function isThere({ paths }: Invocation): Promise<boolean> {
  return controlClient(paths.socket)
    .request({ method: "GET", path: "health/live", timeoutMs: 1_000 })
    .then(
      () => true,
      () => false,
    );
}

async function answers(invocation: Invocation): Promise<boolean> {
  const until = Date.now() + READY_LIMIT_MS;
  while (Date.now() < until) {
    if (await isThere(invocation)) return true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return false;
}

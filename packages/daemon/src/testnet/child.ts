/** One daemon as a child process: its home, its log, its control socket, how it ended. */

import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ProtocolError } from "@gridmesh/protocol";
import { type ControlClient, controlClient } from "../client.ts";
import type { PlannedDaemon } from "./plan.ts";

const BIN = fileURLToPath(new URL("../../bin/gridmesh.js", import.meta.url));
const POLL_MS = 100;
const ASK_TIMEOUT_MS = 2_000;

/** Told at the start, the condition costs nothing; the binary would otherwise look at every import. */
const SOURCE_FLAGS = import.meta.url.endsWith(".ts") ? ["--conditions=gridmesh-source"] : [];

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface ChildPlace {
  readonly home: string;
  readonly logs: string;
  /** Of the runtime; those of how many daemons there are. */
  readonly flags: readonly string[];
}

export class Child {
  readonly planned: PlannedDaemon;
  readonly home: string;
  readonly control: ControlClient;
  readonly #place: ChildPlace;
  #process: ChildProcess | undefined;
  #exited: Promise<Exit> | undefined;
  #expected = false;
  restarts = 0;
  peerId: string | null = null;
  /** Told when it ends although nobody asked it to. */
  onUnasked: (child: Child, exit: Exit) => void = () => {};

  constructor(planned: PlannedDaemon, place: ChildPlace) {
    this.planned = planned;
    this.home = place.home;
    this.#place = place;
    this.control = controlClient(join(place.home, "control.sock"));
  }

  get name(): string {
    return this.planned.name;
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  get running(): boolean {
    return (
      this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null
    );
  }

  start(): void {
    const log = openSync(this.logPath, "a", 0o600);
    this.#expected = false;
    const child = fork(BIN, ["start", "--home", this.home], {
      // Own process group: a Ctrl-C at the terminal reaches the parent alone, which then ends the run in order.
      detached: true,
      stdio: ["ignore", log, log, "ipc"],
      execArgv: [...this.#place.flags, ...SOURCE_FLAGS],
      env: cleanEnvironment(),
    });
    closeSync(log);
    this.#process = child;
    this.#exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
      child.once("error", () => resolve({ code: null, signal: null }));
    });
    void this.#exited.then((exit) => {
      if (!this.#expected && this.#process === child) this.onUnasked(this, exit);
    });
  }

  /** Resolves once its node runs. @throws AGENT_START_FAILED with the last line of its log. */
  async untilRunning(deadlineMs: number): Promise<void> {
    const endMs = Date.now() + deadlineMs;
    while (Date.now() < endMs && this.running) {
      try {
        const node = await this.control.node({ timeoutMs: ASK_TIMEOUT_MS });
        this.peerId = node.peerId;
        if (node.state === "running") return;
      } catch {
        // Not listening yet.
      }
      await pause(POLL_MS);
    }
    const why = this.running ? `not running after ${deadlineMs / 1_000} s` : "ended while starting";
    throw new ProtocolError("AGENT_START_FAILED", `${this.name}: ${why}. Last log line: ${this.lastLine()}`);
  }

  async kill(): Promise<void> {
    this.#expected = true;
    this.#process?.kill("SIGKILL");
    await this.#exited;
  }

  /** SIGTERM; after `deadlineMs` SIGKILL. Returns how it ended, and whether in time. */
  async stop(deadlineMs: number): Promise<Exit & { readonly inTime: boolean }> {
    this.#expected = true;
    if (this.#process === undefined || this.#exited === undefined)
      return { code: null, signal: null, inTime: true };
    this.#process.kill("SIGTERM");
    const exit = await within(this.#exited, deadlineMs);
    if (exit !== undefined) return { ...exit, inTime: true };
    this.#process.kill("SIGKILL");
    return { ...(await this.#exited), inTime: false };
  }

  /** Ends it without ceremony; for the parent's own end. */
  killNow(): void {
    this.#expected = true;
    this.#process?.kill("SIGKILL");
  }

  get logPath(): string {
    return join(this.#place.logs, `${this.name}.log`);
  }

  /** The last thing it wrote, at most 300 characters. */
  lastLine(): string {
    try {
      return readFileSync(this.logPath, "utf8").trimEnd().split("\n").at(-1)?.slice(0, 300) ?? "";
    } catch {
      return "";
    }
  }
}

/** The environment without what would change a child's config, or attach a debugger to each. */
function cleanEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (pair): pair is [string, string] =>
      pair[1] !== undefined && !/^(?:GRIDMESH_|NODE_OPTIONS$)/.test(pair[0]),
  );
  return Object.fromEntries(kept);
}

/** What the promise brings, or undefined once the time is over. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

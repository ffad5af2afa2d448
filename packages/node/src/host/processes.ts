/** Programs run as children of this one: the port to the operating system, and the system's own. */

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { messageOf, ProtocolError } from "@gridmesh/protocol";

export interface ProcessSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/** How a program ended. */
interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** One running program, leader of a process group of its own. */
export interface RunningProcess {
  readonly pid: number;
  /** Writes to its input; false when the next write should wait for `drained`. */
  write(text: string): boolean;
  drained(): Promise<void>;
  endInput(): void;
  onOutput(fn: (chunk: Buffer) => void): void;
  onErrors(fn: (chunk: Buffer) => void): void;
  /** Stops and resumes reading its output. */
  hold(): void;
  resume(): void;
  /** Resolves once it has ended; what it wrote may still be unread, and what it started may hold its output open. */
  readonly ended: Promise<ProcessEnd>;
  /** Resolves once all it wrote was read. */
  readonly read: Promise<void>;
  /** Reads no more. */
  release(): void;
}

type EndSignal = "SIGTERM" | "SIGKILL";

export interface Processes {
  /** @throws AGENT_START_FAILED when there is no such program. */
  start(spec: ProcessSpec): Promise<RunningProcess>;
  /** When a process began, in a form of the system's own that no other process of that id has; undefined: there is none. */
  startTime(pid: number): string | undefined;
  /** Signals every process of a group; false when none is left. */
  signalGroup(leader: number, signal: EndSignal): boolean;
  /** Is the process that began then, or what it started, still there? */
  isLeft(pid: number, startTime: string): boolean;
}

/** The operating system's processes; POSIX alone. */
export function systemProcesses(): Processes {
  return { start, startTime, signalGroup, isLeft };
}

async function start({ command, args, cwd, env }: ProcessSpec): Promise<RunningProcess> {
  const options = { env, detached: true, ...(cwd === undefined ? {} : { cwd }) };
  const child = spawn(command, args, { ...options, stdio: ["pipe", "pipe", "pipe"] });
  const ended = Promise.withResolvers<ProcessEnd>();
  const read = Promise.withResolvers<void>();
  child.once("exit", (exitCode, signal) => ended.resolve({ exitCode, signal }));
  child.once("close", () => read.resolve());
  // A program that closes its input early is heard of by its end.
  child.stdin.on("error", () => undefined);
  try {
    await once(child, "spawn");
  } catch (error) {
    throw new ProtocolError("AGENT_START_FAILED", `"${command}" could not be run: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const { pid, stdin, stdout, stderr } = child;
  if (pid === undefined) throw new ProtocolError("AGENT_START_FAILED", `"${command}" could not be run`);
  return {
    pid,
    write: (text) => stdin.write(text),
    drained: () =>
      stdin.writableNeedDrain && !stdin.destroyed
        ? Promise.race([once(stdin, "drain").catch(() => undefined), once(stdin, "close")]).then(
            () => undefined,
          )
        : Promise.resolve(),
    endInput: () => void stdin.end(),
    onOutput: (fn) => void stdout.on("data", fn),
    onErrors: (fn) => void stderr.on("data", fn),
    hold: () => void stdout.pause(),
    resume: () => void stdout.resume(),
    ended: ended.promise,
    read: read.promise,
    release() {
      for (const stream of [stdin, stdout, stderr]) stream.destroy();
    },
  };
}

function startTime(pid: number): string | undefined {
  return process.platform === "linux" ? startInProc(pid) : startByPs(pid);
}

/** Field 22 of /proc/<pid>/stat counts from the boot, so the boot is named too; a zombie has ended. */
function startInProc(pid: number): string | undefined {
  const [state, ...rest] = statOf(pid);
  if (state === undefined || state === "Z" || state === "X") return undefined;
  return `${bootId()}/${rest[18] ?? ""}`;
}

/** From the third field on; none where there is no such process. */
function statOf(pid: number | string): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold blanks and brackets.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}

/** While a group is left, no other process gets its leader's id; after a boot every id begins anew. */
function isLeft(pid: number, began: string): boolean {
  const now = startTime(pid);
  if (now !== undefined) return now === began;
  return began.split("/")[0] === bootId() && sent(pid, 0) && hasOwnSession(pid);
}

/**
 * Our children lead sessions. If ours is gone with all it started, its id may by now be that of a shell's job, whose session
 * is the shell's.
 */
function hasOwnSession(group: number): boolean {
  if (process.platform !== "linux") return false;
  return readdirSync("/proc").some((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    const [state, , pgrp, session] = statOf(entry);
    return state !== "Z" && pgrp === String(group) && session === String(group);
  });
}

/** Of this boot, and of the container: each has process ids of its own. */
function bootId(): string {
  if (process.platform !== "linux") return "";
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
}

function startByPs(pid: number): string | undefined {
  try {
    const text = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    return text === "" ? undefined : text;
  } catch {
    return undefined;
  }
}

function signalGroup(leader: number, signal: EndSignal): boolean {
  return sent(leader, signal);
}

function sent(leader: number, signal: EndSignal | 0): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch {
    return false;
  }
}

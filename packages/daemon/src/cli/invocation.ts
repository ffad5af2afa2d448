/** One run of one verb: its arguments, where the daemon is, and how results leave. */

import type { JsonValue } from "@gridmesh/protocol";
import { ProtocolError } from "@gridmesh/protocol";
import type { Command } from "commander";
import { type ControlClient, controlClient, type ControlWait } from "../client.ts";
import { homePaths, type HomePaths, isAlive, readDaemonFile } from "../home.ts";
import type { Io } from "./io.ts";
import { jsonLine, printable } from "./table.ts";
import { UsageError } from "./usage-error.ts";

const DEFAULT_TIMEOUT_MS = 10_000;
const STARTING_WAIT_MS = 3_000;
const STARTING_POLL_MS = 50;

export interface Invocation {
  readonly io: Io;
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly paths: HomePaths;
  readonly json: boolean;
  /** `gridmesh`, with the home that was named: how a next command begins. */
  readonly gridmesh: string;
  /** As given; absent when the verb's own default holds. */
  readonly timeoutMs: number | undefined;
  /** Limits for requests to the daemon. */
  readonly wait: ControlWait;
  /** The daemon's client; while a daemon starts, waits for it up to 3 s. */
  daemon(): Promise<ControlClient>;
  /** One JSON object with `schemaVersion`, or the text for people. */
  print(members: Readonly<Record<string, unknown>>, text: string): void;
}

export type Action = (invocation: Invocation) => Promise<number | undefined>;

/** Ties an action to a (sub)command. */
export type Attach = (command: Command, action: Action) => void;

/** A verb declares its arguments and options on its command and attaches its actions. */
export type Verb = (command: Command, attach: Attach) => void;

export function invocationOf(command: Command, io: Io): Invocation {
  const options = command.optsWithGlobals<Record<string, unknown>>();
  const paths = homePaths(options["home"] as string | undefined, io.env);
  const json = options["json"] === true;
  const timeoutMs = typeof options["timeout"] === "string" ? durationMs(options["timeout"]) : undefined;
  return {
    io,
    args: command.args,
    options,
    paths,
    json,
    gridmesh: typeof options["home"] === "string" ? `gridmesh --home ${options["home"]}` : "gridmesh",
    timeoutMs,
    wait: { timeoutMs: timeoutMs ?? DEFAULT_TIMEOUT_MS },
    async daemon() {
      const named = options["node"] as string | undefined;
      if (named !== undefined) return controlClient(socketOf(named));
      await whileStarting(paths);
      return controlClient(paths.socket);
    },
    print(members, text) {
      io.out(json ? `${jsonLine({ schemaVersion: 1, ...members })}\n` : printable(text));
    },
  };
}

function socketOf(named: string): string {
  if (named.startsWith("unix:")) return named.slice("unix:".length);
  throw new ProtocolError("ADDRESS_INVALID", `--node takes unix:PATH of a control socket, not "${named}"`);
}

/** A daemon that has written its file but does not answer yet is given a moment. */
async function whileStarting(paths: HomePaths): Promise<void> {
  const until = Date.now() + STARTING_WAIT_MS;
  for (;;) {
    const file = readDaemonFile(paths);
    if (!isAlive(file) || file.state === "running" || Date.now() > until) return;
    await new Promise((resolve) => setTimeout(resolve, STARTING_POLL_MS));
  }
}

/** A timer set for more than 2^31 ms fires at once. */
const MAX_DURATION_MS = 500 * 3_600_000;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `500ms`, `10s`, `2m`, `1h`; a bare number is seconds. @throws UsageError */
export function durationMs(text: string): number {
  const match = /^(\d{1,9})(ms|s|m|h)?$/.exec(text);
  if (match === null) {
    throw new UsageError(`"${text}" is no length of time`, "write 500ms, 10s, 2m or 1h");
  }
  const ms = Number(match[1]) * (UNITS[match[2] ?? "s"] ?? 1_000);
  if (ms > MAX_DURATION_MS) throw new UsageError(`"${text}" is too long a time`, "at most 500h");
  return ms;
}

/** A JSON argument. @throws UsageError */
export function jsonArgument(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new UsageError(
      `the params are no JSON: ${(error as Error).message}`,
      `quote them: '{"name": "…"}'`,
    );
  }
}

/** The number a flag was given, or undefined when it was not given. @throws UsageError */
export function wholeNumber(value: unknown, flag: string): number | undefined {
  if (value === undefined) return undefined;
  const text = typeof value === "string" ? value : "";
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`${flag} takes a whole number, not "${text}"`, `${flag} 1`);
}

/** How a failed verb ends: one line on stderr, one exit code. */

import { exitCodeOf, ProtocolError, toProtocolError } from "@gridmesh/protocol";
import { CommanderError } from "commander";
import { type CommandLine, fixFor } from "./fixes.ts";
import type { Io } from "./io.ts";
import { jsonLine, oneLine } from "./table.ts";
import { UsageError } from "./usage-error.ts";

const USAGE_EXIT = 2;

interface Told {
  readonly error: ProtocolError;
  readonly fix: string;
  readonly exitCode: number;
}

interface Telling {
  readonly json: boolean;
  /** What was asked of which home. */
  readonly line: CommandLine;
}

/** Writes the error and returns the exit code. */
export function reportError(error: unknown, io: Io, { json, line }: Telling): number {
  const told = toldOf(error, line);
  const { code, number, message, retryable, data } = told.error;
  if (json) {
    const body = { code, number, message, fix: told.fix, retryable, ...(data === undefined ? {} : { data }) };
    io.err(`${jsonLine({ schemaVersion: 1, error: body })}\n`);
  } else {
    // Another node's words: they must not move the cursor.
    const text = oneLine(message);
    io.err(`${code} ${text}${/[.?!]$/.test(text) ? "" : "."} → ${told.fix}\n`);
  }
  return told.exitCode;
}

function toldOf(error: unknown, line: CommandLine): Told {
  if (error instanceof UsageError) {
    return {
      error: new ProtocolError(error.code, error.message),
      fix: error.fix,
      exitCode: USAGE_EXIT,
    };
  }
  if (error instanceof CommanderError) return usageOf(error, line);
  const known = toProtocolError(error, "INTERNAL_ERROR");
  return { error: known, fix: fixFor(known.code, line), exitCode: exitCodeOf(known.code) };
}

/** `error: unknown option '--foo'\n(Did you mean --bar?)` in our own words. */
function usageOf(error: CommanderError, { verb }: CommandLine): Told {
  const help = verb === undefined ? "gridmesh --help" : `gridmesh ${verb} --help`;
  // Commander's word for a group of commands without one of them.
  if (error.code === "commander.help") {
    const what = new ProtocolError("INVALID_REQUEST", `${verb ?? "gridmesh"} does nothing by itself`);
    return { error: what, fix: help, exitCode: USAGE_EXIT };
  }
  const [first = "", second = ""] = error.message.replace(/^error: /, "").split("\n");
  const near = /Did you mean (?:one of )?(.+?)\?/.exec(second)?.[1];
  const what = first.replaceAll("'", '"');
  return {
    error: new ProtocolError("INVALID_REQUEST", near === undefined ? what : `${what}. Did you mean ${near}?`),
    fix: help,
    exitCode: USAGE_EXIT,
  };
}

/** The command line: one verb is found, read and run; the rest of the program stays on disk. */

import { Command, CommanderError } from "commander";
import { nearest } from "../nearest.ts";
import { version } from "../version.ts";
import type { CommandLine } from "./fixes.ts";
import type { Action } from "./invocation.ts";
import { type Io, processIo } from "./io.ts";
import { UsageError } from "./usage-error.ts";
import { verbs } from "./verbs/index.ts";

const FIRST_STEPS = `gridmesh: agents that meet, call each other and trade energy, with no server in the middle.

  gridmesh testnet run                       a neighbourhood of 13 daemons lives one day
  gridmesh start                             this machine's daemon; its home is made first
  gridmesh status                            what it sees
  gridmesh agents find                       who is out there
  gridmesh call <node>:<agent>/tools/list    ask one of them

gridmesh --help lists every verb.
`;

/** Runs one command line and returns its exit code. */
export async function run(args: readonly string[], io: Io = processIo()): Promise<number> {
  const name = verbOf(args);
  if (name === undefined && !args.some((word) => word === "--help" || word === "--version")) {
    return firstSteps(args, io);
  }
  const json = args.includes("--json");
  try {
    if (name !== undefined && name !== "help" && !Object.hasOwn(verbs, name)) throw unknownVerb(name);
    let exitCode: number | undefined;
    const program = await commandLine(io, {
      only: name,
      onExit: (code) => {
        exitCode = code;
      },
    });
    await program.parseAsync([...args], { from: "user" });
    return exitCode ?? 0;
  } catch (error) {
    return await failed(error, io, { json, line: { verb: name, home: homeOf(args) } });
  }
}

/** Bare `gridmesh`; an option that does not exist is still told. */
async function firstSteps(args: readonly string[], io: Io): Promise<number> {
  const stray = args.find(
    (word, index) => word.startsWith("-") && !isGlobal(word) && !isGlobalValue(args, index),
  );
  if (stray !== undefined) {
    const near = nearest(stray.split("=")[0] ?? "", [...VALUE_OPTIONS, "--json", "--help", "--version"]);
    const suggestion = near === undefined ? "" : `. Did you mean ${near}?`;
    const error = new UsageError(`unknown option "${stray}"${suggestion}`, "gridmesh --help");
    return failed(error, io, { json: args.includes("--json"), line: {} });
  }
  io.out(FIRST_STEPS);
  return 0;
}

async function failed(
  error: unknown,
  io: Io,
  told: { readonly json: boolean; readonly line: CommandLine },
): Promise<number> {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const { reportError } = await import("./report-error.ts");
  return reportError(error, io, told);
}

/** The whole program, or with `only` that verb's arguments and options alone. */
export async function commandLine(
  io: Io,
  options: { readonly only?: string | undefined; readonly onExit?: (code: number) => void } = {},
): Promise<Command> {
  const program = new Command("gridmesh")
    .version(version(), "--version", "print the version")
    .helpOption("--help", "print this")
    .option("--home <folder>", "home folder; else GRIDMESH_HOME, else ~/.gridmesh")
    .option("--node <unix:path>", "control socket of the daemon to ask")
    .option("--timeout <time>", "how long to wait, e.g. 500ms, 10s, 2m")
    .option("--json", "one JSON object on stdout")
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: () => undefined })
    .exitOverride();
  const attach = (command: Command, action: Action) => {
    command.action(async () => {
      // Read only now: --help and --version need none of the protocol.
      const { invocationOf } = await import("./invocation.ts");
      const code = await action(invocationOf(command, io));
      options.onExit?.(code ?? 0);
    });
  };
  for (const [name, entry] of Object.entries(verbs)) {
    // Subcommands copy how output and exits are dealt with from the moment they are made.
    const command = program
      .command(name)
      .summary(entry.summary)
      .description(entry.summary)
      .helpOption("--help", "print this");
    if (options.only === undefined || options.only === name) (await entry.load())(command, attach);
  }
  return program;
}

const VALUE_OPTIONS = new Set(["--home", "--node", "--timeout"]);

function isGlobal(word: string): boolean {
  return word === "--json" || VALUE_OPTIONS.has(word.split("=")[0] ?? "");
}

function isGlobalValue(args: readonly string[], index: number): boolean {
  return index > 0 && VALUE_OPTIONS.has(args[index - 1] ?? "");
}

function homeOf(args: readonly string[]): string | undefined {
  const at = args.findIndex((word) => word === "--home" || word.startsWith("--home="));
  const word = args[at];
  return word === "--home" ? args[at + 1] : word?.slice("--home=".length);
}

/** The first word that is neither an option nor an option's value. */
function verbOf(args: readonly string[]): string | undefined {
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] ?? "";
    if (VALUE_OPTIONS.has(word)) index += 1;
    else if (!word.startsWith("-")) return word;
  }
  return undefined;
}

function unknownVerb(name: string): UsageError {
  const near = nearest(name, Object.keys(verbs));
  const suggestion = near === undefined ? "" : `. Did you mean "${near}"?`;
  return new UsageError(`unknown verb "${name}"${suggestion}`, `gridmesh ${near ?? "--help"}`);
}

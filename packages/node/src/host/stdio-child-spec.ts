/** What a child is run as: its definition, checked, and the program, arguments and variables that come of it. */

import { basename, dirname, isAbsolute, resolve } from "node:path";
import { isCapability, ProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import type { AgentDefinition } from "../agent.ts";
import type { ProcessSpec } from "./processes.ts";
import { preloadFlag } from "./sandbox-preload.ts";

/** A program that speaks MCP on its input and output. */
export interface ChildDefinition {
  /** Program, looked for in PATH unless it is a path. */
  readonly command: string;
  readonly args?: readonly string[] | undefined;
  /** Folder it runs in; default that of the node. */
  readonly cwd?: string | undefined;
  /** Variables besides PATH, HOME and LANG, which are the node's own. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** `per-peer`: a process for each caller, for programs that keep what one caller said from no other. Default `shared`. */
  readonly isolation?: "shared" | "per-peer" | undefined;
  /** `node-permission`: Node's own, it reads and writes its folder alone and starts nothing; for programs in JavaScript. */
  readonly sandbox?: "node-permission" | undefined;
  /** Searchable words; none by default. */
  readonly capabilities?: readonly string[] | undefined;
  /** What it may call by itself: variables for each of its processes as it starts, void once the agent is gone. */
  readonly right?: { variables(): Readonly<Record<string, string>>; end(): void } | undefined;
  /** Absent: it can have no order signed. */
  readonly policy?: AgentDefinition["policy"];
}

/** Is it meant as a child, whatever else may be wrong with it? */
export function isChildDefinition(definition: object): definition is ChildDefinition {
  return "command" in definition;
}

const checks: Readonly<Record<string, (definition: ChildDefinition) => boolean>> = {
  command: ({ command }) => isText(command) && command !== "",
  args: ({ args = [] }) => Array.isArray(args) && args.every(isText),
  cwd: ({ cwd }) => cwd === undefined || isText(cwd),
  env: ({ env = {} }) => Object.entries(env).every(([key, value]) => isVariable(key) && isText(value)),
  isolation: ({ isolation = "shared" }) => isolation === "shared" || isolation === "per-peer",
  sandbox: ({ sandbox, command }) =>
    sandbox === undefined || (sandbox === "node-permission" && isNode(command)),
};

/** @throws INVALID_PARAMS naming the agent and the member. */
export function checkChild(name: string, definition: ChildDefinition): void {
  for (const [member, holds] of Object.entries(checks)) {
    if (!holds(definition))
      throw new ProtocolError("INVALID_PARAMS", `agent ${name}: ${member} does not fit`);
  }
  checkWords(name, definition.capabilities ?? []);
}

/** Programs take texts that end at a nought byte. */
function isText(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\0");
}

/** @throws INVALID_PARAMS. */
export function checkWords(name: string, words: readonly string[]): void {
  const strange = words.find((word) => !isCapability(word));
  if (strange === undefined && words.length <= nodeLimits.wordsPerAgent) return;
  const what =
    strange === undefined ? `more than ${nodeLimits.wordsPerAgent} words` : `"${strange}" is no capability`;
  throw new ProtocolError("INVALID_PARAMS", `agent ${name}: ${what}`);
}

/** Variables that every child gets of the node's own. */
const INHERITED = ["PATH", "HOME", "LANG"];
const RESERVED_PREFIX = "GRIDMESH_";

export function specOf(
  definition: ChildDefinition,
  own: Readonly<Record<string, string | undefined>>,
): ProcessSpec {
  const { command, args = [], cwd, env = {}, sandbox } = definition;
  const inherited = INHERITED.flatMap((key) => (own[key] === undefined ? [] : [[key, own[key]] as const]));
  return {
    // Its own permissions are those of this runtime; another one on the PATH may be too old for them.
    command: sandbox !== undefined && command === "node" ? process.execPath : command,
    args: sandbox === undefined ? args : [...permissions(args, cwd), ...args],
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
  };
}

function isVariable(key: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) && !key.startsWith(RESERVED_PREFIX);
}

function isNode(command: string): boolean {
  return /^node(?:\.exe)?$/.test(basename(command));
}

/** Its own folder to read and write, its program's to read; no other file, no process, no worker, no addon. */
function permissions(args: readonly string[], cwd: string | undefined): string[] {
  const folder = resolve(cwd ?? ".");
  const program = args.find((arg) => !arg.startsWith("-"));
  const path = program === undefined || isAbsolute(program) ? program : resolve(folder, program);
  const readable = path === undefined ? [folder] : [folder, modulesOf(path)];
  return [
    "--permission",
    preloadFlag(),
    ...[...new Set(readable)].map((place) => `--allow-fs-read=${place}`),
    `--allow-fs-write=${folder}`,
  ];
}

/** The folder that a program and what it imports lie in. */
function modulesOf(path: string): string {
  const at = path.indexOf("/node_modules/");
  return at === -1 ? dirname(path) : path.slice(0, at + "/node_modules".length);
}

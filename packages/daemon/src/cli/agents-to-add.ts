/** What `gridmesh agents add` was asked to host. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import type { AgentToAdd } from "../client.ts";
import { type Invocation, jsonArgument } from "./invocation.ts";
import { UsageError } from "./usage-error.ts";

const EXAMPLE = "gridmesh agents add files -- npx -y @modelcontextprotocol/server-filesystem .";
const ACCESS = ["private", "network", "public"] as const;

/** One agent, or each of a file. @throws UsageError */
export function agentsToAdd({ args, options }: Pick<Invocation, "args" | "options">): readonly AgentToAdd[] {
  const access = accessOf(options["access"]);
  const save = options["save"] !== false;
  if (typeof options["from"] === "string") {
    if (args.length > 0) throw new UsageError("--from names the agents itself", EXAMPLE);
    return sourcesIn(options["from"]).map(([name, source]) => ({ name, source, access, save }));
  }
  const [name, ...command] = args;
  if (name === undefined) throw new UsageError("an agent needs a name", EXAMPLE);
  return [{ name, source: sourceOf(command, options), access, save }];
}

function sourceOf(command: readonly string[], options: Invocation["options"]): JsonObject {
  const { url, card, module, factory, tokenFile, capability } = options;
  const words =
    Array.isArray(capability) && capability.length > 0 ? { capabilities: capability as string[] } : {};
  const given = [command[0], url, card, module].filter((value) => value !== undefined);
  if (given.length !== 1) {
    throw new UsageError("give one of: -- COMMAND ARGS…, --url, --card, --module", EXAMPLE);
  }
  const token = typeof tokenFile === "string" ? { tokenFile: resolve(tokenFile) } : {};
  if (typeof url === "string") return { url, ...token, ...words };
  if (typeof card === "string") return { card, ...token, ...words };
  if (typeof module === "string") {
    if (typeof factory !== "string") throw new UsageError("--module needs --factory", EXAMPLE);
    const text = options["options"];
    return { module, factory, ...(typeof text === "string" ? { options: jsonArgument(text) } : {}) };
  }
  return { ...programOf(command, options), ...words };
}

/** Paths among its arguments are meant from here, so it runs here. */
function programOf(command: readonly string[], options: Invocation["options"]): JsonObject {
  const [program = "", ...args] = command;
  const env = variablesOf(options["env"]);
  return {
    command: program,
    args,
    cwd: resolve(typeof options["cwd"] === "string" ? options["cwd"] : "."),
    ...(Object.keys(env).length === 0 ? {} : { env }),
  };
}

function variablesOf(given: unknown): Record<string, string> {
  const pairs = Array.isArray(given) ? (given as readonly string[]) : [];
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw new UsageError(`"${pair}" is no variable`, "--env NAME=value");
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function accessOf(given: unknown): (typeof ACCESS)[number] {
  const known = ACCESS.find((access) => access === (given ?? "private"));
  if (known === undefined) throw new UsageError(`--access takes ${ACCESS.join(", ")}`, "--access network");
  return known;
}

/** The form in which desktop programs keep theirs: `{mcpServers: {name: {command, args, env} | {url}}}`. */
function sourcesIn(file: string): [name: string, source: JsonObject][] {
  const text = jsonArgument(textOf(file));
  const rows = (text as { mcpServers?: JsonValue } | null)?.mcpServers;
  if (typeof rows !== "object" || rows === null || Array.isArray(rows)) {
    throw new UsageError(`${file} has no mcpServers`, EXAMPLE);
  }
  return Object.entries(rows as JsonObject).map(([name, row]) => [name.toLowerCase(), sourceIn(name, row)]);
}

function sourceIn(name: string, row: JsonValue): JsonObject {
  const { command, args, env, cwd, url } = (row ?? {}) as JsonObject;
  if (url !== undefined) return { url };
  if (command === undefined) throw new UsageError(`${name} has neither command nor url`, EXAMPLE);
  const optional = Object.entries({ args, env, cwd }).filter(([, value]) => value !== undefined);
  return { command, ...(Object.fromEntries(optional) as JsonObject) };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`, EXAMPLE);
  }
}

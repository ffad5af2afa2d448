/** Guests by name: each `[[agents]]` row names code, a program or an address; the daemon knows no role itself. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Access, AgentDefinition, AgentSource } from "@gridmesh/node";
import { isProtocolError, ProtocolError } from "@gridmesh/protocol";
import type { AgentRights } from "./agent-rights.ts";
import type { AgentConfig } from "./config/agent-schema.ts";

export interface LoadedAgent {
  readonly name: string;
  readonly definition: AgentSource;
  readonly access: Access;
}

interface ModuleAgent {
  readonly name: string;
  readonly module: string;
  readonly factory: string;
  readonly options: unknown;
}

type Factory = (options: unknown) => AgentDefinition | Promise<AgentDefinition>;

/** What each agent is, in the order of the file. @throws AGENT_START_FAILED, CONFIG_INVALID naming the agent. */
export async function loadAgents(
  agents: readonly AgentConfig[],
  home: string,
  rights: AgentRights,
): Promise<LoadedAgent[]> {
  const loaded: LoadedAgent[] = [];
  for (const agent of agents) loaded.push(await loadAgent(agent, home, rights));
  return loaded;
}

/** @throws AGENT_START_FAILED, CONFIG_INVALID naming the agent. */
export async function loadAgent(agent: AgentConfig, home: string, rights: AgentRights): Promise<LoadedAgent> {
  const { name, access } = agent;
  return { name, access, definition: await sourceOf(agent, home, rights) };
}

async function sourceOf(agent: AgentConfig, home: string, rights: AgentRights): Promise<AgentSource> {
  const { name, module, factory, options, command, url, card, capabilities } = agent;
  if (command !== undefined) return programOf(agent, command, rights);
  const headers = () => Promise.resolve(credentials(agent, home));
  if (url !== undefined) return { url, headers, capabilities };
  if (card !== undefined) return { card, headers, capabilities };
  assert(module !== undefined && factory !== undefined, "the schema lets no agent without a kind pass");
  const named: ModuleAgent = { name, module, factory, options };
  return made(named, await factoryOf(named, home));
}

function programOf(agent: AgentConfig, command: string, rights: AgentRights): AgentSource {
  const { name, args, cwd, env, isolation, sandbox, capabilities, may = [] } = agent;
  const right = may.length === 0 ? undefined : rights.grant(name, may);
  return { command, args, cwd, env, isolation, sandbox, capabilities, right };
}

/** What the daemon shows at an agent's address. @throws CONFIG_INVALID. */
function credentials({ name, tokenFile }: AgentConfig, home: string): Readonly<Record<string, string>> {
  if (tokenFile === undefined) return {};
  const path = isAbsolute(tokenFile) ? tokenFile : join(home, tokenFile);
  try {
    return { authorization: `Bearer ${readFileSync(path, "utf8").trim()}` };
  } catch (error) {
    const why = (error as Error).message;
    throw new ProtocolError("CONFIG_INVALID", `agent "${name}": tokenFile: ${why}`, { cause: error });
  }
}

async function factoryOf(agent: ModuleAgent, home: string): Promise<Factory> {
  const namespace = await imported(agent, home);
  const factory = namespace[agent.factory];
  if (typeof factory === "function") return factory as Factory;
  const names = Object.keys(namespace).filter((name) => typeof namespace[name] === "function");
  throw new ProtocolError(
    "CONFIG_INVALID",
    `agent "${agent.name}": module "${agent.module}" exports no function "${agent.factory}". It has: ${names.join(", ")}`,
  );
}

async function imported(agent: ModuleAgent, home: string): Promise<Record<string, unknown>> {
  try {
    return (await import(specifierOf(agent.module, home))) as Record<string, unknown>;
  } catch (error) {
    throw new ProtocolError(
      "AGENT_START_FAILED",
      `agent "${agent.name}": module "${agent.module}" could not be loaded: ${(error as Error).message}`,
      { cause: error, data: { agent: agent.name } },
    );
  }
}

/** A path is meant from the home folder; a package is looked for beside the home, then beside the daemon. */
function specifierOf(module: string, home: string): string {
  if (module.startsWith(".") || isAbsolute(module)) {
    return pathToFileURL(isAbsolute(module) ? module : join(home, module)).href;
  }
  try {
    return pathToFileURL(createRequire(join(home, "config.toml")).resolve(module)).href;
  } catch {
    return module;
  }
}

async function made(agent: ModuleAgent, factory: Factory): Promise<AgentDefinition> {
  try {
    return await factory(agent.options);
  } catch (error) {
    const code =
      isProtocolError(error) && error.code === "CONFIG_INVALID" ? "CONFIG_INVALID" : "AGENT_START_FAILED";
    throw new ProtocolError(code, `agent "${agent.name}": ${(error as Error).message}`, {
      cause: error,
      data: { agent: agent.name },
    });
  }
}

/** One node of a preset in a home of its own: what a container runs. */

import { existsSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { isAgentName, ProtocolError } from "@gridmesh/protocol";
import { stringify } from "smol-toml";
import { loadConfig } from "../config/load.ts";
import { type HomePaths, makeHome } from "../home.ts";
import { nearest } from "../nearest.ts";
import { daemonsOf, loadPlan, type PlannedAgent, type PlannedDaemon, type PlannedRole } from "./plan.ts";

const TRADE_PORT = 4801;
const DEFAULT_PRESET = "seed000";
const MAX_PORT = 65_535;
const MAX_EPOCH_S = 9_999_999_999;

/** Where agents that keep files keep them, in the home. */
const FOLDERS: Partial<Record<PlannedRole, string>> = { utility: "collections", reporter: "reports" };

type Environment = Readonly<Record<string, string | undefined>>;

export interface SingleNode {
  /** Name of the node in the preset. */
  readonly name: string;
  /** Default: GRIDMESH_PRESET, else seed000. */
  readonly preset?: string | undefined;
  readonly env: Environment;
  /** Wall time, ms. */
  readonly nowMs: number;
}

/** What the environment says of this node. */
interface Given {
  readonly bootstrap: readonly string[];
  readonly statusPort: number | null;
  readonly stateOfChargePercent: number | undefined;
  readonly agentName: string | undefined;
  /** Wall time at which the whole testnet began, ms. */
  readonly beganMs: number | undefined;
}

/**
 * Writes the node's `config.toml` where there is none; one that is there stays as it is.
 * Returns market time at start, ms, so that nodes nobody started together agree; undefined when the settings say it all.
 * @throws CONFIG_INVALID for a node or preset that does not exist, or naming the variable; IDENTITY_UNREADABLE
 */
export async function prepareNode(paths: HomePaths, asked: SingleNode): Promise<number | undefined> {
  const { env } = asked;
  const preset = asked.preset ?? set(env, "GRIDMESH_PRESET") ?? DEFAULT_PRESET;
  const plan = await loadPlan({ preset });
  const planned = named(asked.name, daemonsOf(plan, undefined), preset);
  const given = givenBy(env, planned);
  if (plan.data.day !== null && given.beganMs === undefined) {
    throw new ProtocolError(
      "CONFIG_INVALID",
      `preset "${preset}" begins on ${plan.data.day}: tell all its nodes when that was, TESTNET_BEGAN=$(date +%s)`,
    );
  }
  const text = singleConfigText(planned, { preset, home: paths.home, given });
  makeHome(paths);
  if (!existsSync(paths.config)) writeFileSync(paths.config, text, { mode: 0o600, flag: "wx" });
  const { lab } = loadConfig({ home: paths.home, env, flags: {} }).config;
  const { beganMs } = given;
  if (lab.marketStartMs !== undefined || beganMs === undefined) return undefined;
  return plan.marketStartMs + lab.clockSpeed * Math.max(0, asked.nowMs - beganMs);
}

function named(name: string, daemons: readonly PlannedDaemon[], preset: string): PlannedDaemon {
  const found = daemons.find((daemon) => daemon.name === name);
  if (found !== undefined) return found;
  const known = daemons.map((daemon) => daemon.name);
  const near = nearest(name, known);
  const hint = near === undefined ? `It has: ${known.join(", ")}` : `Did you mean "${near}"?`;
  throw new ProtocolError("CONFIG_INVALID", `no node "${name}" in preset "${preset}". ${hint}`);
}

function singleConfigText(
  planned: PlannedDaemon,
  place: { readonly preset: string; readonly home: string; readonly given: Given },
): string {
  const { given } = place;
  const status =
    given.statusPort === null
      ? {}
      : { listen: `0.0.0.0:${given.statusPort}`, hosts: [...new Set([planned.name, hostname()])] };
  return stringify({
    network: `gridmesh-${place.preset}`,
    profile: "testnet",
    listen: [`/ip4/0.0.0.0/tcp/${TRADE_PORT}`],
    discovery: { bootstrap: [...given.bootstrap] },
    status,
    lab: { enabled: true, paused: false, clockSpeed: 1 },
    agents: planned.agents.map((agent) => ({
      name: given.agentName ?? agent.name,
      access: agent.access,
      module: agent.module,
      factory: agent.factory,
      options: optionsOf(agent, planned.role, place),
    })),
  });
}

function optionsOf(
  agent: PlannedAgent,
  role: PlannedRole,
  place: { readonly home: string; readonly given: Given },
): PlannedAgent["options"] {
  const percent = place.given.stateOfChargePercent;
  const folder = FOLDERS[role];
  return {
    ...agent.options,
    ...(percent === undefined ? {} : { stateOfChargePercent: percent }),
    ...(folder === undefined ? {} : { dir: join(place.home, folder) }),
  };
}

function givenBy(env: Environment, planned: PlannedDaemon): Given {
  const url = set(env, "BECKN_GATEWAY_URL");
  const isHousehold = planned.role === "household";
  const beganS = wholeNumber(env, "TESTNET_BEGAN", { least: 0, most: MAX_EPOCH_S });
  return {
    bootstrap: url === undefined || planned.role === "bootstrap" ? [] : [bootstrapOf(url)],
    statusPort: wholeNumber(env, "AGENT_PORT", { least: 1, most: MAX_PORT }) ?? planned.statusPort,
    stateOfChargePercent: isHousehold ? wholeNumber(env, "INITIAL_SOC", { least: 0, most: 100 }) : undefined,
    agentName: isHousehold ? agentNameIn(env) : undefined,
    beganMs: beganS === undefined ? undefined : beganS * 1_000,
  };
}

/** `http://gateway:9000` → `/dns4/gateway/tcp/4801`: whoever answers there names its own PeerId. */
function bootstrapOf(url: string): string {
  const name = URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, "") : "";
  if (name === "") {
    throw new ProtocolError(
      "CONFIG_INVALID",
      `BECKN_GATEWAY_URL cannot be "${url}": write http://gateway:9000`,
    );
  }
  const kind = { 4: "ip4", 6: "ip6" }[isIP(name)] ?? "dns4";
  return `/${kind}/${name}/tcp/${TRADE_PORT}`;
}

function agentNameIn(env: Environment): string | undefined {
  const name = set(env, "AGENT_ID");
  if (name === undefined || isAgentName(name)) return name;
  throw new ProtocolError("CONFIG_INVALID", `AGENT_ID cannot be "${name}": write it like household-agent-01`);
}

function wholeNumber(
  env: Environment,
  variable: string,
  range: { readonly least: number; readonly most: number },
): number | undefined {
  const text = set(env, variable);
  if (text === undefined) return undefined;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (value >= range.least && value <= range.most) return value;
  throw new ProtocolError(
    "CONFIG_INVALID",
    `${variable} cannot be "${text}": it takes a whole number, ${range.least} … ${range.most}`,
  );
}

/** An empty variable counts as none: compose files pass them on that way. */
function set(env: Environment, variable: string): string | undefined {
  const text = env[variable];
  return text === "" ? undefined : text;
}

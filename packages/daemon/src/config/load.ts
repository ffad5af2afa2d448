/** The effective configuration: defaults < profile < file < environment < flags, each value with its origin. */

import { join } from "node:path";
import type { JsonValue } from "@gridmesh/protocol";
import type { ConfigValueView } from "../control/types.ts";
import { nearest } from "../nearest.ts";
import { problemOfValue, problemsOfFile, valueAt } from "./check.ts";
import { conflictsOf } from "./conflicts.ts";
import { configInvalid, type ConfigProblem } from "./problem.ts";
import { profileDefaults } from "./profiles.ts";
import { CONFIG_FILE, type ConfigFile, readConfigFile, whereInFile } from "./read-file.ts";
import { type Config, configSchema, type Setting, settings } from "./schema.ts";
import { valueOfText } from "./text.ts";

export interface ConfigSources {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Texts of flags by setting key, e.g. `{"discovery.mdns": "false"}`. */
  readonly flags: Readonly<Record<string, string>>;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly values: readonly ConfigValueView[];
  /** Things worth a line at start that stop nothing. */
  readonly warnings: readonly string[];
}

interface Layered {
  readonly value: JsonValue | undefined;
  readonly origin: string;
}

/** @throws CONFIG_INVALID naming file, line, column (or variable, or flag) and the fix. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const file = readConfigFile(join(sources.home, CONFIG_FILE));
  return resolveConfig(file, sources);
}

/** The same for a file already read. */
export function resolveConfig(file: ConfigFile, sources: Omit<ConfigSources, "home">): LoadedConfig {
  const problems = problemsOfFile(file);
  const given = new Map<string, Layered>();
  for (const setting of settings) {
    const layered = highest(setting, { file, sources, problems });
    if (layered !== undefined) given.set(setting.key, layered);
  }
  if (problems.length > 0) throw configInvalid(problems);

  const profile = profileOf(given.get("profile")?.value);
  const effective = new Map(
    settings.map((setting) => [setting.key, given.get(setting.key) ?? fallback(setting, profile)]),
  );
  const config = configSchema.parse(treeOf(effective));
  const conflicts = [
    ...conflictsOf(config, (key) => effective.get(key)?.origin ?? "default"),
    ...(isPrivacyForced(sources.env) && config.reach.pskFile === undefined ? [noKey] : []),
  ];
  if (conflicts.length > 0) throw configInvalid(conflicts);
  return {
    config,
    values: settings.map((setting) => viewOf(setting, effective.get(setting.key))),
    warnings: strayVariables(sources.env),
  };
}

const FORCE_PRIVACY = "GRIDMESH_FORCE_PNET";
const noKey: ConfigProblem = {
  where: `env ${FORCE_PRIVACY}`,
  key: "reach.pskFile",
  what: "forces a private network, and reach.pskFile is not set",
  fix: 'Set reach.pskFile = "swarm.key", or leave the variable out.',
};

/** Does the environment refuse a start without a private network's key? */
function isPrivacyForced(env: ConfigSources["env"]): boolean {
  return env[FORCE_PRIVACY] === "1";
}

/** The value of the highest layer that sets it: flag, environment, file. */
function highest(
  setting: Setting,
  layers: { file: ConfigFile; sources: Omit<ConfigSources, "home">; problems: ConfigProblem[] },
): Layered | undefined {
  const { file, sources, problems } = layers;
  const flag = sources.flags[setting.key];
  if (flag !== undefined) return fromText(setting, { where: `flag ${setting.flag}`, text: flag }, problems);
  const variable = setting.env === undefined ? undefined : sources.env[setting.env];
  if (variable !== undefined)
    return fromText(setting, { where: `env ${setting.env}`, text: variable }, problems);
  const value = valueAt(file.tree, setting.path);
  if (value === undefined) return undefined;
  return { value: value as JsonValue, origin: whereInFile(file.places, setting.path) };
}

function fromText(
  setting: Setting,
  source: { readonly where: string; readonly text: string },
  problems: ConfigProblem[],
): Layered {
  const value = valueOfText(setting, source.text);
  const problem = problemOfValue(setting, value, source);
  if (problem !== undefined) problems.push(problem);
  return { value, origin: source.where };
}

function profileOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "lan";
}

function fallback(setting: Setting, profile: string): Layered {
  const own = profileDefaults[profile]?.[setting.key];
  return own === undefined
    ? { value: setting.fallback, origin: "default" }
    : { value: own, origin: `profile ${profile}` };
}

function treeOf(effective: ReadonlyMap<string, Layered>): unknown {
  const tree: Record<string, unknown> = {};
  for (const setting of settings) {
    const value = effective.get(setting.key)?.value;
    if (value === undefined) continue;
    let table = tree;
    for (const part of setting.path.slice(0, -1)) table = (table[part] ??= {}) as Record<string, unknown>;
    table[setting.path.at(-1) ?? ""] = value;
  }
  return tree;
}

function viewOf(setting: Setting, layered: Layered | undefined): ConfigValueView {
  return {
    key: setting.key,
    value: layered?.value ?? null,
    origin: layered?.origin ?? "default",
    needsRestart: true,
  };
}

/** Variables read elsewhere in the program. */
const OTHER_VARIABLES = [FORCE_PRIVACY, "GRIDMESH_HOME", "GRIDMESH_PRESET", "GRIDMESH_SOURCES"];

const MAX_SLIPS = 2;

/** Told, not refused: container platforms put variables of this prefix there for a service of our name. */
function strayVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = [...settings.map((setting) => setting.env), ...OTHER_VARIABLES].filter(
    (name) => name !== undefined,
  );
  return Object.keys(env)
    .filter((name) => name.startsWith("GRIDMESH_") && !known.includes(name))
    .flatMap((name) => {
      const near = nearest(name, known, MAX_SLIPS);
      return near === undefined ? [] : [`${name} is no setting. Did you mean ${near}?`];
    });
}

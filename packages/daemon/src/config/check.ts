/** Tells what is wrong with a tree of settings in words an operator can act on. */

import type { JsonValue } from "@gridmesh/protocol";
import type { z } from "zod";
import { agentKeys } from "./agent-schema.ts";
import { nearest } from "../nearest.ts";
import type { KeyPath } from "./locate.ts";
import type { ConfigProblem } from "./problem.ts";
import { type ConfigFile, nameOf, whereInFile } from "./read-file.ts";
import { configSchema, type Setting, settings } from "./schema.ts";

type Issue = z.core.$ZodIssue;

/** Everything wrong with the file by itself: unknown keys, wrong types, names given twice. */
export function problemsOfFile(file: ConfigFile): ConfigProblem[] {
  const issues = configSchema.safeParse(file.tree).error?.issues ?? [];
  // A mistyped key comes first: what seems missing is often what it meant.
  const unknown = issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" ? unknownKeys(issue, file) : [],
  );
  const wrong = issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" ? [] : [wrongValue(issue, file)],
  );
  return [...unknown, ...wrong, ...namesGivenTwice(file)];
}

/** What is wrong with one value from a flag or environment variable; undefined when nothing is. */
export function problemOfValue(
  setting: Setting,
  value: JsonValue | undefined,
  source: { readonly where: string; readonly text: string },
): ConfigProblem | undefined {
  const result = value === undefined ? undefined : setting.schema.safeParse(value);
  if (result?.success) return undefined;
  const reason = result?.error?.issues[0]?.message;
  return {
    where: source.where,
    key: setting.key,
    what: `${setting.key} cannot be "${source.text}"${reason === undefined ? "" : `: ${lowered(reason)}`}`,
    fix: `It takes ${setting.type}.`,
  };
}

function unknownKeys(issue: Issue & { code: "unrecognized_keys" }, file: ConfigFile): ConfigProblem[] {
  const path = issue.path as KeyPath;
  return issue.keys.map((key) => {
    const table = nameOf(path).replace(/\[\d+\]/g, "");
    const inTable = path.length === 0 ? "" : ` in [${table}]`;
    const suggestion = suggestionFor(key, path);
    return {
      where: whereInFile(file.places, [...path, key]),
      key: nameOf([...path, key]),
      what: `unknown key "${key}"${inTable}`,
      fix: suggestion ?? "gridmesh config show lists every key.",
    };
  });
}

function suggestionFor(key: string, path: KeyPath): string | undefined {
  const siblings =
    path[0] === "agents"
      ? agentKeys
      : settings
          .filter((setting) => path.every((part, index) => setting.path[index] === part))
          .map((setting) => setting.path[path.length] ?? "");
  const near = nearest(key, new Set(siblings));
  if (near !== undefined) return `Did you mean "${near}"?`;
  const elsewhere = settings.find((setting) => setting.path.at(-1) === key)?.key;
  return elsewhere === undefined ? undefined : `Did you mean "${elsewhere}"?`;
}

function wrongValue(issue: Issue, file: ConfigFile): ConfigProblem {
  const path = issue.path as KeyPath;
  const setting = settings.find((candidate) => candidate.path.every((part, index) => path[index] === part));
  const missing = issue.code === "invalid_type" && valueAt(file.tree, path) === undefined;
  return {
    where: whereInFile(file.places, path),
    key: nameOf(path),
    what: missing ? `${nameOf(path)} is missing` : `${nameOf(path)}: ${lowered(issue.message)}`,
    fix: fixFor(issue, setting, valueAt(file.tree, path)),
  };
}

function fixFor(issue: Issue, setting: Setting | undefined, found: unknown): string {
  if (issue.code === "invalid_value" && typeof found === "string") {
    const near = nearest(found, issue.values.map(String));
    if (near !== undefined) return `Did you mean "${near}"?`;
  }
  if (setting === undefined || setting.key === "agents") {
    return "An agent has name, access and one of module (with factory, options), command (args, cwd, env), url, card.";
  }
  return `${setting.key} takes ${setting.type}.`;
}

function namesGivenTwice(file: ConfigFile): ConfigProblem[] {
  const agents = file.tree["agents"];
  if (!Array.isArray(agents)) return [];
  const first = new Map<unknown, number>();
  return agents.flatMap((agent: unknown, index): ConfigProblem[] => {
    const name = valueAt(agent, ["name"]);
    if (typeof name !== "string") return [];
    const earlier = first.get(name);
    if (earlier === undefined) {
      first.set(name, index);
      return [];
    }
    return [
      {
        where: whereInFile(file.places, ["agents", index, "name"]),
        key: `agents[${index}].name`,
        what: `agent name "${name}" is already given at ${whereInFile(file.places, ["agents", earlier, "name"])}`,
        fix: "Give each agent of a node its own name.",
      },
    ];
  });
}

/** The member of a tree at a path, or undefined. */
export function valueAt(tree: unknown, path: KeyPath): unknown {
  let here = tree;
  for (const part of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, part)) return undefined;
    here = (here as Record<string | number, unknown>)[part];
  }
  return here;
}

function lowered(text: string): string {
  return text
    .replace(/^Invalid (?:input|option|string|key in record): /, "")
    .replace(/^[A-Z]/, (letter) => letter.toLowerCase());
}

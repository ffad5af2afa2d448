/** config.toml as a plain tree, with every oddity of TOML that JSON lacks refused where it stands. */

import { readFileSync } from "node:fs";
import type { JsonValue } from "@gridmesh/protocol";
import { parse, TomlError } from "smol-toml";
import { type KeyPath, locate, type Places } from "./locate.ts";
import { configInvalid, type ConfigProblem } from "./problem.ts";

export const CONFIG_FILE = "config.toml";

export interface ConfigFile {
  readonly text: string;
  readonly tree: Readonly<Record<string, JsonValue>>;
  readonly places: Places;
}

/** @throws CONFIG_INVALID; a missing file reads as an empty one. */
export function readConfigFile(path: string): ConfigFile {
  return parseConfig(textOf(path));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw configInvalid([
      {
        where: CONFIG_FILE,
        what: `cannot be read: ${(error as Error).message}`,
        fix: "Check its owner and mode.",
      },
    ]);
  }
}

/** @throws CONFIG_INVALID with line and column. */
export function parseConfig(text: string): ConfigFile {
  const parsed = parsedToml(text);
  const places = locate(text);
  const problems: ConfigProblem[] = [];
  const tree = plain(parsed, [], { places, problems });
  if (problems.length > 0) throw configInvalid(problems);
  return { text, tree: tree as Readonly<Record<string, JsonValue>>, places };
}

function parsedToml(text: string): unknown {
  try {
    return parse(text, { integersAsBigInt: true, unsafeKeyBehaviour: "throw" });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [what = "is no TOML"] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
    throw configInvalid([
      {
        where: `${CONFIG_FILE}:${error.line}:${error.column}`,
        what: what.trim(),
        fix: 'Values are true, false, integers, "text" or ["lists"]; each key once.',
      },
    ]);
  }
}

interface Walk {
  readonly places: Places;
  readonly problems: ConfigProblem[];
}

function plain(value: unknown, path: KeyPath, walk: Walk): JsonValue {
  if (typeof value === "bigint") return integer(value, path, walk);
  if (typeof value === "number") {
    return refuse(path, walk, {
      what: `${nameOf(path)} = ${value} is a number with a fraction`,
      fix: "Write an integer in the smallest unit the key names.",
    });
  }
  if (Array.isArray(value)) return value.map((member, index) => plain(member, [...path, index], walk));
  if (value instanceof Date || Object.prototype.toString.call(value).startsWith("[object Temporal")) {
    return refuse(path, walk, {
      what: `${nameOf(path)} is a date`,
      fix: "Write milliseconds since 1970 as an integer, or the date as text in quotes.",
    });
  }
  if (typeof value !== "object" || value === null) return value as string | boolean;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, plain(member, [...path, key], walk)]),
  );
}

function integer(value: bigint, path: KeyPath, walk: Walk): JsonValue {
  if (Number.isSafeInteger(Number(value))) return Number(value);
  return refuse(path, walk, {
    what: `${nameOf(path)} = ${value} is beyond 2^53`,
    fix: "Write a smaller integer.",
  });
}

function refuse(path: KeyPath, walk: Walk, problem: { what: string; fix: string }): null {
  walk.problems.push({ where: whereInFile(walk.places, path), key: nameOf(path), ...problem });
  return null;
}

export function whereInFile(places: Places, path: KeyPath): string {
  const place = places.of(path);
  return place === undefined ? CONFIG_FILE : `${CONFIG_FILE}:${place.line}:${place.column}`;
}

/** `agents[0].name`. */
export function nameOf(path: KeyPath): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join("");
}

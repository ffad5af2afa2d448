import type { JsonValue } from "@gridmesh/protocol";
import type { Setting } from "./schema.ts";

/** A setting's value from the text of a flag or environment variable; undefined when the text has no such form. */
export function valueOfText(setting: Setting, text: string): JsonValue | undefined {
  switch (setting.kind) {
    case "boolean":
      return text === "true" ? true : text === "false" ? false : undefined;
    case "integer":
      return /^-?\d{1,16}$/.test(text) ? Number(text) : undefined;
    case "list":
      return listOf(text);
    case "levels":
      return pairsOf(text);
    case "agents":
      return undefined;
    default:
      return text;
  }
}

function listOf(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function pairsOf(text: string): JsonValue | undefined {
  const pairs = listOf(text).map((part) => part.split("="));
  if (pairs.some((pair) => pair.length !== 2)) return undefined;
  return Object.fromEntries(pairs.map(([name = "", value = ""]) => [name, value]));
}

/** How a value is written in TOML on one line. */
export function tomlOf(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map((member) => tomlOf(member)).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    if (Object.keys(value).length === 0) return "{}";
    return `{ ${Object.entries(value)
      .map(([key, member]) => `${keyOf(key)} = ${tomlOf(member)}`)
      .join(", ")} }`;
  }
  return JSON.stringify(value);
}

function keyOf(key: string): string {
  return /^[\w-]+$/.test(key) ? key : JSON.stringify(key);
}

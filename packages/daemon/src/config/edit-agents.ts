/** Adds a guest to a config file and takes one out of it; every other byte stays. */

import { isDeepStrictEqual } from "node:util";
import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import { ProtocolError } from "@gridmesh/protocol";
import { agentKeys } from "./agent-schema.ts";
import type { AgentConfig } from "./agent-schema.ts";
import { parseConfig } from "./read-file.ts";
import { tomlOf } from "./text.ts";

/** The text with one more `[[agents]]` at its end. */
export function withAgent(text: string, agent: AgentConfig): string {
  const rows = agentKeys.flatMap((key): string[] => {
    const value = agent[key as keyof AgentConfig] as JsonValue | undefined;
    return value === undefined || isEmpty(value) ? [] : [`${key} = ${tomlOf(value)}`];
  });
  const begin = text === "" ? "" : text.endsWith("\n") ? `${text}\n` : `${text}\n\n`;
  return `${begin}[[agents]]\n${rows.join("\n")}\n`;
}

/** The text without the agent, or undefined when it names none such. @throws CONFIG_INVALID where it stands in a list on one line. */
export function withoutAgent(text: string, name: string): string | undefined {
  const { tree, places } = parseConfig(text);
  const rows = agentsIn(tree);
  const at = rows.findIndex((row) => row["name"] === name);
  if (at === -1) return undefined;
  const span = places.table(["agents", at]);
  const shorter = span === undefined ? text : cut(text, span);
  // What is left must be exactly the others, or the file is written in a way this does not understand.
  const { tree: left } = parseConfig(shorter);
  if (!isDeepStrictEqual(agentsIn(left), rows.toSpliced(at, 1))) {
    throw new ProtocolError(
      "CONFIG_INVALID",
      `agent ${name} stands in config.toml in a form that only you can edit`,
    );
  }
  return shorter;
}

function agentsIn(tree: Readonly<Record<string, JsonValue>>): readonly JsonObject[] {
  const rows = tree["agents"];
  return Array.isArray(rows) ? (rows as readonly JsonObject[]) : [];
}

/** Whole lines, and of the empty lines around one. */
function cut(text: string, { start, end }: { readonly start: number; readonly end: number }): string {
  const lineEnd = text.indexOf("\n", end);
  const before = text.slice(0, start);
  const after = lineEnd === -1 ? "" : text.slice(lineEnd + 1);
  return before.endsWith("\n\n") && (after === "" || after.startsWith("\n"))
    ? before.slice(0, -1) + after
    : before + after;
}

function isEmpty(value: JsonValue): boolean {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
  );
}

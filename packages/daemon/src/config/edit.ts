/** Changes one setting of a config file in place: every other byte, comments included, stays. */

import type { JsonValue } from "@gridmesh/protocol";
import { parseConfig } from "./read-file.ts";
import type { Setting } from "./schema.ts";
import { tomlOf } from "./text.ts";

/** The new text of the file. */
export function withSetting(text: string, setting: Setting, value: JsonValue): string {
  const { places } = parseConfig(text);
  const written = tomlOf(value);
  const own = places.exact(setting.path)?.value;
  if (own !== undefined) return text.slice(0, own.start) + written + text.slice(own.end);

  const name = setting.path.at(-1) ?? "";
  const table = setting.path.slice(0, -1);
  const line = `${name} = ${written}\n`;
  if (table.length === 0) return atTop(text, line);
  const header = places.exact(table);
  if (header === undefined || header.value !== undefined) {
    return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}\n[${table.join(".")}]\n${line}`;
  }
  return afterLine(text, header.line, line);
}

/** Top-level keys stand before the first table. */
function atTop(text: string, line: string): string {
  const lines = text.split("\n");
  const first = lines.findIndex((candidate) => candidate.trimStart().startsWith("["));
  if (first === -1) return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${line}`;
  return [...lines.slice(0, first), line.trimEnd(), ...lines.slice(first)].join("\n");
}

function afterLine(text: string, lineNumber: number, line: string): string {
  const lines = text.split("\n");
  return [...lines.slice(0, lineNumber), line.trimEnd(), ...lines.slice(lineNumber)].join("\n");
}

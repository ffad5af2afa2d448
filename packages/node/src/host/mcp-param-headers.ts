/** Arguments of tools that a caller over HTTP repeats in headers, as the tools' schemas ask for. */

import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import { isObject, objectIn } from "./mcp-words.ts";

/** An argument that is repeated as `Mcp-Param-<name>`. */
interface HeaderMark {
  readonly header: string;
  readonly path: readonly string[];
}

const MARK = "x-mcp-header";
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TYPES: ReadonlySet<JsonValue | undefined> = new Set(["string", "integer", "boolean"]);
/** Tools remembered of one agent. */
const MOST_TOOLS = 4_096;

/** The marks of an agent's tools, as its lists told them. */
export class ToolMarks {
  readonly #marks = new Map<string, readonly HeaderMark[]>();

  knows(tool: string): boolean {
    return this.#marks.has(tool);
  }

  /** Remembers a page of tools; the page without those whose marks are not as they must be, if there are any. */
  hear(result: JsonObject): JsonObject | undefined {
    const { tools } = result;
    if (!Array.isArray(tools)) return undefined;
    const rows = tools as readonly JsonValue[];
    const kept = rows.filter((tool) => this.#take(tool));
    return kept.length === rows.length ? undefined : { ...result, tools: kept };
  }

  /** A tool that no list has told of repeats nothing. */
  forget(tool: string): void {
    this.#marks.set(tool, []);
  }

  /** Header → value, not yet encoded, of a call. */
  headersOf(params: JsonValue | undefined): Readonly<Record<string, string>> {
    const name = isObject(params) ? params["name"] : undefined;
    const marks = typeof name === "string" ? (this.#marks.get(name) ?? []) : [];
    const given = objectIn(params, "arguments");
    return Object.fromEntries(
      marks.flatMap(({ header, path }) => {
        const value = path.reduce<JsonValue | undefined>(
          (inner, key) => (isObject(inner) ? inner[key] : undefined),
          given,
        );
        return value === undefined || value === null || typeof value === "object"
          ? []
          : [[header, String(value)]];
      }),
    );
  }

  #take(tool: JsonValue): boolean {
    if (!isObject(tool) || typeof tool["name"] !== "string") return true;
    const marks = marksIn(tool["inputSchema"]);
    if (this.#marks.size < MOST_TOOLS) this.#marks.set(tool["name"], marks ?? []);
    return marks !== undefined;
  }
}

/** Undefined where a mark is not as it must be. */
function marksIn(schema: JsonValue | undefined): readonly HeaderMark[] | undefined {
  const marks: HeaderMark[] = [];
  if (!collect(schema, [], marks)) return undefined;
  const names = new Set(marks.map(({ header }) => header));
  return names.size === marks.length ? marks : undefined;
}

function collect(schema: JsonValue | undefined, path: readonly string[], marks: HeaderMark[]): boolean {
  if (!isObject(schema)) return true;
  const mark = schema[MARK];
  if (mark !== undefined) {
    const fits = typeof mark === "string" && TOKEN.test(mark) && TYPES.has(schema["type"]);
    if (!fits || path.length === 0) return false;
    marks.push({ header: `mcp-param-${mark.toLowerCase()}`, path });
  }
  return Object.entries(objectIn(schema, "properties")).every(([key, inner]) =>
    collect(inner, [...path, key], marks),
  );
}

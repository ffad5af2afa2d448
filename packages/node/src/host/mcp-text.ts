/** Other people's messages with a few members set or taken away; what is not meant stays as it was written. */

import { editMembers, memberSpans, spanAt } from "@gridmesh/protocol";
import { isReservedMeta } from "./mcp-words.ts";

/** The text of the value a path leads to. */
export function textAt(text: string, path: readonly string[]): string | undefined {
  const span = spanAt(text, path);
  return span === undefined ? undefined : text.slice(span.start, span.end);
}

/** An object's text with members set to JSON texts; undefined takes a member away. */
export function withMembers(text: string, members: Readonly<Record<string, string | undefined>>): string {
  const spans = memberSpans(text);
  const old = Object.entries(members).filter(([name]) => spans.has(name));
  const edited = editMembers(
    text,
    old.map(([name, fresh]) => ({ path: [name], text: fresh })),
  );
  const fresh = Object.entries(members).flatMap(([name, value]) =>
    value === undefined || spans.has(name) ? [] : [`${JSON.stringify(name)}:${value}`],
  );
  if (fresh.length === 0) return edited;
  const brace = edited.indexOf("{") + 1;
  const comma = memberSpans(edited).size === 0 ? "" : ",";
  return `${edited.slice(0, brace)}${fresh.join(",")}${comma}${edited.slice(brace)}`;
}

/** Params or a result without MCP's own keys in its `_meta`. */
export function withoutReserved(text: string): string {
  const meta = textAt(text, ["_meta"]);
  if (meta === undefined) return text;
  const names = [...memberSpans(meta).keys()];
  const reserved = names.filter(isReservedMeta);
  if (reserved.length === 0) return text;
  if (reserved.length === names.length) return withMembers(text, { _meta: undefined });
  const cleared = withMembers(meta, Object.fromEntries(reserved.map((name) => [name, undefined])));
  return withMembers(text, { _meta: cleared });
}

/** Params or a result with more keys in its `_meta`. */
export function withMeta(text: string, keys: Readonly<Record<string, string | undefined>>): string {
  return withMembers(text, { _meta: withMembers(textAt(text, ["_meta"]) ?? "{}", keys) });
}

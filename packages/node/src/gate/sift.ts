/** Lists as one caller may see them. */

import type { JsonObject, JsonValue } from "@gridmesh/protocol";

/** Which list a method answers with, what asks for one of its items, and what names it. */
const LISTS: ReadonlyMap<string, { readonly list: string; readonly method: string; readonly name: string }> =
  new Map([
    ["tools/list", { list: "tools", method: "tools/call", name: "name" }],
    ["prompts/list", { list: "prompts", method: "prompts/get", name: "name" }],
    ["resources/list", { list: "resources", method: "resources/read", name: "uri" }],
    [
      "resources/templates/list",
      { list: "resourceTemplates", method: "resources/read", name: "uriTemplate" },
    ],
  ]);

/** Does a method answer with a list of what else may be asked for? */
export function isList(method: string): boolean {
  return LISTS.has(method);
}

/** The result of a list method without the items that may not be asked for. */
export function sifted(
  method: string,
  result: JsonValue,
  allows: (asked: { readonly method: string; readonly item: string | undefined }) => boolean,
): JsonValue {
  const known = LISTS.get(method);
  const items = known === undefined || !isObject(result) ? undefined : result[known.list];
  if (known === undefined || !isObject(result) || !Array.isArray(items)) return result;
  const kept = items.filter((item: JsonValue) => {
    const name = isObject(item) ? item[known.name] : undefined;
    return allows({ method: known.method, item: typeof name === "string" ? name : undefined });
  });
  return { ...result, [known.list]: kept };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

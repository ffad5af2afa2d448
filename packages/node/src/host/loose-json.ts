/** Readers of other people's JSON: what is not of the shape that is asked for counts as empty. */

import type { JsonObject, JsonValue } from "@gridmesh/protocol";

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function asObject(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}

export function asList(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

export function asText(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

/** The texts of the parts of a message or an artifact. */
export function textsIn(parts: JsonValue | undefined): string[] {
  return asList(parts).flatMap((part) => {
    const { text } = asObject(part);
    return typeof text === "string" ? [text] : [];
  });
}

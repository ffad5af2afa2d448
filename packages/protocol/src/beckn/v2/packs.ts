/** Reading the attribute packs of revision 2: what one is, its @type says. */

import type * as z from "zod";
import type { JsonValue } from "../../json.ts";
import { schemaError } from "../reading.ts";
import type { V2Pack } from "./schema.ts";

/** The members of a pack of this type; undefined for another or none. @throws SCHEMA_INVALID when it breaks its own form. */
export function readPack<T>(
  schema: z.ZodType<T>,
  attributes: V2Pack | undefined,
  type: string,
): T | undefined {
  return attributes?.["@type"] === type ? parse(schema, attributes as JsonValue, type) : undefined;
}

/** @throws SCHEMA_INVALID naming the place. */
export function parse<T>(schema: z.ZodType<T>, value: JsonValue, where = ""): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const place = [where, ...(issue?.path ?? [])].filter((part) => part !== "").join(".");
  const absent = issue?.code === "invalid_type" && issue.message.endsWith("received undefined");
  throw schemaError(
    `${place}: ${issue?.message ?? "refused"}`,
    absent ? "SCH_REQUIRED_FIELD_MISSING" : undefined,
  );
}

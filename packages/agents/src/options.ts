/** Options of a factory: integers in the unit of their name; an unknown one is refused with the nearest known. */

import { ProtocolError } from "@gridmesh/protocol";
import type { z } from "zod";

/**
 * The options a factory understands, with defaults filled in.
 * @throws CONFIG_INVALID naming the factory, the option and the nearest known name.
 */
export function parseOptions<Shape extends z.ZodRawShape>(
  factory: string,
  schema: z.ZodObject<Shape>,
  raw: unknown,
): z.output<z.ZodObject<Shape>> {
  const parsed = schema.safeParse(raw ?? {});
  if (parsed.success) return parsed.data;
  const names = Object.keys(schema.shape);
  const what = parsed.error.issues.map((issue) => describe(issue, names)).join("; ");
  throw new ProtocolError("CONFIG_INVALID", `${factory}: ${what}`);
}

function describe(issue: z.core.$ZodIssue, names: readonly string[]): string {
  if (issue.code === "unrecognized_keys") {
    return issue.keys
      .map((key) => `unknown option "${key}". Did you mean "${nearestName(key, names)}"?`)
      .join("; ");
  }
  return `option "${issue.path.join(".")}": ${issue.message}`;
}

/** The name with the fewest edits to `wanted`; the first of equals. */
function nearestName(wanted: string, names: readonly string[]): string {
  let best = "";
  let least = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const edits = editsBetween(wanted.toLowerCase(), name.toLowerCase());
    if (edits < least) [best, least] = [name, edits];
  }
  return best;
}

function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

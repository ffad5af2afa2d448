/** docs/LIMITS.md and the limits of a node say the same, both ways. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { nodeLimits } from "../src/limits.ts";

test("the section Node of docs/LIMITS.md and the limits of a node are the same", () => {
  const page = readFileSync(new URL("../../../docs/LIMITS.md", import.meta.url), "utf8");
  const section = page.split(/^## /m).find((part) => part.startsWith("Node\n")) ?? "";
  const rows = section
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").slice(1, -1));
  const documented = rows.map(([name = "", value = ""]) => [
    name.trim().replaceAll("`", ""),
    Number(value.trim().replaceAll(",", "")),
  ]);
  assert.deepEqual(documented, Object.entries(nodeLimits));
  for (const [name, , reason = ""] of rows) assert.ok(reason.trim().length > 0, `${name} has no reason`);
});

/** The tables and their pages say the same, both ways. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { errorTable, limits } from "@gridmesh/protocol";

/** Rows of the tables of a page, or of one of its sections, whose first cell is a `name`. */
function rowsOf(page: string, section = ""): string[][] {
  const text = readFileSync(new URL(`../../../docs/${page}`, import.meta.url), "utf8");
  const part = section === "" ? text : (text.split(/^## /m).find((it) => it.startsWith(section)) ?? "");
  return part
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

test("docs/ERRORS.md and the table of errors are the same", () => {
  const documented = rowsOf("ERRORS.md").map((cells) => cells.join(" | "));
  const expected = Object.values(errorTable).map((entry) =>
    [
      `\`${entry.code}\`${entry.executed ? " †" : ""}`,
      entry.number,
      entry.blame,
      entry.retryable ? "yes" : "no",
      entry.verdict,
      entry.action,
      entry.meaning,
    ].join(" | "),
  );
  assert.deepEqual(documented, expected);
});

test("docs/LIMITS.md and the limits of the protocol are the same", () => {
  const rows = rowsOf("LIMITS.md", "Protocol\n");
  const documented = rows.map(([name = "", value = ""]) => [
    name.replaceAll("`", ""),
    Number(value.replaceAll(",", "")),
  ]);
  assert.deepEqual(documented, Object.entries(limits));
  for (const [name, , reason] of rows) assert.ok((reason?.length ?? 0) > 0, `${name} has no reason`);
});

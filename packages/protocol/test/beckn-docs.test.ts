/** docs/BECKN-WIRE.md and the tables of Beckn say the same, both ways. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import { becknActions, becknErrors, becknV1, becknV2, isCallback } from "@gridmesh/protocol";
import { DATA } from "./beckn-documents.ts";

const page = readFileSync(new URL("../../../docs/BECKN-WIRE.md", import.meta.url), "utf8");

function rowsOf(section: string): readonly (readonly string[])[] {
  const part = page.split(/^## /m).find((text) => text.startsWith(`${section}\n`)) ?? "";
  return part
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll("`", "")),
    );
}

test("the page lists every action, its paths and how long it lives", () => {
  const documented = rowsOf("Actions").map((cells) => cells.slice(0, 4));
  const spoken = [...becknActions.values()]
    .filter(({ action }) => !isCallback(action))
    .map(({ action, ttlMs }) => [
      action,
      becknV1.actions.pathOf(action) ?? "–",
      becknV2.actions.pathOf(action) ?? "–",
      `${ttlMs / 1_000} s`,
    ]);
  assert.deepEqual(documented, spoken);
});

test("the page lists every error with its number, status and codes", () => {
  const told = [...becknErrors.values()].map(({ name, v1, status, codes }) => [
    name,
    v1,
    String(status ?? "callback"),
    codes.join(", "),
  ]);
  assert.deepEqual(rowsOf("Errors"), told);
});

const NAMES = new URL("core-schemas-v2/ErrorCode/v2.0/attributes.yaml", DATA);

test(
  "every error name is one of Beckn's own list",
  { skip: existsSync(NAMES) ? false : "Beckn's list of errors is not on this machine" },
  () => {
    const { components } = parse(readFileSync(NAMES, "utf8")) as {
      components: { schemas: { ErrorCode: { enum: readonly string[] } } };
    };
    const official = new Set(components.schemas.ErrorCode.enum);
    const ours = [...becknErrors.keys()].filter((name) => !official.has(name));
    assert.deepEqual(ours, []);
  },
);

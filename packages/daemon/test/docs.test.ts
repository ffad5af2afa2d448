import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { findingTable, type MetricEntry, metricTable } from "@gridmesh/node";
import type { Command } from "commander";
import { commandLine } from "../src/cli/index.ts";
import { verbs } from "../src/cli/verbs/index.ts";
import { profileDefaults } from "../src/config/profiles.ts";
import { settings } from "../src/config/schema.ts";
import { processMetricNames } from "../src/metrics/process-metrics.ts";
import { tomlOf } from "../src/config/text.ts";
import { memoryIo } from "./memory-io.ts";

const page = (name: string) => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), "utf8");

/** Cells of the rows of the table under a heading row. */
function rowsUnder(text: string, heading: string): string[][] {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line.replaceAll(/ +/g, " ").startsWith(heading));
  assert.notEqual(start, -1, `no table ${heading}`);
  const rows: string[][] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith("|")) break;
    rows.push(
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  }
  return rows;
}

function written(setting: (typeof settings)[number]): string {
  if (setting.byProfile) return "by profile";
  if (setting.key === "status.listen") return "off";
  const value = setting.fallback;
  if (value === undefined || (typeof value === "object" && Object.keys(value ?? {}).length === 0))
    return "none";
  return `\`${typeof value === "string" ? value : tomlOf(value)}\``;
}

test("docs/CONFIG.md has a row for every setting, with its type, default and meaning, and no other", () => {
  assert.deepEqual(
    rowsUnder(page("CONFIG.md"), "| Key | Type |"),
    settings.map((setting) => [`\`${setting.key}\``, setting.type, written(setting), escaped(setting.note)]),
  );
});

test("docs/CONFIG.md tells what each profile changes", () => {
  const rows = rowsUnder(page("CONFIG.md"), "| Key | lan |");
  const names = ["lan", "testnet", "public", "private"];
  assert.deepEqual(Object.keys(profileDefaults).toSorted(), names.toSorted());
  const keys = Object.keys(profileDefaults["lan"] ?? {});
  assert.deepEqual(
    rows,
    keys.map((key) => [
      `\`${key}\``,
      ...names.map((name) => {
        const value = profileDefaults[name]?.[key];
        return Array.isArray(value)
          ? value.map((member) => `\`${String(member)}\``).join(", ")
          : typeof value === "string"
            ? value || "off"
            : JSON.stringify(value);
      }),
    ]),
  );
});

const escaped = (text: string) => text.replaceAll("<", "&lt;").replaceAll(">", "&gt;");

test("docs/HEALTH.md has a row for every finding, with its severity and what ends it, and no other", () => {
  const rows = rowsUnder(page("HEALTH.md"), "| Code | Severity |");
  assert.deepEqual(
    rows.map(([code, severity, , fix]) => [code, severity, fix]),
    Object.entries(findingTable).map(([code, entry]) => [`\`${code}\``, entry.severity, escaped(entry.fix)]),
  );
  for (const [code, , when = ""] of rows) assert.ok(when.length > 10 && when !== "undefined", code);
});

test("docs/HEALTH.md has a section of its runbook for every finding, and for no other", () => {
  const told = [...page("HEALTH.md").matchAll(/^### (.+)$/gm)].flatMap(([, codes = ""]) => codes.split(", "));
  assert.deepEqual(told.toSorted(), Object.keys(findingTable).toSorted());
});

test("docs/METRICS.md has a row for every metric, with kind, unit, labels and meaning, and no other", () => {
  const entries: readonly (readonly [string, MetricEntry])[] = Object.entries(metricTable);
  assert.deepEqual(
    rowsUnder(page("METRICS.md"), "| Name | Kind |"),
    entries.map(([name, { kind, unit, labels = {}, help }]) => {
      const listed = Object.entries(labels).map(([label, values]) => {
        if (label === "code")
          return [
            label,
            name === "errors_total" ? "codes of [ERRORS.md](ERRORS.md)" : "codes of [HEALTH.md](HEALTH.md)",
          ];
        return [label, values.length === 0 ? "free" : values.join(", ")];
      });
      const told = listed.map(([label, values]) => `\`${label}\`: ${values}`).join("; ");
      return [`\`gridmesh_${name}\``, kind, unit, told === "" ? "–" : told, help];
    }),
  );
});

test("docs/METRICS.md names the metrics of the process that are shown, and no other", () => {
  const [, section = ""] = page("METRICS.md").split("## Of the process");
  const named = [...section.matchAll(/`((?:process|nodejs)_\w+)`/g)].map(([, name]) => name);
  assert.deepEqual(named, processMetricNames);
});

interface Known {
  readonly name: string;
  readonly flags: readonly string[];
}

function leaves(command: Command, path: readonly string[]): Known[] {
  const here = [...path, command.name()];
  if (command.commands.length > 0) return command.commands.flatMap((sub) => leaves(sub, here));
  const config = new Set(command.name() === "start" ? settings.map((setting) => setting.flag) : []);
  const flags = command.options.map((option) => option.long ?? "").filter((flag) => !config.has(flag));
  return [{ name: here.join(" "), flags }];
}

test("docs/CLI.md has a row for every verb with its flags, and no other", async () => {
  const program = await commandLine(memoryIo());
  const known = program.commands.flatMap((command) => leaves(command, []));
  const documented = rowsUnder(page("CLI.md"), "| Verb |").map(([cell = ""]): Known => {
    const text = cell.replaceAll("`", "");
    const words = text.split(" ");
    const end = words.findIndex((word) => !/^[a-z]+$/.test(word));
    return {
      name: (end === -1 ? words : words.slice(0, end)).join(" "),
      flags: [...text.matchAll(/--[a-z-]+/g)].map(([flag]) => flag),
    };
  });
  const sorted = (list: readonly Known[]) => list.toSorted((a, b) => a.name.localeCompare(b.name));
  assert.deepEqual(sorted(documented), sorted(known));
});

test("every setting but the tables is a flag of start", async () => {
  const program = await commandLine(memoryIo(), { only: "start" });
  const start = program.commands.find((command) => command.name() === "start");
  const flags = new Set(start?.options.map((option) => option.long));
  for (const { flag } of settings) assert.ok(flag === undefined || flags.has(flag), flag);
});

test("every verb has a one-line summary and says where to go next in its help", async () => {
  for (const [name, entry] of Object.entries(verbs)) {
    assert.ok(entry.summary.length > 0 && entry.summary.length <= 60, name);
  }
});

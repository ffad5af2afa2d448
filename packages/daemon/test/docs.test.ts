import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Command } from "commander";
import { commandLine } from "../src/cli/index.ts";
import { verbs } from "../src/cli/verbs/index.ts";
import { profileDefaults } from "../src/config/profiles.ts";
import { settings } from "../src/config/schema.ts";
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
    settings.map((setting) => [
      `\`${setting.key}\``,
      setting.type,
      written(setting),
      setting.note.replaceAll("<", "&lt;").replaceAll(">", "&gt;"),
    ]),
  );
});

test("docs/CONFIG.md tells what each profile changes", () => {
  const rows = rowsUnder(page("CONFIG.md"), "| Key | lan |");
  const names = ["lan", "testnet", "public"];
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
            ? value
            : JSON.stringify(value);
      }),
    ]),
  );
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

/** The tables and their pages say the same, both ways. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  errorTable,
  limits,
  messageSchemas,
  priorities,
  priorityOf,
  shippedExtensions,
} from "@gridmesh/protocol";

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

/** Sections of docs/PROTOCOL.md that hold messages. */
const MESSAGE_SECTIONS = ["Control", "Trade", "Market", "Tasks", "Data", "Extensions"];
const EXAMPLE = "ext:federated_learning_update";

const documentedMessages = MESSAGE_SECTIONS.flatMap((section) => rowsOf("PROTOCOL.md", `${section}\n`)).map(
  ([type = "", ...cells]) => [type.replaceAll("`", ""), ...cells] as const,
);

test("docs/PROTOCOL.md and the messages that are spoken are the same, in version and signer's field too", () => {
  const spoken = [...messageSchemas].map(([type, { first, signerField }]) => [
    type,
    first === undefined ? "1.1" : "1.0",
    signerField,
  ]);
  const extensions = [...Object.values(shippedExtensions).map(({ name }) => name), EXAMPLE];
  const expected = [...spoken, ...extensions.map((name) => [name, "1.0", "agent_id"])];
  const documented = documentedMessages.map(([type, version, from = ""]) => [
    type,
    version,
    /\((\w+)\)/.exec(from)?.[1],
  ]);
  const inOrder = (rows: readonly (readonly unknown[])[]) => rows.map((row) => row.join(" ")).toSorted();
  assert.deepEqual(inOrder(documented), inOrder(expected));
});

test("docs/PROTOCOL.md says of every message to whom it goes, who verifies it and what answers", () => {
  for (const cells of documentedMessages) {
    assert.equal(cells.length, 6, cells[0]);
    assert.ok(
      cells.every((cell) => cell !== ""),
      cells[0],
    );
  }
});

test("every answer that docs/PROTOCOL.md names is a message or a code", () => {
  for (const [type, , , , , answers = ""] of documentedMessages) {
    for (const [, name = ""] of answers.matchAll(/`([^`]+)`/g)) {
      assert.ok(
        messageSchemas.has(name) || name.startsWith("ext:") || name === "after_seq",
        `${type}: ${name}`,
      );
    }
    for (const [code] of answers.matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)) assert.ok(code in errorTable, code);
  }
});

test("docs/PROTOCOL.md names the class of every message", () => {
  const text = readFileSync(new URL("../../../docs/PROTOCOL.md", import.meta.url), "utf8");
  const section = text.split(/^## /m).find((it) => it.startsWith("Priorities\n")) ?? "";
  for (const type of messageSchemas.keys()) {
    const named = priorities.filter((name) =>
      new RegExp(`\\*\\*${name}\\*\\*:[^.]*\\b${type}\\b`).test(section),
    );
    const expected = priorityOf(type, { isAllowListed: false });
    assert.deepEqual(named, expected === "normal" ? [] : [expected], type);
  }
});

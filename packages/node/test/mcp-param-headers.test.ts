import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@gridmesh/protocol";
import { ToolMarks } from "../src/host/mcp-param-headers.ts";

function tool(name: string, properties: JsonObject): JsonObject {
  return { name, inputSchema: { type: "object", properties } };
}

const marked = (mark: unknown, type = "string") => ({ type, "x-mcp-header": mark }) as JsonObject;

test("arguments that a tool's schema marks are repeated in headers, nested ones too; the rest is not", () => {
  const marks = new ToolMarks();
  const inner = { type: "object", properties: { zone: marked("Zone") } };
  const properties = {
    region: marked("Region"),
    count: marked("Count", "integer"),
    loud: marked("Loud", "boolean"),
    place: inner,
    absent: marked("Absent"),
    empty: marked("Empty"),
    query: { type: "string" },
  };
  assert.equal(marks.hear({ tools: [tool("find", properties)] }), undefined);
  const given = { region: "north", count: 7, loud: false, place: { zone: "z1" }, empty: "", absent: null };
  assert.deepEqual(marks.headersOf({ name: "find", arguments: { ...given, query: "q" } }), {
    "mcp-param-region": "north",
    "mcp-param-count": "7",
    "mcp-param-loud": "false",
    "mcp-param-zone": "z1",
    "mcp-param-empty": "",
  });
  assert.deepEqual(marks.headersOf({ name: "unknown", arguments: given }), {});
});

test("a tool with a mark that may not be is left out, and the others stay", () => {
  const bad: readonly JsonObject[] = [
    { a: marked("") },
    { a: marked("has space") },
    { a: marked("colon:") },
    { a: marked("Ünlaut") },
    { a: marked(7) },
    { a: marked("N", "number") },
    { a: marked("O", "object") },
    { a: marked("Same"), b: marked("same") },
  ];
  const good = tool("good", { a: marked("Fine") });
  const tools = [...bad.map((properties, index) => tool(`bad-${index}`, properties)), good];
  const kept = new ToolMarks().hear({ tools, nextCursor: "2" });
  assert.deepEqual(kept, { tools: [good], nextCursor: "2" });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { admit, type Asked, Refusal } from "../src/gateway/guard.ts";
import { checkHeaders, checkMarks, checkMeta, isModern, marksOf } from "../src/gateway/mcp-headers.ts";
import { readBodyLine, readLine, readMessage, RequestRefusal } from "../src/gateway/mcp-message.ts";
import { shown, shownResult, shownTool } from "../src/gateway/mcp-words.ts";

const NOBODY = { find: () => undefined };
const rules = { port: 4880, proxies: [], allowedOrigins: [], auth: "token" as const, tokens: NOBODY };

/** JSON that is nearly a message. */
const nearly = fc.record(
  {
    jsonrpc: fc.oneof(fc.constant("2.0"), fc.jsonValue()),
    id: fc.oneof(fc.integer(), fc.string(), fc.jsonValue()),
    method: fc.oneof(
      fc.constantFrom("tools/call", "initialize", "resources/read"),
      fc.string(),
      fc.jsonValue(),
    ),
    params: fc.oneof(
      fc.record({ _meta: fc.jsonValue(), name: fc.jsonValue(), arguments: fc.jsonValue() }),
      fc.jsonValue(),
    ),
    result: fc.jsonValue(),
    error: fc.oneof(fc.record({ code: fc.integer(), message: fc.string() }), fc.jsonValue()),
  },
  { requiredKeys: [] },
);

const text = fc.oneof(
  fc.string(),
  nearly.map((value) => JSON.stringify(value)),
  fc.jsonValue().map((value) => JSON.stringify(value)),
);

const refusalOnly = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof Refusal || error instanceof RequestRefusal, String(error));
  }
};

test("any bytes are a message or are refused with a status of 400 and more, never a crash", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        text.map((value) => Buffer.from(value)),
      ),
      (bytes) => {
        refusalOnly(() => readMessage(bytes));
      },
    ),
    { numRuns: 500 },
  );
});

test("a message is read alike from a body and from a line, and keeps its text", () => {
  fc.assert(
    fc.property(text, (line) => {
      fc.pre(!/[\r\n]/.test(line));
      const said = readLine(line);
      if (said === undefined) return;
      assert.equal(said.line, line);
      refusalOnly(() => assert.deepEqual(readBodyLine(line), said));
    }),
    { numRuns: 500 },
  );
});

test("any headers beside any message pass or are refused", () => {
  const names = ["mcp-protocol-version", "mcp-method", "mcp-name", "mcp-param-region"];
  const headers = fc.dictionary(
    fc.constantFrom(...names),
    fc.oneof(fc.string(), fc.constantFrom("2026-07-28", "=?base64?YQ==?=", "=?base64?!?=")),
  );
  fc.assert(
    fc.property(text, headers, fc.jsonValue(), (line, given, schema) => {
      const said = readLine(line);
      if (said?.kind !== "request") return;
      refusalOnly(() => {
        isModern(said, given);
        checkMarks(marksOf(schema as never), said.params, given);
        checkHeaders(said, checkMeta(said), given);
      });
    }),
    { numRuns: 500 },
  );
});

test("any head of a request is admitted or refused with a status, and without a token never admitted", () => {
  const head = fc.record({
    method: fc.constantFrom("GET", "POST", "PUT", "OPTIONS", "x"),
    url: fc.oneof(fc.webUrl(), fc.webPath(), fc.string(), fc.constant("/mcp/%zz")),
    host: fc.oneof(fc.constantFrom("127.0.0.1:4880", "localhost:4880", "[::1]:4880"), fc.string()),
    headers: fc.dictionary(
      fc.constantFrom("origin", "sec-fetch-site", "authorization", "content-type"),
      fc.string(),
    ),
  });
  fc.assert(
    fc.property(head, ({ method, url, host, headers }) => {
      const asked: Asked = { method, url, headers: { host, ...headers }, rawHeaders: ["Host", host] };
      assert.throws(
        () => admit(asked, rules),
        (error) => error instanceof Refusal && error.status >= 400,
      );
    }),
    { numRuns: 500 },
  );
});

test("whatever an agent says of itself is shown without what cannot be seen, within its bounds", () => {
  const unseen = /(?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029]|[\u{E0100}-\u{E01EF}]/u;
  const odd = fc.oneof(fc.string({ unit: "binary", maxLength: 5_000 }), fc.string());
  fc.assert(
    fc.property(odd, fc.jsonValue(), (words, value) => {
      const told = shown(words);
      assert.ok(told.length <= 2_000 && told.isWellFormed());
      assert.doesNotMatch(told, unseen);
      shownResult(value as never, "x");
      const tool = shownTool({ name: `a${words}`, description: words, inputSchema: value as never }, "x");
      JSON.stringify(tool, (_key, member: unknown) => {
        if (typeof member === "string") assert.doesNotMatch(member, unseen);
        return member;
      });
    }),
    { numRuns: 300 },
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { editMembers, memberSpans, parseExact, spanAt } from "@gridmesh/protocol";

test("an id is rewritten and every other character stays, long numbers too", () => {
  const text =
    '{ "id" : 1, "params":{"n":12345678901234567890, "_meta":{"progressToken":"a"} , "s":"\\"id\\":7}"},"jsonrpc":"2.0" }';
  const changed = editMembers(text, [
    { path: ["id"], text: '"x"' },
    { path: ["params", "_meta", "progressToken"], text: "5" },
    { path: ["params", "missing"], text: "0" },
  ]);
  assert.equal(
    changed,
    '{ "id" : "x", "params":{"n":12345678901234567890, "_meta":{"progressToken":5} , "s":"\\"id\\":7}"},"jsonrpc":"2.0" }',
  );
});

test("a member is taken away with its comma, wherever it stands", () => {
  const without = (text: string) => editMembers(text, [{ path: ["x"], text: undefined }]);
  assert.equal(without('{"x":{"deadlineMs":5}}'), "{}");
  assert.equal(without('{"a":1,"x":[1,{"x":2}]}'), '{"a":1}');
  assert.equal(without('{"x":"}","a":1}'), '{"a":1}');
  assert.equal(without('{"a":1 , "x" : null , "b":2}'), '{"a":1 , "b":2}');
  assert.equal(without('{"a":{"x":1}}'), '{"a":{"x":1}}');
});

test("of members side by side any number is taken away", () => {
  const names = ["a", "b", "c"];
  for (let chosen = 0; chosen < 8; chosen += 1) {
    const gone = names.filter((_name, bit) => (chosen >> bit) % 2 === 1);
    const edits = gone.map((name) => ({ path: [name], text: undefined }));
    const left = names.filter((name) => !gone.includes(name)).map((name) => `"${name}": 1`);
    assert.equal(
      editMembers('{"a": 1, "b": 1, "c": 1}', edits).replaceAll(" ", ""),
      `{${left.join(",")}}`.replaceAll(" ", ""),
    );
  }
});

test("a name that is written twice or with escapes is seen", () => {
  assert.equal(memberSpans('{"method":"a","meth\\u006fd":"b"}').get("method")?.doubled, true);
  assert.equal(memberSpans('{"method":"a"}').get("method")?.doubled, false);
  assert.equal(memberSpans("[1]").size, 0);
});

test("digits of a number that JavaScript cannot hold survive being read and written", () => {
  for (const text of [
    '{"n":12345678901234567890}',
    "[1.0,-0,1e400,0.1000000000000000055,0.0000001,1234567890.1234567]",
    '{"list":[{"id":9007199254740993}],"text":"12345678901234567890"}',
    "[1,2.5,-3]",
  ]) {
    assert.equal(JSON.stringify(parseExact(text)), text);
  }
});

test("the span of any path holds what a parser finds there", () => {
  const spaced = fc.tuple(fc.jsonValue(), fc.constantFrom(undefined, 1, "\t"));
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.dictionary(fc.string(), spaced)), (shape) => {
      const value = Object.fromEntries(
        Object.entries(shape).map(([key, inner]) => [
          key,
          Object.fromEntries(Object.entries(inner).map(([k, [v]]) => [k, v])),
        ]),
      );
      const text = JSON.stringify(value, undefined, 1);
      for (const [key, inner] of Object.entries(value)) {
        for (const [name, held] of Object.entries(inner)) {
          const span = spanAt(text, [key, name]);
          assert.ok(span !== undefined);
          assert.deepEqual(JSON.parse(text.slice(span.start, span.end)), JSON.parse(JSON.stringify(held)));
          const less = JSON.parse(
            editMembers(text, [{ path: [key, name], text: undefined }]),
          ) as typeof value;
          assert.equal(Object.hasOwn(less[key] ?? {}, name), false);
        }
      }
    }),
  );
});

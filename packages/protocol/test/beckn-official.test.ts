/** Everything we write against the published document of core 1.1.1, formats on. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import * as fc from "fast-check";
import { parse } from "yaml";
import { becknActions, becknV1 } from "@gridmesh/protocol";
import { anyMessage } from "./beckn-messages.ts";

const FILE = new URL("../../../../shared/data/beckn/spec-v1.1.1/transaction.yaml", import.meta.url);
const absent = existsSync(FILE) ? false : "Beckn's published schemas are not on this machine";

interface Document {
  readonly paths: Readonly<Record<string, { post: { requestBody: { content: Record<string, object> } } }>>;
}

test("every message of every action is valid by the published schema", { skip: absent }, () => {
  const id = "https://schema.beckn.io/core/1.1.1";
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addFormat("phone", true);
  const document = parse(readFileSync(FILE, "utf8")) as Document;
  ajv.addSchema({ ...document, $id: id });
  const valid = new Map(
    [...becknActions.keys()].map((action) => {
      const place = `#/paths/~1${action}/post/requestBody/content/application~1json/schema`;
      return [action, ajv.compile({ $ref: id + place })];
    }),
  );
  const seen = new Set<string>();
  fc.assert(
    fc.property(anyMessage, (message) => {
      const { action } = message.context;
      seen.add(action);
      const check = valid.get(action);
      assert.ok(check);
      const body: unknown = JSON.parse(new TextDecoder().decode(becknV1.encode(message)));
      assert.ok(check(body), `${action}: ${JSON.stringify(check.errors)}`);
    }),
    { numRuns: 600 },
  );
  assert.equal(seen.size, becknActions.size);
});

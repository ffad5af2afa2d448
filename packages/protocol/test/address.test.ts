import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type Address,
  formatAddress,
  isAgentName,
  isProtocolError,
  keyFromPeerId,
  parseAddress,
  parseAgentReference,
  peerIdFromKey,
} from "@gridmesh/protocol";

const P = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";
/** The same key as a CIDv1 in base32, base36 and base58btc. */
const CIDS = [
  "bafzaajaiaejcaa5ba677htqqxyoxbxiy45f4bglh4tldbg5fbvpr3xegmqjfkmny",
  "k51qzi5uqu5dg9ufswxt229ntzdy7p4125xzv5rtyjso89ajdujg6csfxcj260",
  "z5AanNVJCxnF5YtgjnHW43gxUTgmt6xvBeG7J5LxrDKZZtnXNC34Ldm",
];

const name = fc.stringMatching(/^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/).filter(isAgentName);
const method = fc.stringMatching(/^[\x21-\x7e]{1,256}$/);
const nodeId = fc.oneof(
  fc.constant("local"),
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((key) => peerIdFromKey(key)),
);
const plain = { noNullPrototype: true };
const isBare = (text: string) => !text.startsWith("node/") && !/^[^/]*:/.test(text);

const address: fc.Arbitrary<Address> = fc.oneof(
  fc.record({ kind: fc.constant("agent" as const), nodeId, agent: name, method }, plain),
  fc.record({ kind: fc.constant("capability" as const), capability: name, method }, plain),
  fc.record({ kind: fc.constant("node" as const), nodeId, method }, plain),
  fc.record({ kind: fc.constant("bare" as const), method: method.filter(isBare) }, plain),
);

test("1,000 random addresses survive being written and read", () => {
  fc.assert(
    fc.property(address, (it) => {
      const text = formatAddress(it);
      fc.pre(text.length <= 512);
      assert.deepEqual(parseAddress(text), it);
    }),
    { numRuns: 1_000 },
  );
});

test("any text is an address or ADDRESS_INVALID", () => {
  const nearly = fc.array(
    fc.constantFrom("node", "local", "cap", ":", "/", P, "agent1", "tools/list", "é", " ", "-", "."),
  );
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 600 }),
    nearly.map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (it) => {
      try {
        assert.ok(formatAddress(parseAddress(it)).length > 0);
      } catch (error) {
        assert.ok(isProtocolError(error) && error.code === "ADDRESS_INVALID");
      }
    }),
    { numRuns: 2_000 },
  );
});

test("each form goes where the table says", () => {
  assert.deepEqual(parseAddress(`${P}:agent1/tools/list`), {
    kind: "agent",
    nodeId: P,
    agent: "agent1",
    method: "tools/list",
  });
  assert.deepEqual(parseAddress("local:a.b-c_d/x:y/z"), {
    kind: "agent",
    nodeId: "local",
    agent: "a.b-c_d",
    method: "x:y/z",
  });
  assert.deepEqual(parseAddress("cap:energy.sell/tools/call"), {
    kind: "capability",
    capability: "energy.sell",
    method: "tools/call",
  });
  assert.deepEqual(parseAddress("node/get_info"), { kind: "node", nodeId: "local", method: "get_info" });
  assert.deepEqual(parseAddress(`${P}:node/get_info`), { kind: "node", nodeId: P, method: "get_info" });
  assert.deepEqual(parseAddress("tools/list"), { kind: "bare", method: "tools/list" });
});

test("reserved words are no agent names", () => {
  for (const word of ["node", "local", "cap"]) {
    assert.equal(isAgentName(word), false);
    assert.throws(() => parseAgentReference(word), { code: "ADDRESS_INVALID" });
    assert.throws(() => parseAgentReference(`${P}:${word}`), { code: "ADDRESS_INVALID" });
  }
  assert.throws(() => parseAddress("local:local/x"), { code: "ADDRESS_INVALID" });
  assert.throws(() => parseAddress("local:cap/x"), { code: "ADDRESS_INVALID" });
  assert.equal(parseAddress("local:node/x").kind, "node");
});

test("what is no address is refused", () => {
  const refused = [
    "",
    "abc123:agent1/tools/list",
    `${P}:agent1`,
    `${P}:/x`,
    `${P}:agent1/`,
    "local:Agent1/x",
    "local:-a/x",
    `local:${"a".repeat(65)}/x`,
    "cap:a b/x",
    ":a/x",
    "node/",
    "tools list",
    `local:a/${"m".repeat(257)}`,
    `QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N:a/x`,
    `local:a/${"m".repeat(600)}`,
  ];
  for (const text of refused) assert.throws(() => parseAddress(text), { code: "ADDRESS_INVALID" }, text);
});

test("an agent reference is local unless it names a node", () => {
  assert.deepEqual(parseAgentReference("agent1"), { nodeId: "local", agent: "agent1" });
  assert.deepEqual(parseAgentReference(`${P}:agent1`), { nodeId: P, agent: "agent1" });
  assert.throws(() => parseAgentReference("cap:energy.sell"), { code: "ADDRESS_INVALID" });
  assert.throws(() => parseAgentReference(`${P}:agent1/x`), { code: "ADDRESS_INVALID" });
});

test("a CIDv1 names the same peer and is emitted as base58btc", () => {
  for (const cid of CIDS) {
    assert.equal(peerIdFromKey(keyFromPeerId(cid)), P);
    const parsed = parseAddress(`${cid}:agent1/x`);
    assert.equal(parsed.kind === "agent" && parsed.nodeId, P);
  }
});

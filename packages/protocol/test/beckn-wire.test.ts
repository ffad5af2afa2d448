/** Core 1.1 on the wire: what is written is read back, what is wrong is refused by name. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type BecknMessage,
  becknV1,
  decodeBecknFrame,
  encodeBecknFrame,
  type ErrorCode,
  formatBecknUri,
  formatDecimal,
  isProtocolError,
  parseBecknBody,
  parseBecknUri,
  parseDecimal,
  parseDuration,
  parseInstant,
  ProtocolError,
  sameSubscriber,
  selfCertifyingKey,
  didKeyFromKey,
  peerIdFromKey,
} from "@gridmesh/protocol";
import { anyMessage } from "./beckn-messages.ts";
import { signerOf } from "./keys.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

function refused(code: ErrorCode, run: () => unknown): void {
  assert.throws(run, (error) => isProtocolError(error) && error.code === code);
}

function read(body: Uint8Array): BecknMessage {
  const json = parseBecknBody(body);
  const context = becknV1.decodeContext(json);
  return { context, content: becknV1.decodeContent(json, context) };
}

test("any bytes give a message or an error of the table", () => {
  const soup = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map(utf8),
    anyMessage
      .map((message) => becknV1.encode(message))
      .chain((bytes) =>
        fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })).map(([at, byte]) => {
          const mutated = bytes.slice();
          mutated[at] = byte;
          return mutated;
        }),
      ),
  );
  fc.assert(
    fc.property(soup, (bytes) => {
      try {
        read(bytes);
      } catch (error) {
        assert.ok(isProtocolError(error), String(error));
      }
    }),
    { numRuns: 3_000 },
  );
});

test("decimals are exact to six places and never pass through a float", () => {
  assert.equal(parseDecimal("0.15"), 150_000);
  assert.equal(parseDecimal("999999999.999999"), 999_999_999_999_999);
  assert.equal(parseDecimal("-0"), 0);
  for (const text of ["0.1234567", "1234567890.123456", "1e3", ".5", "5.", "", "1,5", "0x1"]) {
    refused("AMOUNT_INVALID", () => parseDecimal(text));
  }
  fc.assert(
    fc.property(fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }), (value) => {
      assert.equal(parseDecimal(formatDecimal(value)), value === 0 ? 0 : value);
    }),
  );
});

test("times need a zone, durations no calendar", () => {
  assert.equal(parseInstant("2017-07-12T08:00:00Z"), Date.UTC(2017, 6, 12, 8));
  assert.equal(parseInstant("2017-07-12T10:00:00+02:00"), Date.UTC(2017, 6, 12, 8));
  for (const text of ["2017-07-12T08:00:00", "2017-02-30T25:00:00Z", "today"]) {
    refused("BECKN_CONTEXT_INVALID", () => parseInstant(text));
  }
  assert.equal(parseDuration("PT15S"), 15_000);
  assert.equal(parseDuration("P1DT1H1M1S"), 90_061_000);
  for (const text of ["P1M", "P", "PT", "15"]) refused("BECKN_CONTEXT_INVALID", () => parseDuration(text));
});

test("an agent's address keeps the case of its PeerId", () => {
  const uri = {
    peerId: peerIdFromKey(signerOf(0).publicKey),
    agent: "household-agent-01",
    side: "bap",
  } as const;
  assert.deepEqual(parseBecknUri(formatBecknUri(uri)), uri);
  for (const text of [
    "https://a.example/bap",
    `libp2p://${uri.peerId}/x/bop`,
    `libp2p://${uri.peerId}/X/bap`,
  ]) {
    refused("BECKN_CONTEXT_INVALID", () => parseBecknUri(text));
  }
});

test("a subscriber named by its key is the same under each of its names", () => {
  const { agentId, publicKey } = signerOf(3);
  const names = [agentId, didKeyFromKey(publicKey), peerIdFromKey(publicKey)];
  for (const name of names) {
    assert.deepEqual(selfCertifyingKey(name), publicKey);
    assert.ok(sameSubscriber(agentId, name));
  }
  assert.equal(selfCertifyingKey("bap.example.com"), undefined);
  assert.ok(!sameSubscriber(agentId, signerOf(4).agentId));
});

test("a key that stands twice in one object is refused, in different objects it is not", () => {
  refused("MESSAGE_MALFORMED", () => parseBecknBody(utf8('{"a":1,"\\u0061":2}')));
  refused("MESSAGE_MALFORMED", () => parseBecknBody(utf8('{"x":[{"a":1,"a":2}]}')));
  assert.deepEqual(parseBecknBody(utf8('{"a":{"a":"a"},"b":["a","a"]}')), { a: { a: "a" }, b: ["a", "a"] });
});

/** A select with `change` done to its JSON. */
function changedSelect(change: (body: { context: Fields; message: { order: Fields } }) => void): Uint8Array {
  const [message] = fc.sample(
    anyMessage.filter(({ context, content }) => context.action === "select" && content.kind === "order"),
    { numRuns: 1, seed: 7 },
  );
  const body = JSON.parse(new TextDecoder().decode(becknV1.encode(message!))) as Parameters<typeof change>[0];
  change(body);
  return utf8(JSON.stringify(body));
}

// oxlint-disable-next-line typescript/no-explicit-any
type Fields = Record<string, any>;

test("what a select gets wrong is named by its code", () => {
  const cases: readonly [ErrorCode, Parameters<typeof changedSelect>[0]][] = [
    ["BECKN_CONTEXT_INVALID", ({ context }) => delete context["bpp_uri"]],
    ["BECKN_CONTEXT_INVALID", ({ context }) => (context["message_id"] = "select-message-001")],
    ["BECKN_CONTEXT_INVALID", ({ context }) => (context["timestamp"] = "2025-05-09T10:00:00")],
    ["BECKN_CONTEXT_INVALID", ({ context }) => delete context["ttl"]],
    ["BECKN_CONTEXT_INVALID", ({ context }) => (context["action"] = "selct")],
    ["BECKN_DOMAIN_UNSUPPORTED", ({ context }) => (context["version"] = "2.0.0")],
    ["SCHEMA_INVALID", (body) => delete (body as Fields)["message"]],
    ["SCHEMA_INVALID", ({ message }) => (message.order["items"] = [])],
    ["SCHEMA_INVALID", ({ message }) => (message.order["items"][0]["price"]["currency"] = "INR/kWH")],
    [
      "SCHEMA_INVALID",
      ({ message }) => (message.order["items"][0]["quantity"]["selected"]["measure"]["unit"] = "Wh"),
    ],
    [
      "AMOUNT_INVALID",
      ({ message }) => (message.order["items"][0]["quantity"]["selected"]["measure"]["value"] = "0"),
    ],
    ["AMOUNT_INVALID", ({ message }) => (message.order["items"][0]["price"]["value"] = "0.1234567")],
    [
      "SLOT_INVALID",
      ({ message }) =>
        (message.order["fulfillments"][0]["stops"][0]["time"]["range"]["end"] = "2000-01-01T00:00:00Z"),
    ],
  ];
  for (const [code, change] of cases) refused(code, () => read(changedSelect(change)));
});

test("a quote that is not quantity × price is refused", () => {
  const [message] = fc.sample(
    anyMessage.filter(
      ({ context, content }) =>
        context.action === "on_select" && content.kind === "order" && content.order.quote !== undefined,
    ),
    { numRuns: 1, seed: 11 },
  );
  const body = JSON.parse(new TextDecoder().decode(becknV1.encode(message!))) as {
    message: { order: Fields };
  };
  body.message.order["quote"]["breakup"][0]["price"]["value"] = "123456.123456";
  refused("AMOUNT_INVALID", () => read(utf8(JSON.stringify(body))));
});

test("a frame is its header and its body, nothing more and nothing less", () => {
  const header = {
    v: 1,
    profile: "beckn/1",
    path: "/search",
    headers: { authorization: "x", "content-type": "application/json" },
  } as const;
  const body = utf8('{"any": "bytes \\u00e9"}');
  const frame = encodeBecknFrame(header, body);
  assert.deepEqual(decodeBecknFrame(frame), { header, body });
  refused("MESSAGE_MALFORMED", () => decodeBecknFrame(frame.subarray(0, -1)));
  refused("MESSAGE_MALFORMED", () => decodeBecknFrame(Buffer.concat([frame, Buffer.from([0])])));
  refused("FRAME_TOO_LARGE", () => encodeBecknFrame({ ...header, path: `/${"a".repeat(5_000)}` }, body));
  const foreign = encodeBecknFrame({ ...header, extra: true } as unknown as typeof header, body);
  refused("MESSAGE_MALFORMED", () => decodeBecknFrame(foreign));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        decodeBecknFrame(bytes);
      } catch (error) {
        assert.ok(isProtocolError(error), String(error));
      }
    }),
  );
});

test("a refusal says the same on both ends where version 1 has a number of its own", () => {
  for (const code of [
    "OFFER_NOT_FOUND",
    "QUANTITY_UNAVAILABLE",
    "QUOTE_CHANGED",
    "ORDER_NOT_FOUND",
  ] as const) {
    const fault = becknV1.faultOf(new ProtocolError(code, "because"));
    assert.equal(becknV1.errorOf(fault).code, code);
    const json = parseBecknBody(becknV1.encodeAck(fault));
    assert.deepEqual(becknV1.decodeAck(json), fault);
  }
  const unknown = becknV1.errorOf({ code: "30007", message: "?" });
  assert.equal(unknown.code, "BECKN_NACK");
  assert.equal(becknV1.errorOf({ code: "30000", message: "" }, 401).code, "BECKN_SIGNATURE_INVALID");
  assert.equal(becknV1.decodeAck(parseBecknBody(becknV1.encodeAck())), undefined);
});

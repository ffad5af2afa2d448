/** Core 2.0.0 LTS on the wire: what it gets wrong is named, what its documents leave unclear is settled one way. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type BecknAction,
  type BecknMessage,
  becknActions,
  becknV1,
  becknV2,
  becknWire,
  isProtocolError,
} from "@gridmesh/protocol";
import { readBody } from "./beckn-campaign.ts";
import { actionsOf, buyer, messagesOf, seller } from "./beckn-messages.ts";

// oxlint-disable-next-line typescript/no-explicit-any
type Fields = Record<string, any>;

const utf8 = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

const pool = fc.sample(messagesOf("beckn/2"), { numRuns: 600, seed: 5 });

/** One arbitrary message of an action, the same in every run. */
function messageOf(
  action: BecknAction,
  wanted: (message: BecknMessage) => boolean = () => true,
): BecknMessage {
  const found = pool.find((message) => message.context.action === action && wanted(message));
  assert.ok(found, action);
  return found;
}

const bodyOf = (message: BecknMessage) => JSON.parse(text(becknV2.encode(message))) as Fields;

function refusedAs(name: string, body: Fields | string): void {
  const bytes = utf8(typeof body === "string" ? body : JSON.stringify(body));
  assert.throws(
    () => readBody(becknV2, bytes),
    (error) => {
      assert.ok(isProtocolError(error), String(error));
      assert.equal(error.data?.["beckn"] ?? error.code, name, error.message);
      return true;
    },
  );
}

test("any bytes give a message or an error of the table", () => {
  const mutated = messagesOf("beckn/2")
    .map((message) => becknV2.encode(message))
    .chain((bytes) =>
      fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })).map(([at, byte]) => {
        const changed = bytes.slice();
        changed[at] = byte;
        return changed;
      }),
    );
  fc.assert(
    fc.property(
      fc.oneof({ weight: 3, arbitrary: mutated }, fc.json().map(utf8)),
      fc.constantFrom("strict" as const, "tolerant" as const),
      (bytes, reading) => {
        try {
          readBody(becknV2, bytes, reading);
        } catch (error) {
          assert.ok(isProtocolError(error), String(error));
        }
      },
    ),
    { numRuns: 600 },
  );
});

test("each revision has its own names and paths, and both are found by their profile", () => {
  assert.equal(becknWire("beckn/2"), becknV2);
  assert.equal(becknWire("beckn/1"), becknV1);
  assert.equal(becknWire("beckn/3"), undefined);
  const paths = (profile: "beckn/1" | "beckn/2") =>
    actionsOf(profile)
      .map((action) => becknWire(profile)?.actions.pathOf(action))
      .filter((path) => path?.startsWith("/on_") === false);
  assert.deepEqual(paths("beckn/1"), [
    "/search",
    "/select",
    "/init",
    "/confirm",
    "/status",
    "/update",
    "/cancel",
    "/rating",
    "/support",
    "/track",
  ]);
  assert.deepEqual(paths("beckn/2"), [
    "/discover",
    "/select",
    "/init",
    "/confirm",
    "/status",
    "/update",
    "/cancel",
    "/rate",
    "/support",
    "/track",
    "/catalog/publish",
    "/catalog/on_publish",
  ]);
  for (const [, { action }] of becknActions) {
    for (const { actions } of [becknV1, becknV2]) {
      const path = actions.pathOf(action);
      if (path !== undefined) assert.equal(actions.ruleOfPath(path)?.action, action);
    }
  }
  assert.equal(becknV2.actions.ruleOfPath("/search"), undefined);
  assert.equal(becknV1.actions.ruleOfPath("/discover"), undefined);
  assert.equal(becknV2.actions.ruleOfName("catalog_publish")?.action, "publish");
  assert.throws(() => becknV1.encode(messageOf("publish")), { code: "BECKN_DOMAIN_UNSUPPORTED" });
});

test("what a context gets wrong is named", () => {
  const changed = (change: (context: Fields) => void) => {
    const body = bodyOf(messageOf("select"));
    change(body["context"] as Fields);
    return body;
  };
  for (const name of [
    "bapId",
    "bppUri",
    "transactionId",
    "timestamp",
    "ttl",
    "networkId",
    "action",
    "version",
  ]) {
    refusedAs(
      "CTX_MISSING_FIELD",
      changed((context) => delete context[name]),
    );
  }
  const wrong: readonly [string, string, unknown][] = [
    ["CTX_INVALID_FIELD", "messageId", "not-a-uuid"],
    ["CTX_INVALID_FIELD", "bppUri", "nowhere"],
    ["CTX_INVALID_FIELD", "try", "yes"],
    ["CTX_INVALID_FIELD", "requestDigest", { digest: "SHA-256=AA==" }],
    ["CTX_INVALID_FIELD", "action", "search"],
    ["CTX_VERSION_UNSUPPORTED", "version", "2.0.0-rc1"],
    ["CTX_VERSION_UNSUPPORTED", "version", "1.1.0"],
    ["SCH_INVALID_JSONLD_CONTEXT", "schemaContext", ["https://unknown.example/context.jsonld"]],
  ];
  for (const [name, member, value] of wrong) {
    refusedAs(
      name,
      changed((context) => (context[member] = value)),
    );
  }
});

test("what a contract gets wrong is named", () => {
  const withQuote = messageOf(
    "on_select",
    ({ content }) =>
      content.kind === "order" && content.order.quote !== undefined && content.order.further !== undefined,
  );
  const changed = (change: (contract: Fields, series: Fields) => void) => {
    const body = bodyOf(withQuote);
    const contract = body["message"].contract as Fields;
    change(contract, contract["commitments"][0]["commitmentAttributes"] as Fields);
    return body;
  };
  const flows = (contract: Fields) =>
    contract["consideration"][0]["considerationAttributes"]["revenueFlows"] as Fields[];
  const cases: readonly [string, Parameters<typeof changed>[0]][] = [
    ["SCH_REQUIRED_FIELD_MISSING", (contract) => delete contract["commitments"]],
    ["SCH_REQUIRED_FIELD_MISSING", (contract) => delete contract["commitments"][0].offer],
    ["SCH_REQUIRED_FIELD_MISSING", (contract) => delete contract["consideration"][0].status],
    ["SCH_SCHEMA_VALIDATION_FAILED", (contract) => (contract["id"] = "contract-p2p-001")],
    ["SCH_SCHEMA_VALIDATION_FAILED", (contract) => (contract["status"].code = "DONE")],
    ["SCH_SCHEMA_VALIDATION_FAILED", (_, series) => series["payloadDescriptors"].pop()],
    ["SCH_SCHEMA_VALIDATION_FAILED", (_, series) => (series["intervals"][1].id = 2)],
    ["SCH_SCHEMA_VALIDATION_FAILED", (_, series) => (series["payloadDescriptors"].at(-1).units = "MWH")],
    ["SCH_SCHEMA_VALIDATION_FAILED", (contract) => (flows(contract)[0]!["currency"] = "XXX")],
    [
      "SCH_SCHEMA_VALIDATION_FAILED",
      (contract) => {
        const customer = {
          "@context": "https://schema.nfh.global/EnergyCustomer/v2.0/context.jsonld",
          "@type": "EnergyCustomer",
          meterId: "TEST_1",
        };
        contract["participants"] = [buyer, seller].map((id) => ({ id, participantAttributes: customer }));
      },
    ],
    ["SLOT_INVALID", (_, series) => (series["intervals"][1].intervalPeriod = { duration: "PT1S" })],
    ["SLOT_INVALID", (_, series) => (series["intervalPeriod"].duration = "PT7S")],
    ["AMOUNT_INVALID", (contract) => (flows(contract)[0]!["value"] += 1)],
    ["AMOUNT_INVALID", (_, series) => (series["intervals"][0].payloads.at(-1).values = [0.1234567])],
    ["AMOUNT_INVALID", (_, series) => (series["intervals"][0].payloads.at(-1).values = [-1])],
  ];
  for (const [name, change] of cases) refusedAs(name, changed(change));
});

test("a number that a double would round is refused before anything is made of it", () => {
  const body = text(becknV2.encode(messageOf("select")));
  const exact = body.replace(/"values":\[[\d.]+\]/, '"values":[12.500000000000000001]');
  assert.notEqual(exact, body);
  refusedAs("SCH_SCHEMA_VALIDATION_FAILED", exact);
  const padded = body.replace(/"unitQuantity":([\d.]+)/, (_, n: string) =>
    n.includes(".") ? `"unitQuantity":${n}000` : `"unitQuantity":${n}.000`,
  );
  assert.notEqual(padded, body);
  readBody(becknV2, utf8(padded));
});

test("a need is one line of words, and a filter nobody understands is no need", () => {
  const message = {
    context: { ...messageOf("search").context, bapId: buyer },
    content: {
      kind: "intent",
      intent: {
        slot: { area: "north", startS: 1_777_178_700, durationS: 900 },
        needMilliWh: 10_000_000,
        maxPriceMicroPerKWh: 250_000,
        currency: "USD",
        source: "SOLAR",
      },
    },
  } as const;
  const body = bodyOf(message);
  assert.equal(
    body["message"].intent.textSearch,
    "energy need=10kWh from=2026-04-26T04:45:00.000Z to=2026-04-26T05:00:00.000Z max=0.25 USD/kWh source=SOLAR area=north",
  );
  assert.deepEqual(readBody(becknV2, becknV2.encode(message)).content, message.content);
  body["message"].intent = {
    filters: { type: "jsonpath", expression: "$.catalogs[*].offers[?@.price < 3]" },
  };
  refusedAs("SCH_INVALID_JSONPATH", body);
});

test("a refused confirm is a cancelled contract with its reason beside it", () => {
  const { context } = messageOf("on_confirm");
  const fault = { code: "BIZ_QUANTITY_UNAVAILABLE", message: "sold out" };
  const body = bodyOf({ context, content: { kind: "fault", fault } });
  assert.equal(body["message"].contract.status.code, "CANCELLED");
  assert.equal(body["message"].contract.id, context.messageId);
  assert.deepEqual(body["error"], { errorCode: fault.code, errorMessage: fault.message });
  assert.equal(becknV2.errorOf(fault).code, "QUANTITY_UNAVAILABLE");
});

test("what money flows in a quote, flows from one party to the others", () => {
  const { context } = messageOf("on_init");
  const order = messageOf(
    "on_init",
    ({ content }) => content.kind === "order" && content.order.quote !== undefined,
  );
  assert.ok(order.content.kind === "order");
  const flows = bodyOf({ ...order, context })["message"].contract.consideration[0].considerationAttributes
    .revenueFlows as { role: string; value: number }[];
  const micro = (value: number) => Math.round(value * 1_000_000);
  assert.equal(
    flows.reduce((sum, { value }) => sum + micro(value), 0),
    0,
  );
  assert.equal(order.content.order.seller, seller);
  assert.deepEqual(
    flows.filter(({ value }) => value < 0).map(({ role }) => role),
    flows.some(({ value }) => value < 0) ? ["buyerPlatform"] : [],
  );
});

/** What only one revision has room for: its own error codes, the form of a rating, the parts an update names. */
const OF_ONE_REVISION: ReadonlySet<string> = new Set(["fault", "rated", "update"]);

test("what is told in one revision is the same when it is told in the other and back", () => {
  const kinds = new Set<string>();
  for (const { context, content } of fc.sample(messagesOf("beckn/1"), { numRuns: 400, seed: 9 })) {
    if (OF_ONE_REVISION.has(content.kind) || context.action === "update") continue;
    const told = readBody(becknV1, becknV1.encode({ context, content }));
    const context2 = { ...told.context, networkId: "gridmesh/lab" };
    const retold = readBody(becknV2, becknV2.encode({ context: context2, content: told.content }));
    assert.deepEqual(readBody(becknV1, becknV1.encode(retold)).content, structuredClone(content));
    kinds.add(content.kind);
  }
  assert.deepEqual([...kinds].sort(), [
    "cancel",
    "catalog",
    "intent",
    "openCatalog",
    "openIntent",
    "openOrder",
    "order",
    "orderId",
    "ratings",
    "support",
    "track",
    "tracking",
  ]);
});

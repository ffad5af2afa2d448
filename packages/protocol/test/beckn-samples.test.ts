/** Samples others published: what they get wrong is named, what is meant is understood. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import {
  type BecknContent,
  becknV1,
  becknV2,
  type BecknWire,
  isProtocolError,
  parseBecknBody,
  type BecknAction,
} from "@gridmesh/protocol";
import { readBody } from "./beckn-campaign.ts";
import { absent, bodyChecks, DATA } from "./beckn-documents.ts";

// oxlint-disable-next-line typescript/no-explicit-any
type Fields = Record<string, any>;

const utf8 = (text: string) => new TextEncoder().encode(text);

function filesIn(folder: string): readonly string[] {
  return absent ? [] : readdirSync(new URL(`examples/${folder}/`, DATA)).sort();
}

function sample(folder: string, file: string): Fields {
  return JSON.parse(readFileSync(new URL(`examples/${folder}/${file}`, DATA), "utf8")) as Fields;
}

/** The Beckn name of the refusal, or "taken". */
function verdict(wire: BecknWire, body: Fields): string {
  try {
    readBody(wire, utf8(JSON.stringify(body)));
    return "taken";
  } catch (error) {
    assert.ok(isProtocolError(error), String(error));
    const name = error.data?.["beckn"];
    return typeof name === "string" ? name : error.code;
  }
}

function tolerated(wire: BecknWire, body: Fields): BecknContent {
  return readBody(wire, utf8(JSON.stringify(body)), "tolerant").content;
}

/** Every text in a body, replaced where `change` says so. */
function rewritten(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => rewritten(item, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rewritten(item, change)]));
}

const V1 = "v1.1-p2p-missions";
const zoned = (text: string) => (/^\d{4}-\d\d-\d\dT[\d:]+$/.test(text) ? `${text}Z` : text);
const UUID = "019a9f6e-0000-7000-8000-000000000001";

/** Each repair, and what the strict reader says before it; what does not occur in a sample is passed by. */
const v1Repairs: readonly { readonly refusal: string; readonly repair: (body: Fields) => Fields }[] = [
  {
    refusal: "CTX_MISSING_FIELD",
    repair: (body) => ({
      ...body,
      context: {
        ...body["context"],
        bap_uri: "https://bap.example/receiver",
        ...(body["context"].action === "search"
          ? {}
          : { bpp_id: "p2pTrading-bpp.com", bpp_uri: "https://bpp.example/receiver" }),
        ttl: "PT10S",
      },
    }),
  },
  {
    refusal: "CTX_INVALID_FIELD",
    repair: (body) => ({ ...body, context: { ...body["context"], message_id: UUID } }),
  },
  {
    refusal: "SCH_SCHEMA_VALIDATION_FAILED",
    repair: (body) =>
      rewritten(body, (text) =>
        zoned(text)
          .replace(/^kWH$/, "kWh")
          .replace(/\/kWH$/, "/kWh")
          .replace(/^Energy Cost$/, "ENERGY"),
      ) as Fields,
  },
];

describe("the 11 published messages of version 1", { skip: absent }, () => {
  test("are refused for what is missing, then what is wrong, then what they say, and taken when that is mended", () => {
    const seen: Record<string, readonly string[]> = {};
    for (const file of filesIn(V1)) {
      let body = sample(V1, file);
      const told: string[] = [];
      for (const { refusal, repair } of v1Repairs) {
        const said = verdict(becknV1, body);
        if (said === refusal) told.push(said);
        else assert.ok(said === "taken" || v1Repairs.some((one) => one.refusal === said), `${file}: ${said}`);
        body = repair(body);
      }
      told.push(verdict(becknV1, body));
      seen[file] = told;
    }
    const [missing, invalid, schema] = v1Repairs.map(({ refusal }) => refusal);
    const all = [missing, invalid, schema, "taken"];
    assert.deepEqual(seen, {
      "confirm.json": all,
      "init.json": all,
      "on_confirm.json": all,
      "on_init.json": all,
      "on_search.json": [missing, schema, "taken"],
      "on_select.json": all,
      "on_status.json": all,
      "on_update.json": all,
      "search.json": all,
      "select.json": all,
      "status.json": [missing, invalid, "taken"],
    });
  });

  test("are understood as they are by the tolerant reader", () => {
    const contents = new Map(filesIn(V1).map((file) => [file, tolerated(becknV1, sample(V1, file))]));
    assert.equal(contents.size, 11);
    const startMs = Date.UTC(2024, 9, 4, 10);
    const window = { startMs, durationMs: 8 * 3_600_000 };

    const search = contents.get("search.json");
    assert.ok(search?.kind === "openIntent");
    assert.deepEqual(search.intent, { window, words: "Solar Surplus Energy" });

    const found = contents.get("on_search.json");
    assert.ok(found?.kind === "openCatalog");
    assert.deepEqual(found.catalogs, [
      {
        seller: "p1072",
        sellerName: "Ethan Maxwell",
        offers: [
          {
            offerId: "uid_xyz",
            window,
            intervals: [{ availableMilliWh: 30_000_000, priceMicroPerKWh: 5_000_000 }],
            currency: "INR",
            source: "SOLAR",
          },
        ],
      },
    ]);

    const status = contents.get("status.json");
    assert.deepEqual(status, { kind: "orderId", orderId: "ord/12" });
    for (const file of ["select.json", "init.json", "confirm.json"]) {
      const asked = contents.get(file);
      assert.ok(asked?.kind === "openOrder", file);
      assert.equal(asked.order.offerId, "uid_xyz");
      assert.deepEqual(asked.order.intervals, [{ quantityMilliWh: 10_000_000 }]);
      assert.equal(asked.order.buyerMeter?.meterId, "98765456");
    }
    for (const [file, state, totalMicro] of [
      ["on_select.json", undefined, 50_000_000],
      ["on_confirm.json", "ORDER_PLACED", 50_000_000],
      ["on_status.json", "ORDER_CONFIRMED", 50_000_000],
      ["on_update.json", "ORDER_PARTIALLY_FULFILLED", 40_000_000],
    ] as const) {
      const told = contents.get(file);
      assert.ok(told?.kind === "openOrder", file);
      assert.equal(told.order.state, state, file);
      assert.equal(told.order.quote?.totalMicro, totalMicro, file);
      assert.equal(told.order.currency, "USD", file);
    }
  });

  test("say the same after they were read and written again, and are then valid", () => {
    const checks = bodyChecks("beckn/1");
    for (const file of filesIn(V1)) {
      const body = v1Repairs.reduce((repaired, { repair }) => repair(repaired), sample(V1, file));
      const message = readBody(becknV1, utf8(JSON.stringify(body)));
      const again = becknV1.encode(message);
      assert.deepEqual(readBody(becknV1, again).content, message.content, file);
      const check = checks.get(message.context.action);
      assert.ok(
        check?.(JSON.parse(new TextDecoder().decode(again))),
        `${file}: ${JSON.stringify(check?.errors)}`,
      );
    }
  });
});

const WAVE2 = "v2-lts-p2p-wave2";
const CALLBACK_OF_NOTHING = "resp-sellerdiscom-on_confirm.json";

/** Repairs that a validator needs: ids that are none, a consideration without its status. */
function repairedWave2(body: Fields): Fields {
  const mended = structuredClone(body);
  for (const id of ["transactionId", "messageId"]) {
    if (!/^[0-9a-f-]{36}$/.test(mended["context"][id] as string)) mended["context"][id] = UUID;
  }
  const contract = mended["message"].contract as Fields | undefined;
  if (contract?.["id"] !== undefined) contract["id"] = UUID;
  for (const consideration of (contract?.["consideration"] ?? []) as Fields[]) {
    consideration["status"] ??= { code: "QUOTED" };
  }
  return mended;
}

describe("the 13 published files of revision 2", { skip: absent }, () => {
  test("are 12 messages once mended, and one that no callback can be", () => {
    const checks = bodyChecks("beckn/2");
    const valid: string[] = [];
    const taken: string[] = [];
    for (const file of filesIn(WAVE2)) {
      const body = repairedWave2(sample(WAVE2, file));
      const json = parseBecknBody(utf8(JSON.stringify(body)));
      const { action } = becknV2.decodeContext(json, "tolerant");
      if (checks.get(action)?.(body) === true) valid.push(file);
      try {
        tolerated(becknV2, body);
        taken.push(file);
      } catch (error) {
        assert.ok(isProtocolError(error) && error.code === "SCHEMA_INVALID", String(error));
        assert.equal(error.data?.["beckn"], "SCH_REQUIRED_FIELD_MISSING");
        assert.equal(file, CALLBACK_OF_NOTHING);
      }
    }
    assert.equal(filesIn(WAVE2).length, 13);
    assert.equal(valid.length, 12);
    assert.deepEqual(taken, valid);
  });

  test("are taken unmended by the tolerant reader, but for that one, and by the strict one not at all", () => {
    for (const file of filesIn(WAVE2)) {
      const body = sample(WAVE2, file);
      assert.equal(verdict(becknV2, body), "CTX_MISSING_FIELD", file);
      if (file !== CALLBACK_OF_NOTHING) tolerated(becknV2, body);
    }
  });

  test("tell quantities, prices, allocations and money to the last digit", () => {
    const settled = tolerated(becknV2, sample(WAVE2, "on-status-response-settled.json"));
    assert.ok(settled.kind === "openOrder");
    const { order } = settled;
    assert.deepEqual(order.intervals, [
      {
        priceMicroPerKWh: 12_500_000,
        quantityMilliWh: 20_500_000,
        buyerAllocMilliWh: 18_500_000,
        sellerAllocMilliWh: 19_200_000,
        finalMilliWh: 18_500_000,
      },
      {
        priceMicroPerKWh: 14_500_000,
        quantityMilliWh: 15_500_000,
        buyerAllocMilliWh: 14_200_000,
        sellerAllocMilliWh: 14_700_000,
        finalMilliWh: 14_200_000,
      },
    ]);
    assert.deepEqual(order.window, { startMs: Date.UTC(2026, 3, 26, 4, 30), durationMs: 3_600_000 });
    assert.equal(order.quote?.totalMicro, 437_150_000);
    assert.deepEqual(order.payment, { amountMicro: 437_150_000, paid: true });
    assert.equal(order.status, "COMPLETE");
    assert.equal(order.seller, "sellerapp.example.com");
    assert.equal(order.buyerMeter?.meterId, "TEST_METER_BUYER_001");
    assert.equal(order.resourceId, "energy-resource-solar-001");

    const published = tolerated(becknV2, sample(WAVE2, "publish-catalog.json"));
    assert.ok(published.kind === "openCatalog");
    const [offer] = published.catalogs[0]?.offers ?? [];
    assert.equal(offer?.untilMs, Date.UTC(2026, 3, 26, 0, 30));
    assert.deepEqual(offer?.intervals, [
      { priceMicroPerKWh: 12_500_000, availableMilliWh: 30_500_000 },
      { priceMicroPerKWh: 14_500_000, availableMilliWh: 25_500_000 },
    ]);
    assert.deepEqual(tolerated(becknV2, sample(WAVE2, "discover-request.json")), {
      kind: "intent",
      intent: undefined,
    });
  });

  test("say the same after they were read and written again, and are then valid", () => {
    const checks = bodyChecks("beckn/2");
    const actions = new Set<BecknAction>();
    for (const file of filesIn(WAVE2).filter((name) => name !== CALLBACK_OF_NOTHING)) {
      const body = repairedWave2(sample(WAVE2, file));
      const message = readBody(becknV2, utf8(JSON.stringify(body)), "tolerant");
      const again = becknV2.encode(message);
      assert.deepEqual(readBody(becknV2, again, "tolerant").content, message.content, file);
      const check = checks.get(message.context.action);
      assert.ok(
        check?.(JSON.parse(new TextDecoder().decode(again))),
        `${file}: ${JSON.stringify(check?.errors)}`,
      );
      actions.add(message.context.action);
    }
    assert.equal(actions.size, 8);
  });
});

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isProtocolError } from "@gridmesh/protocol";
import { household, presets, reporter, utility } from "../src/index.ts";

const DATA = resolve(dirname(fileURLToPath(import.meta.url)), "../../../../shared/data/energy/citylearn2022");

const factories = { household, utility, reporter };

function refused(code: string, words: RegExp) {
  return (error: unknown) => {
    assert.ok(isProtocolError(error), String(error));
    assert.equal(error.code, code);
    assert.match(error.message, words);
    return true;
  };
}

for (const name of ["day", "seed000"]) {
  test(`preset ${name} is the Guide's roster of 13, and every factory accepts its options`, () => {
    const plan = presets[name]?.({ seed: 1 });
    assert.ok(plan);
    assert.deepEqual(
      plan.nodes.map((node) => node.name),
      [
        "bootstrap",
        "utility-agent",
        ...Array.from({ length: 10 }, (_, i) => `household-agent-${String(i + 1).padStart(2, "0")}`),
        "reporter",
      ],
    );
    for (const agent of plan.nodes.flatMap((node) => node.agents)) {
      const factory = factories[agent.factory as keyof typeof factories];
      assert.ok(factory(agent.options).capabilities.length > 0);
    }
    assert.deepEqual(
      plan.nodes.filter((node) => node.role === "household").map((node) => node.statusPort),
      [8001, 8003, 8005, 8007, 8009, 8011, 8013, 8015, 8017, 8019],
    );
  });
}

test("preset day: even homes have PV and a battery, odd ones only consume, asks rise with the number", () => {
  const homes = presets["day"]?.({ seed: 1 }).nodes.filter((node) => node.role === "household") ?? [];
  for (const [i, node] of homes.entries()) {
    const n = i + 1;
    const options = node.agents[0]?.options ?? {};
    assert.equal(options["pvW"], n % 2 === 0 ? 8_000 : 0);
    assert.equal(options["capacityWh"], n % 2 === 0 ? 6_400 : 0);
    assert.equal(options["askMicroPerKWh"], 100_000 + 10_000 * n);
    assert.equal(options["home"], n);
  }
});

test("preset day names its data and refuses a day that the data does not hold", (t) => {
  assert.deepEqual(presets["day"]?.({ seed: 1 }).data, { source: "generator", day: "2017-07-12" });
  assert.throws(() => presets["day"]?.({ day: "2019-01-01" }), refused("INVALID_PARAMS", /2016-08-01/));
  assert.throws(
    () => presets["day"]?.({ data: join(DATA, "..", "nowhere") }),
    refused("CONFIG_INVALID", /nowhere/),
  );
  if (!existsSync(DATA)) return t.skip("no citylearn2022 beside the checkout");
  assert.deepEqual(presets["day"]?.({ data: DATA }).data, { source: "citylearn2022", day: "2017-07-12" });
});

test("preset seed000: odd homes begin at 15 %, even ones at 95 % of 15 kWh", () => {
  const homes = presets["seed000"]?.({}).nodes.filter((node) => node.role === "household") ?? [];
  assert.deepEqual(
    homes.map((node) => node.agents[0]?.options["stateOfChargePercent"]),
    [15, 95, 15, 95, 15, 95, 15, 95, 15, 95],
  );
});

test("an unknown option is refused with the nearest known one; a wrong or contradicting one is named", () => {
  assert.throws(
    () => household({ capacityWH: 1 }),
    refused("CONFIG_INVALID", /"capacityWH".*Did you mean "capacityWh"/),
  );
  assert.throws(() => utility({ offerwh: 1 }), refused("CONFIG_INVALID", /offerWh/));
  assert.throws(() => reporter({ every: 1 }), refused("CONFIG_INVALID", /everyS/));
  assert.throws(() => household({ lotWh: 1.5 }), refused("CONFIG_INVALID", /lotWh/));
  assert.throws(() => household({ strategy: "surplus" }), refused("CONFIG_INVALID", /3600000/));
  assert.throws(
    () => household({ strategy: "surplus", cycleMs: 3_600_000 }),
    refused("CONFIG_INVALID", /series or generator/),
  );
});

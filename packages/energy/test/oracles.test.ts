import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  type AuctionOrder,
  clearCallUniform,
  clearGsyPayAsBid,
  curveStep,
  sumCurves,
} from "@gridmesh/energy";

const DATA = resolve(dirname(fileURLToPath(import.meta.url)), "../../../../shared/data/energy");
const rules = { kPermille: 500 };

function oracle(file: string): { readonly skip: string | false; readonly read: () => unknown } {
  const path = join(DATA, file);
  const skip = existsSync(path) ? false : `no ../shared/data/energy/${file} beside the repository`;
  return { skip, read: () => JSON.parse(readFileSync(path, "utf8")) as unknown };
}

/** Runs every case, says how many hold, and fails with the names of those that do not. */
function runAll<Case>(
  cases: readonly Case[],
  nameOf: (one: Case) => string,
  check: (one: Case) => void,
): string {
  const failed: string[] = [];
  for (const one of cases) {
    try {
      check(one);
    } catch (error) {
      failed.push(`${nameOf(one)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  assert.ok(cases.length > 0, "the file holds no case");
  assert.deepEqual(failed, []);
  return `${cases.length - failed.length} of ${cases.length}`;
}

type OrderRow = readonly [id: string, agent: string, ct: number, kWh: number];

interface ClearingCase {
  readonly name: string;
  readonly bids: readonly OrderRow[];
  readonly offers: readonly OrderRow[];
  readonly optimum: { readonly welfare_ct: number; readonly volume_kwh: number };
  readonly gsy_pay_as_bid: {
    readonly trades: readonly (readonly [bid: string, offer: string, kWh: number, ct: number])[];
    readonly welfare_ct: number;
    readonly volume_kwh: number;
  };
  readonly gsy_pay_as_clear: { readonly welfare_ct: number; readonly volume_kwh: number };
  readonly lemlab_pda_uniform_mid: { readonly volume_kwh: number; readonly price: number | null };
  readonly assume_pay_as_clear: { readonly accepted: readonly (readonly [string, number])[] };
}

const clearing = oracle("oracles/clearing_cases.json");

test("clearing_cases.json: call-uniform finds every optimum", { skip: clearing.skip }, (t) => {
  const { cases } = clearing.read() as { cases: ClearingCase[] };
  const passed = runAll(cases, nameOf, (one) => {
    const orders = ordersOf(one);
    const found = clearCallUniform(orders, rules);
    assert.equal(found.volumeMilliWh, milli(one.optimum.volume_kwh));
    assert.equal(found.welfareMicro, Math.round(one.optimum.welfare_ct * 10_000));
    const { loMicroPerKWh: lo, hiMicroPerKWh: hi, priceMicroPerKWh: price } = found;
    if (found.volumeMilliWh === 0) return assert.equal(price, null);
    assert.ok(lo !== null && hi !== null && price !== null && lo <= price && price <= hi);
    for (const side of ["bid", "ask"] as const) {
      const sum = orders
        .filter((order) => order.side === side)
        .reduce((total, order) => total + (found.fills.get(order.orderId) ?? 0), 0);
      assert.equal(sum, found.volumeMilliWh);
    }
  });
  t.diagnostic(`clearing_cases.json optimum ${passed}`);
});

test("clearing_cases.json: gsy-pay-as-bid makes GSy's trades", { skip: clearing.skip }, (t) => {
  const { cases } = clearing.read() as { cases: ClearingCase[] };
  const passed = runAll(cases, nameOf, (one) => {
    const { trades, welfareMicro, volumeMilliWh } = clearGsyPayAsBid(ordersOf(one));
    assert.deepEqual(
      trades.map(({ bidId, askId, qtyMilliWh, priceMicroPerKWh }) => [
        bidId,
        askId,
        qtyMilliWh,
        priceMicroPerKWh,
      ]),
      one.gsy_pay_as_bid.trades.map(([bid, offer, kWh, ct]) => [
        padded(bid),
        padded(offer),
        milli(kWh),
        micro(ct),
      ]),
    );
    assert.equal(volumeMilliWh, milli(one.gsy_pay_as_bid.volume_kwh));
    assert.equal(welfareMicro, Math.round(one.gsy_pay_as_bid.welfare_ct * 10_000));
  });
  t.diagnostic(`clearing_cases.json GSy pay-as-bid ${passed}`);
  t.diagnostic(`of ${cases.length} optima others reach: ${othersReach(cases)}`);
});

/** Where the other engines miss, by their own recorded figures. */
function othersReach(cases: readonly ClearingCase[]): string {
  const reached = (isBest: (one: ClearingCase) => boolean) => cases.filter(isBest).length;
  const isWorth = (ct: number, one: ClearingCase) => Math.abs(ct - one.optimum.welfare_ct) < 1e-6;
  const isVolume = (kWh: number, one: ClearingCase) => Math.abs(kWh - one.optimum.volume_kwh) < 1e-6;
  return [
    `GSy pay-as-bid ${reached((one) => isWorth(one.gsy_pay_as_bid.welfare_ct, one))}`,
    `GSy pay-as-clear ${reached((one) => isWorth(one.gsy_pay_as_clear.welfare_ct, one))}`,
    `lemlab (volume) ${reached((one) => isVolume(one.lemlab_pda_uniform_mid.volume_kwh, one))}`,
    `ASSUME (volume) ${reached((one) => isVolume(soldOf(one.assume_pay_as_clear.accepted), one))}`,
  ].join(", ");
}

function soldOf(accepted: readonly (readonly [string, number])[]): number {
  return accepted.filter(([id]) => id.startsWith("o")).reduce((sum, [, kWh]) => sum + kWh, 0);
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}

/** Ids that sort as they stand in the file, on which GSy's order among equals rests. */
function padded(id: string): string {
  return `${id.slice(0, 1)}${id.slice(1).padStart(4, "0")}`;
}

function ordersOf({ bids, offers }: ClearingCase): AuctionOrder[] {
  const side = (rows: readonly OrderRow[], of: "bid" | "ask") =>
    rows.map(([id, agentId, ct, kWh]) => ({
      orderId: padded(id),
      agentId,
      side: of,
      qtyMilliWh: milli(kWh),
      limitMicroPerKWh: micro(ct),
      minFillMilliWh: 0,
    }));
  return [...side(bids, "bid"), ...side(offers, "ask")];
}

type Row = readonly [qty: number, price: number, options?: { readonly min_accept_ratio?: number }];

interface Hour {
  readonly source: string;
  readonly demand: readonly Row[];
  readonly supply: readonly Row[];
  readonly expect: {
    readonly volume: number;
    readonly price: number;
    readonly competitive_interval?: readonly [number, number];
  };
}

interface Blocks {
  readonly source: string;
  readonly hours: number;
  readonly block_demand: readonly { readonly price: number; readonly volume: readonly number[] }[];
  readonly supply_per_hour: readonly Row[];
  readonly min_accept?: readonly number[];
  readonly expect: { readonly volume: readonly number[]; readonly price: readonly number[] };
}

/** Block demand runs as one auction per hour. */
function hoursOf(example: Hour | Blocks): readonly Hour[] {
  if (!("hours" in example)) return [example];
  const { source, block_demand, supply_per_hour, min_accept, expect } = example;
  const supply = supply_per_hour.map(([qty, price], index): Row => [
    qty,
    price,
    { min_accept_ratio: min_accept?.[index] ?? 0 },
  ]);
  return Array.from({ length: example.hours }, (_, hour) => ({
    source: `${source} hour ${hour}`,
    demand: block_demand.map(({ price, volume }): Row => [volume[hour] ?? 0, price]),
    supply,
    expect: { volume: expect.volume[hour] ?? 0, price: expect.price[hour] ?? 0 },
  }));
}

const published = oracle("oracles/published_examples.json");

test("published_examples.json: worked examples clear as published", { skip: published.skip }, (t) => {
  const hours = (published.read() as (Hour | Blocks)[]).flatMap(hoursOf);
  const passed = runAll(
    hours,
    ({ source }) => source,
    ({ demand, supply, expect }) => {
      const side = (rows: readonly Row[], of: "bid" | "ask") =>
        rows.map(([qty, price, options], index) => ({
          orderId: `${of}${index}`,
          agentId: `${of}${index}`,
          side: of,
          qtyMilliWh: milli(qty),
          limitMicroPerKWh: price * 1_000,
          minFillMilliWh: Math.round(milli(qty) * (options?.min_accept_ratio ?? 0)),
        }));
      const found = clearCallUniform([...side(demand, "bid"), ...side(supply, "ask")], rules);
      assert.equal(found.volumeMilliWh, milli(expect.volume));
      const [lo, hi] = expect.competitive_interval ?? [expect.price, expect.price];
      assert.deepEqual([found.loMicroPerKWh, found.hiMicroPerKWh], [lo * 1_000, hi * 1_000]);
    },
  );
  t.diagnostic(`published_examples.json ${passed} hours`);
});

type Runs = readonly (readonly [demand: number, steps: number])[];

interface CurveCase {
  readonly name: string;
  readonly priceSteps: number;
  readonly minPrice: number;
  readonly maxPrice: number;
  readonly bids: readonly Runs[];
  readonly rejectedAscending: number;
  readonly expectedAggregate: Runs;
  readonly expectedPrice: number;
}

const powerMatcher = oracle("powermatcher-vectors/vectors.json");

test("vectors.json: PowerMatcher's bids sum and price as its own", { skip: powerMatcher.skip }, (t) => {
  const spread = (runs: Runs) =>
    runs.flatMap(([demand, steps]) => Array.from({ length: steps }, () => demand));
  const passed = runAll(powerMatcher.read() as CurveCase[], nameOf, (one) => {
    const { sumW, refused } = sumCurves(one.priceSteps, one.bids.map(spread));
    assert.equal(refused.length, one.rejectedAscending);
    assert.deepEqual(sumW, spread(one.expectedAggregate));
    const step = (one.maxPrice - one.minPrice) / (one.priceSteps - 1);
    const price = one.minPrice + curveStep(sumW) * step;
    assert.ok(Math.abs(price - one.expectedPrice) < 1e-9, `${price} is not ${one.expectedPrice}`);
  });
  t.diagnostic(`vectors.json ${passed}`);
});

test("curves of two streets add up to the curve of the city, whatever comes first", () => {
  const bids = [
    [9, 4, 0, -3],
    [5, 5, 5, 5],
    [0, -1, -8, -20],
    [2, 3, 1, 0],
  ];
  const whole = sumCurves(4, bids);
  assert.deepEqual(whole, { sumW: [14, 8, -3, -18], refused: [3] });
  const streets = [sumCurves(4, bids.slice(2)), sumCurves(4, bids.slice(0, 2))];
  assert.deepEqual(
    sumCurves(
      4,
      streets.map(({ sumW }) => sumW),
    ).sumW,
    whole.sumW,
  );
  assert.equal(curveStep(whole.sumW), 2);
  assert.equal(curveStep([4, 0, 0, 0, -1]), 2);
  assert.equal(curveStep([4, 0, 0, -1]), 2, "half a step rounds up");
});

function milli(kWh: number): number {
  return Math.round(kWh * 1_000_000);
}

function micro(ct: number): number {
  return Math.round(ct * 10_000);
}

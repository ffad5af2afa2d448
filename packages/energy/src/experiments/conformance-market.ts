/** E6's part for markets: books, worked examples and aggregated curves against what other programs and papers found. */

import { clearCallUniform } from "../market/call-auction.ts";
import { curveStep, sumCurves } from "../market/curve.ts";
import { clearGsyPayAsBid } from "../market/greedy.ts";
import type { AuctionOrder } from "../market/order.ts";
import { type ConformanceResult, readCases, tally } from "./conformance-cases.ts";

const MILLI_WH_PER_KWH = 1_000_000;
const MICRO_PER_CENT = 10_000;
/** Worked examples have their own unit of money; only ratios count. */
const EXAMPLE_SCALE = 1_000;
const rules = { kPermille: 500 };

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
  readonly gsy_pay_as_clear: { readonly welfare_ct: number };
  readonly lemlab_pda_uniform_mid: { readonly volume_kwh: number };
  readonly assume_pay_as_clear: { readonly accepted: readonly (readonly [string, number])[] };
}

function milli(kWh: number): number {
  return Math.round(kWh * MILLI_WH_PER_KWH);
}

function micro(ct: number): number {
  return Math.round(ct * MICRO_PER_CENT);
}

/** Ids that sort as they stand in the file, on which the other engine's order among equals rests. */
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

/** `clearing_cases.json`: call-uniform's welfare, volume and price. @throws INVALID_PARAMS. */
export function clearingConformance(text: string): ConformanceResult {
  const file = "clearing_cases.json";
  return tally(file, readCases(file, text) as readonly ClearingCase[], (known) => {
    const found = clearCallUniform(ordersOf(known), rules);
    const { loMicroPerKWh: lo, hiMicroPerKWh: hi, priceMicroPerKWh: price } = found;
    if (found.volumeMilliWh !== milli(known.optimum.volume_kwh)) return `${known.name}: another volume`;
    if (found.welfareMicro !== micro(known.optimum.welfare_ct)) return `${known.name}: another welfare`;
    if (found.volumeMilliWh === 0) return price === null ? null : `${known.name}: a price without a trade`;
    const isBetween = lo !== null && hi !== null && price !== null && lo <= price && price <= hi;
    return isBetween ? null : `${known.name}: no equilibrium price`;
  });
}

/** `clearing_cases.json`: `gsy-pay-as-bid` makes the trades that GSy makes. @throws INVALID_PARAMS. */
export function gsyConformance(text: string): ConformanceResult {
  const file = "clearing_cases.json";
  const result = tally(file, readCases(file, text) as readonly ClearingCase[], (known) => {
    const { trades, welfareMicro, volumeMilliWh } = clearGsyPayAsBid(ordersOf(known));
    const { gsy_pay_as_bid: wanted } = known;
    const own = trades.map((one) => [one.bidId, one.askId, one.qtyMilliWh, one.priceMicroPerKWh]);
    const theirs = wanted.trades.map(([bid, offer, kWh, ct]) => [
      padded(bid),
      padded(offer),
      milli(kWh),
      micro(ct),
    ]);
    if (JSON.stringify(own) !== JSON.stringify(theirs)) return `${known.name}: other trades`;
    const isSame = volumeMilliWh === milli(wanted.volume_kwh) && welfareMicro === micro(wanted.welfare_ct);
    return isSame ? null : `${known.name}: another volume or welfare`;
  });
  return { ...result, file: `${file}, gsy-pay-as-bid` };
}

export interface EngineReach {
  readonly engine: string;
  /** Books on which it reaches the optimum, by its own recorded figures. */
  readonly reached: number;
  readonly total: number;
}

/** `clearing_cases.json`: where the other engines reach the optimum. @throws INVALID_PARAMS. */
export function othersReach(text: string): readonly EngineReach[] {
  const cases = readCases("clearing_cases.json", text) as readonly ClearingCase[];
  const isClose = (one: number, other: number) => Math.abs(one - other) < 1e-6;
  const sold = ({ accepted }: ClearingCase["assume_pay_as_clear"]) =>
    accepted.filter(([id]) => id.startsWith("o")).reduce((sum, [, kWh]) => sum + kWh, 0);
  const engines: readonly (readonly [string, (one: ClearingCase) => boolean])[] = [
    ["GSy pay-as-bid", (one) => isClose(one.gsy_pay_as_bid.welfare_ct, one.optimum.welfare_ct)],
    ["GSy pay-as-clear", (one) => isClose(one.gsy_pay_as_clear.welfare_ct, one.optimum.welfare_ct)],
    ["lemlab, volume", (one) => isClose(one.lemlab_pda_uniform_mid.volume_kwh, one.optimum.volume_kwh)],
    ["ASSUME, volume", (one) => isClose(sold(one.assume_pay_as_clear), one.optimum.volume_kwh)],
  ];
  return engines.map(([engine, isBest]) => ({
    engine,
    reached: cases.filter(isBest).length,
    total: cases.length,
  }));
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

/** `published_examples.json`: worked examples clear as published. @throws INVALID_PARAMS. */
export function examplesConformance(text: string): ConformanceResult {
  const file = "published_examples.json";
  const hours = (readCases(file, text) as readonly (Hour | Blocks)[]).flatMap(hoursOf);
  return tally(file, hours, ({ source, demand, supply, expect }) => {
    const side = (rows: readonly Row[], of: "bid" | "ask") =>
      rows.map(([qty, price, options], index) => ({
        orderId: `${of}${index}`,
        agentId: `${of}${index}`,
        side: of,
        qtyMilliWh: milli(qty),
        limitMicroPerKWh: price * EXAMPLE_SCALE,
        minFillMilliWh: Math.round(milli(qty) * (options?.min_accept_ratio ?? 0)),
      }));
    const found = clearCallUniform([...side(demand, "bid"), ...side(supply, "ask")], rules);
    if (found.volumeMilliWh !== milli(expect.volume)) return `${source}: another volume`;
    const [lo, hi] = expect.competitive_interval ?? [expect.price, expect.price];
    const isSame = found.loMicroPerKWh === lo * EXAMPLE_SCALE && found.hiMicroPerKWh === hi * EXAMPLE_SCALE;
    return isSame ? null : `${source}: another price`;
  });
}

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

/** `vectors.json`: PowerMatcher's bids are refused, sum and price as its own. @throws INVALID_PARAMS. */
export function curveConformance(text: string): ConformanceResult {
  const file = "vectors.json";
  const spread = (runs: Runs) =>
    runs.flatMap(([demand, steps]) => Array.from({ length: steps }, () => demand));
  return tally(file, readCases(file, text) as readonly CurveCase[], (known) => {
    const { sumW, refused } = sumCurves(known.priceSteps, known.bids.map(spread));
    if (refused.length !== known.rejectedAscending) return `${known.name}: ${refused.length} refused`;
    if (JSON.stringify(sumW) !== JSON.stringify(spread(known.expectedAggregate)))
      return `${known.name}: another sum`;
    const step = (known.maxPrice - known.minPrice) / (known.priceSteps - 1);
    const price = known.minPrice + curveStep(sumW) * step;
    return Math.abs(price - known.expectedPrice) < 1e-9 ? null : `${known.name}: a price of ${price}`;
  });
}

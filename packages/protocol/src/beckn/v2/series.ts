/** The table of a trade: one row per interval, one column per kind of value, every column declared. */

import { ProtocolError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { MAX_MILLI_WH } from "../../quantity.ts";
import { formatDecimal, parseDecimal } from "../decimal.ts";
import type { BecknOpenInterval, BecknWindow } from "../open.ts";
import { present } from "../present.ts";
import {
  type BecknReading,
  bodyDuration,
  bodyInstant,
  checkUnit,
  milliWhOf,
  schemaError,
} from "../reading.ts";
import { formatDuration, formatInstant } from "../time.ts";
import { attributes, packs } from "./names.ts";
import type { V2Series } from "./schema.ts";

type Value = keyof BecknOpenInterval;

interface Column {
  readonly value: Value;
  readonly payloadType: string;
  readonly insertedBy: string;
  readonly report?: boolean;
}

const columns: readonly Column[] = [
  { value: "priceMicroPerKWh", payloadType: "PRICE_PER_KWH", insertedBy: "sellerPlatform" },
  { value: "availableMilliWh", payloadType: "AVAILABLE_QTY", insertedBy: "sellerPlatform" },
  { value: "quantityMilliWh", payloadType: "REQUESTED_QTY", insertedBy: "buyerPlatform" },
  {
    value: "buyerAllocMilliWh",
    payloadType: "BUYER_DISCOM_ALLOC",
    insertedBy: "buyerDiscom",
    report: true,
  },
  {
    value: "sellerAllocMilliWh",
    payloadType: "SELLER_DISCOM_ALLOC",
    insertedBy: "sellerDiscom",
    report: true,
  },
  { value: "finalMilliWh", payloadType: "FINAL_ALLOC", insertedBy: "sellerDiscom", report: true },
];

export interface Table {
  readonly window?: BecknWindow | undefined;
  readonly currency?: string | undefined;
  readonly intervals: readonly BecknOpenInterval[];
}

/**
 * The member that holds the table; none where it has no rows.
 * @param always - the column that is declared even when nobody has filled it yet
 */
export function encodeSeries(table: Table, always: Value): JsonObject {
  const { window, currency, intervals } = table;
  if (intervals.length === 0) return {};
  const filled = columns.filter(
    ({ value }) =>
      value === always ||
      (value === "priceMicroPerKWh" && currency !== undefined) ||
      intervals.some((interval) => interval[value] !== undefined),
  );
  const series = attributes(packs.series, {
    intervalPeriod:
      window === undefined
        ? {}
        : { start: formatInstant(window.startMs), duration: formatDuration(window.durationMs) },
    payloadDescriptors: filled.map((column) => describe(column, currency)),
    intervals: intervals.map((interval, id) => ({
      id,
      payloads: filled.flatMap(({ value, payloadType }) => {
        const millionths = interval[value];
        return millionths === undefined ? [] : [{ type: payloadType, values: [exactNumber(millionths)] }];
      }),
    })),
  });
  return { commitmentAttributes: series };
}

function describe(
  { value, payloadType, insertedBy, report }: Column,
  currency: string | undefined,
): JsonObject {
  const unit = value === "priceMicroPerKWh" ? present({ currency }) : { units: "KWH" };
  const objectType = report === true ? "REPORT_PAYLOAD_DESCRIPTOR" : "EVENT_PAYLOAD_DESCRIPTOR";
  return { objectType, payloadType, insertedBy, ...unit };
}

/** The JSON number of so many millionths: at most 15 digits, which a double carries. @throws AMOUNT_INVALID. */
export function exactNumber(millionths: number): number {
  return Number(formatDecimal(millionths));
}

/** @throws SCHEMA_INVALID, AMOUNT_INVALID, SLOT_INVALID. */
export function decodeSeries(series: V2Series, reading: BecknReading): Table {
  const declared = new Map(series.payloadDescriptors.map((one) => [one.payloadType, one]));
  for (const [type, { units }] of declared) {
    const column = columns.find(({ payloadType }) => payloadType === type);
    if (column && column.value !== "priceMicroPerKWh") checkUnit(units ?? "", reading, "KWH");
  }
  const window = windowOf(series, reading);
  const intervals = series.intervals.map((interval, index) => {
    if (interval.id !== index) throw schemaError(`interval ${interval.id} in place ${index}`);
    checkPlace({ interval, window, index, reading });
    return decodeInterval(interval, declared);
  });
  return {
    intervals,
    ...present({ window, currency: declared.get("PRICE_PER_KWH")?.currency ?? undefined }),
  };
}

function decodeInterval(
  interval: V2Series["intervals"][number],
  declared: ReadonlyMap<string, unknown>,
): BecknOpenInterval {
  const found = new Map<Value, number>();
  for (const { type, values } of interval.payloads) {
    if (!declared.has(type)) throw schemaError(`column ${type.slice(0, 40)} is not declared`);
    const column = columns.find(({ payloadType }) => payloadType === type);
    // A column without a value waits for whoever fills it.
    if (!column || values.length === 0) continue;
    const [value, ...others] = values;
    if (typeof value !== "number" || others.length > 0) throw schemaError(`${type} is one number`);
    if (found.has(column.value)) throw schemaError(`${type} twice in interval ${interval.id}`);
    found.set(column.value, decodeValue(column, value));
  }
  return Object.fromEntries(found);
}

function decodeValue({ value, payloadType }: Column, number: number): number {
  if (value === "priceMicroPerKWh") return parseDecimal(String(number));
  return milliWhOf(number, payloadType, value === "quantityMilliWh" ? 1 : 0);
}

function windowOf(series: V2Series, reading: BecknReading): BecknWindow | undefined {
  const { start, duration } = series.intervalPeriod;
  if (start === undefined || duration === undefined) return undefined;
  const durationMs = bodyDuration(duration);
  if (durationMs <= 0) throw new ProtocolError("SLOT_INVALID", `intervals of ${duration}`);
  return { startMs: bodyInstant(start, reading), durationMs };
}

/** Interval n begins at start + n · duration; a period of its own must say the same. @throws SLOT_INVALID. */
function checkPlace(at: {
  readonly interval: V2Series["intervals"][number];
  readonly window: BecknWindow | undefined;
  readonly index: number;
  readonly reading: BecknReading;
}): void {
  const { interval, window, index, reading } = at;
  const { start, duration } = interval.intervalPeriod ?? {};
  const startMs = start === undefined ? undefined : bodyInstant(start, reading);
  const off =
    (startMs !== undefined && startMs !== (window && window.startMs + index * window.durationMs)) ||
    (duration !== undefined && bodyDuration(duration) !== window?.durationMs);
  if (off) throw new ProtocolError("SLOT_INVALID", `interval ${index} is out of its place`);
}

/** Σ of a column, mWh; undefined where it is not filled. */
export function sumOf(intervals: readonly BecknOpenInterval[], value: Value): number | undefined {
  let total: number | undefined;
  for (const interval of intervals) {
    const milliWh = interval[value];
    if (milliWh !== undefined) total = Math.min((total ?? 0) + milliWh, MAX_MILLI_WH * intervals.length);
  }
  return total;
}

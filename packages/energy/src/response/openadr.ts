/** Programs, events and reports in the shape of OpenADR 3.1; decimals become integers on the way in. */

import { ProtocolError } from "@gridmesh/protocol";
import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import { scaleOf } from "./scales.ts";
import { list, number, object, optional, seconds, text } from "./read-fields.ts";

/** Kinds of event that an agent acts on; others are kept and ignored. */
export const knownEventTypes = [
  "SIMPLE",
  "PRICE",
  "EXPORT_PRICE",
  "GHG",
  "CHARGE_STATE_SETPOINT",
  "DISPATCH_SETPOINT",
  "DISPATCH_SETPOINT_RELATIVE",
  "IMPORT_CAPACITY_LIMIT",
  "EXPORT_CAPACITY_LIMIT",
  "ALERT_GRID_EMERGENCY",
  "ALERT_BLACK_START",
  "ALERT_POSSIBLE_OUTAGE",
  "ALERT_FLEX_ALERT",
] as const;

export const knownReportTypes = [
  "USAGE",
  "BASELINE",
  "USAGE_FORECAST",
  "LOAD_SHED_DELTA_AVAILABLE",
  "STORAGE_USABLE_CAPACITY",
  "STORAGE_CHARGE_LEVEL",
  "UP_REGULATION_AVAILABLE",
  "DOWN_REGULATION_AVAILABLE",
] as const;

export interface IntervalPeriod {
  readonly startS: number;
  /** 0: without an end. */
  readonly durationS: number;
  /** The start may be put off by up to so much, drawn by whoever acts. */
  readonly randomizeStartS: number;
}

/** One value of an interval, whole, in the unit of its type. */
export interface IntervalValue {
  readonly type: string;
  /** Prices micro per kWh; power mW; charge and dispatch of storage as sent × 1,000; SIMPLE and alerts as sent. */
  readonly values: readonly (number | string)[];
}

export interface EventInterval {
  readonly id: number;
  /** Null: the event's own period, divided by its intervals in order. */
  readonly period: IntervalPeriod | null;
  readonly values: readonly IntervalValue[];
}

/** Descriptions of what the values mean: passed on as they came. */
type Descriptors = readonly JsonObject[];

export interface ResponseProgram {
  readonly id: string;
  readonly programName: string;
  readonly period: IntervalPeriod | null;
  readonly payloadDescriptors: Descriptors;
  readonly targets: readonly string[];
}

export interface ResponseEvent {
  readonly id: string;
  readonly programID: string;
  readonly eventName: string | null;
  /** 0 is the highest; null comes after all. */
  readonly priority: number | null;
  /** Areas, agent ids or roles; none: everybody. */
  readonly targets: readonly string[];
  readonly period: IntervalPeriod | null;
  readonly payloadDescriptors: Descriptors;
  readonly reportDescriptors: Descriptors;
  readonly intervals: readonly EventInterval[];
}

export interface ReportInterval {
  readonly id: number;
  readonly period: IntervalPeriod | null;
  readonly values: readonly IntervalValue[];
}

export interface ResponseReport {
  readonly eventID: string;
  readonly clientName: string;
  readonly resources: readonly {
    readonly resourceName: string;
    readonly intervals: readonly ReportInterval[];
  }[];
}

const MAX_INTERVALS = 10_000;

/** @throws SCHEMA_INVALID naming the field. */
export function readProgram(value: JsonValue): ResponseProgram {
  const from = object(value, "program");
  return {
    id: text(from, "id"),
    programName: text(from, "programName"),
    period: optional(from, "intervalPeriod", readPeriod),
    payloadDescriptors: descriptors(from, "payloadDescriptors"),
    targets: optional(from, "targets", readTargets) ?? [],
  };
}

function descriptors(from: JsonObject, name: string): Descriptors {
  return optional(from, name, () => list(from, name, (one) => object(one, name))) ?? [];
}

/** @throws SCHEMA_INVALID naming the field. */
export function readEvent(value: JsonValue): ResponseEvent {
  const from = object(value, "event");
  const intervals = list(from, "intervals", (one) => readInterval(one));
  if (intervals.length === 0 || intervals.length > MAX_INTERVALS) {
    throw new ProtocolError("SCHEMA_INVALID", `event: ${intervals.length} intervals`);
  }
  const priority = optional(from, "priority", (_, name) => number(from, name));
  if (priority !== null && (priority < 0 || !Number.isSafeInteger(priority))) {
    throw new ProtocolError("SCHEMA_INVALID", "event: priority is no whole number from 0 on");
  }
  const period = optional(from, "intervalPeriod", readPeriod);
  if (period === null && intervals.some((interval) => interval.period === null)) {
    throw new ProtocolError("SCHEMA_INVALID", "event: an interval has no intervalPeriod, nor has the event");
  }
  return {
    id: text(from, "id"),
    programID: text(from, "programID"),
    eventName: optional(from, "eventName", (_, name) => text(from, name)),
    priority,
    targets: optional(from, "targets", readTargets) ?? [],
    period,
    payloadDescriptors: descriptors(from, "payloadDescriptors"),
    reportDescriptors: descriptors(from, "reportDescriptors"),
    intervals,
  };
}

/** @throws SCHEMA_INVALID naming the field. */
export function readReport(value: JsonValue): ResponseReport {
  const from = object(value, "report");
  return {
    eventID: text(from, "eventID"),
    clientName: text(from, "clientName"),
    resources: list(from, "resources", (one) => {
      const resource = object(one, "resource");
      return {
        resourceName: text(resource, "resourceName"),
        intervals: list(resource, "intervals", (interval) => readInterval(interval)),
      };
    }),
  };
}

function readInterval(value: JsonValue): EventInterval {
  const from = object(value, "interval");
  return {
    id: number(from, "id"),
    period: optional(from, "intervalPeriod", readPeriod),
    values: list(from, "payloads", readValue),
  };
}

function readPeriod(value: JsonValue): IntervalPeriod {
  const from = object(value, "intervalPeriod");
  const start = text(from, "start");
  const startMs = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/.test(start)
    ? Date.parse(start)
    : Number.NaN;
  if (Number.isNaN(startMs)) throw new ProtocolError("SCHEMA_INVALID", "intervalPeriod: start is no time");
  return {
    startS: Math.floor(startMs / 1_000),
    durationS: optional(from, "duration", seconds) ?? 0,
    randomizeStartS: optional(from, "randomizeStart", seconds) ?? 0,
  };
}

function readTargets(value: JsonValue, name: string): string[] {
  return list({ [name]: value }, name, (one) => {
    if (typeof one === "string") return one;
    throw new ProtocolError("SCHEMA_INVALID", `${name}: a target is no text`);
  });
}

function readValue(value: JsonValue): IntervalValue {
  const from = object(value, "payloads");
  const type = text(from, "type");
  const scale = scaleOf(type);
  const values = list(from, "values", (one) => {
    if (typeof one === "string") return one;
    if (typeof one !== "number")
      throw new ProtocolError("SCHEMA_INVALID", `${type}: a value is neither number nor text`);
    const whole = scale === 1 ? one : Math.round(one * scale);
    if (scale !== 1 && !Number.isSafeInteger(whole))
      throw new ProtocolError("SCHEMA_INVALID", `${type}: ${one} is too large`);
    return whole;
  });
  if (values.length === 0) throw new ProtocolError("SCHEMA_INVALID", `${type}: no values`);
  return { type, values };
}

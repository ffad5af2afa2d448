/** Programs, events and reports back into the wire's spelling: whole units become decimals again. */

import type { JsonObject } from "@gridmesh/protocol";
import type {
  EventInterval,
  IntervalPeriod,
  IntervalValue,
  ResponseEvent,
  ResponseProgram,
  ResponseReport,
} from "./openadr.ts";
import { scaleOf } from "./scales.ts";

/** What `readProgram` reads. */
export function programJson(program: ResponseProgram): JsonObject {
  return {
    id: program.id,
    programName: program.programName,
    ...period(program.period),
    payloadDescriptors: program.payloadDescriptors,
    targets: program.targets,
  };
}

/** What `readEvent` reads. */
export function eventJson(event: ResponseEvent): JsonObject {
  return {
    id: event.id,
    programID: event.programID,
    ...(event.eventName === null ? {} : { eventName: event.eventName }),
    ...(event.priority === null ? {} : { priority: event.priority }),
    targets: event.targets,
    ...period(event.period),
    payloadDescriptors: event.payloadDescriptors,
    reportDescriptors: event.reportDescriptors,
    intervals: event.intervals.map(interval),
  };
}

/** What `readReport` reads. */
export function reportJson(report: ResponseReport): JsonObject {
  return {
    eventID: report.eventID,
    clientName: report.clientName,
    resources: report.resources.map(({ resourceName, intervals }) => ({
      resourceName,
      intervals: intervals.map(interval),
    })),
  };
}

function interval({ id, period: own, values }: EventInterval): JsonObject {
  return { id, ...period(own), payloads: values.map(value) };
}

function value({ type, values }: IntervalValue): JsonObject {
  const scale = scaleOf(type);
  return { type, values: values.map((one) => (typeof one === "number" ? one / scale : one)) };
}

function period(of: IntervalPeriod | null): JsonObject {
  if (of === null) return {};
  return {
    intervalPeriod: {
      start: new Date(of.startS * 1_000).toISOString(),
      duration: of.durationS === 0 ? "P9999Y" : `PT${of.durationS}S`,
      ...(of.randomizeStartS === 0 ? {} : { randomizeStart: `PT${of.randomizeStartS}S` }),
    },
  };
}

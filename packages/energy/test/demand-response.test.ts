import assert from "node:assert/strict";
import { test } from "node:test";
import {
  activeRequests,
  eventJson,
  intervalsOf,
  knownEventTypes,
  knownReportTypes,
  mayOptOut,
  type MeteredDay,
  programJson,
  readEvent,
  readProgram,
  readReport,
  reportJson,
  responseBaseline,
  responsePayment,
} from "@gridmesh/energy";
import { isProtocolError, type JsonObject, type JsonValue } from "@gridmesh/protocol";
import * as fc from "fast-check";

const START = "2026-07-01T16:00:00Z";
const START_S = Date.parse(START) / 1_000;

const event = (fields: JsonObject = {}): JsonObject => ({
  id: "e1",
  programID: "p1",
  intervalPeriod: { start: START, duration: "PT1H" },
  intervals: [{ id: 0, payloads: [{ type: "IMPORT_CAPACITY_LIMIT", values: [2.5] }] }],
  ...fields,
});

function refused(value: JsonValue, message: RegExp): void {
  assert.throws(
    () => readEvent(value),
    (error) => isProtocolError(error) && error.code === "SCHEMA_INVALID" && message.test(error.message),
  );
}

test("decimals of the wire become integers: kW to mW, money per kWh to micro; text stays", () => {
  const values = (type: string, value: JsonValue) =>
    readEvent(event({ intervals: [{ id: 0, payloads: [{ type, values: [value] }] }] })).intervals[0]
      ?.values[0]?.values;
  assert.deepEqual(values("IMPORT_CAPACITY_LIMIT", 2.5), [2_500_000]);
  assert.deepEqual(values("PRICE", 0.07), [70_000]);
  assert.deepEqual(values("SIMPLE", 2), [2]);
  assert.deepEqual(values("ALERT_GRID_EMERGENCY", "evening peak"), ["evening peak"]);
  assert.deepEqual(values("SOMETHING_NEW", 1.5), [1.5], "what is not known is kept as it came");
});

test("intervals without a period follow one another, each as long as the event says", () => {
  const payloads = [{ type: "PRICE", values: [0.1] }];
  const read = readEvent(
    event({
      intervals: [
        { id: 0, payloads },
        { id: 1, payloads },
        { id: 2, intervalPeriod: { start: "2026-07-02T00:00:00Z", duration: "PT15M" }, payloads },
      ],
    }),
  );
  assert.deepEqual(
    intervalsOf(read).map(({ startS, endS }) => [startS - START_S, endS - START_S]),
    [
      [0, 3_600],
      [3_600, 7_200],
      [8 * 3_600, 8 * 3_600 + 900],
    ],
  );
  const late = readEvent(
    event({ intervalPeriod: { start: START, duration: "PT1H", randomizeStart: "PT10M" } }),
  );
  assert.equal(intervalsOf(late, 0.5)[0]?.startS, START_S + 300);
  const endless = readEvent(event({ intervalPeriod: { start: START, duration: "P9999Y" } }));
  assert.equal(intervalsOf(endless)[0]?.endS, Number.POSITIVE_INFINITY);
});

test("an agent hears the events for it, its role, its area or one around it, the most urgent first", () => {
  const who = { agentId: "h7", area: "city.feeder-1", roles: ["household"] };
  const named = (id: string, fields: JsonObject) => readEvent(event({ id, ...fields }));
  const events = [
    named("all", {}),
    named("low", { targets: ["household"], priority: 5 }),
    named("high", { targets: ["city"], priority: 0 }),
    named("mine", { targets: ["h7"], priority: 1 }),
    named("other", { targets: ["city.feeder-10", "h70", "utility"] }),
  ];
  const heard = (atS: number) => activeRequests(events, who, atS).map((request) => request.event.id);
  assert.deepEqual(heard(START_S), ["high", "mine", "low", "all"]);
  assert.deepEqual(heard(START_S - 1), []);
  assert.deepEqual(heard(START_S + 3_600), []);
});

test("opting out is free until an event begins", () => {
  const read = readEvent(event());
  assert.equal(mayOptOut(read, START_S - 1), true);
  assert.equal(mayOptOut(read, START_S), false);
});

test("a malformed event is refused with its field", () => {
  refused("event", /event is no object/);
  refused(event({ id: "" }), /id is no text/);
  refused(event({ intervals: [] }), /0 intervals/);
  refused(event({ intervalPeriod: { start: "tomorrow" } }), /start is no time/);
  refused(event({ intervalPeriod: { start: START, duration: "1h" } }), /duration is no duration/);
  refused(event({ intervalPeriod: null }), /nor has the event/);
  refused(event({ targets: [1] }), /target is no text/);
  refused(event({ priority: -1 }), /priority/);
  refused(event({ intervals: [{ id: 0, payloads: [{ type: "PRICE", values: [] }] }] }), /PRICE: no values/);
  refused(event({ intervals: [{ id: 0, payloads: [{ type: "PRICE", values: [1e300] }] }] }), /too large/);
});

test("programs and reports are read like events", () => {
  const program = readProgram({ id: "p", programName: "evening", targets: ["city"], payloadDescriptors: [] });
  assert.deepEqual(program, {
    id: "p",
    programName: "evening",
    period: null,
    payloadDescriptors: [],
    targets: ["city"],
  });
  const report = readReport({
    eventID: "e1",
    clientName: "h7",
    resources: [
      { resourceName: "meter", intervals: [{ id: 0, payloads: [{ type: "USAGE", values: [1.234567] }] }] },
    ],
  });
  assert.equal(report.resources[0]?.intervals[0]?.values[0]?.values[0], 1_234_567);
});

test("what is read is written as it came, whatever its values, and read again the same", () => {
  const plain = { noNullPrototype: true } as const;
  const period = fc.record(
    {
      startS: fc.integer({ min: 0, max: 4_000_000_000 }),
      durationS: fc.nat({ max: 1_000_000 }),
      randomizeStartS: fc.nat({ max: 3_600 }),
    },
    plain,
  );
  const whole = fc.integer({ min: -1e9, max: 1e9 });
  const values = fc.record(
    {
      type: fc.constantFrom(...knownEventTypes, ...knownReportTypes, "OTHER"),
      values: fc.array(fc.oneof(whole, fc.string()), { minLength: 1, maxLength: 3 }),
    },
    plain,
  );
  const interval = fc.record({ id: fc.nat(), period, values: fc.array(values, { maxLength: 3 }) }, plain);
  const intervals = fc.array(interval, { minLength: 1, maxLength: 4 });
  const name = fc.string({ minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(intervals, period, name, (list, whole, id) => {
      const event = {
        ...readEvent({ ...eventOf(id), intervals: [{ id: 0, payloads: [] }] }),
        period: whole,
        intervals: list,
      };
      assert.deepEqual(readEvent(eventJson(event)), event);
      const report = { eventID: id, clientName: id, resources: [{ resourceName: id, intervals: list }] };
      assert.deepEqual(readReport(reportJson(report)), report);
      const program = { id, programName: id, period: whole, payloadDescriptors: [{ a: 1 }], targets: [id] };
      assert.deepEqual(readProgram(programJson(program)), program);
    }),
    { numRuns: 200 },
  );
});

const eventOf = (id: string): JsonObject =>
  event({ id, eventName: id, priority: 3, targets: [id], reportDescriptors: [{ b: "c" }] });

test("any JSON is an event or SCHEMA_INVALID", () => {
  const field = fc.constantFrom("id", "programID", "intervals", "intervalPeriod", "targets", "priority");
  fc.assert(
    fc.property(field, fc.jsonValue(), (name, value) => {
      try {
        readEvent(event({ [name]: value as JsonValue }));
      } catch (error) {
        assert.equal(isProtocolError(error) && error.code, "SCHEMA_INVALID", String(error));
      }
    }),
    { numRuns: 500 },
  );
});

const hoursOf = (count: number, milliWh: number) => Array.from({ length: count }, () => milliWh);

const day = (milliWh: number, fields: Partial<MeteredDay> = {}): MeteredDay => ({
  workday: true,
  hadEvent: false,
  hoursMilliWh: hoursOf(24, milliWh),
  ...fields,
});

test("the baseline is the mean of the last five like days without an event, as today was before", () => {
  const earlier = [
    day(9_000),
    ...[100, 200, 300, 400, 500].map((milliWh) => day(milliWh)),
    day(7_000, { hadEvent: true }),
    day(8_000, { workday: false }),
  ];
  const today = (milliWh: number) => ({ workday: true, hoursMilliWh: hoursOf(17, milliWh) });
  const plain = responseBaseline(earlier, today(300), 17);
  assert.deepEqual([plain?.days, plain?.factorPermille, plain?.hoursMilliWh[17]], [5, 1_000, 300]);
  assert.equal(responseBaseline(earlier, today(330), 17)?.hoursMilliWh[17], 330);
  assert.equal(responseBaseline(earlier, today(900), 17)?.factorPermille, 1_200, "no more than a fifth up");
  assert.equal(responseBaseline(earlier, today(0), 17)?.factorPermille, 800, "no more than a fifth down");
  assert.equal(responseBaseline(earlier, today(900), 2)?.factorPermille, 1_000, "too early to compare");
  assert.equal(responseBaseline([day(1, { hadEvent: true })], today(1), 17), null);
});

test("using more in the hour before an event raises nobody's baseline", () => {
  const earlier = [day(300)];
  const hours = hoursOf(17, 300);
  const inflated = hours.with(16, 3_000);
  const at = (hoursMilliWh: number[]) =>
    responseBaseline(earlier, { workday: true, hoursMilliWh }, 17)?.hoursMilliWh[17];
  assert.equal(at(inflated), at(hours));
});

test("less than the baseline is paid up to what was asked; what comes back later stands beside it", () => {
  const baseline = responseBaseline([day(1_000)], { workday: true, hoursMilliWh: [] }, 18);
  assert.ok(baseline !== null);
  const metered = hoursOf(24, 1_000).with(18, 400).with(19, 1_300).with(20, 1_500).with(21, 900);
  const asked = { fromHour: 18, hours: 2, askedMilliWhPerHour: 500, priceMicroPerKWh: 2_000_000 };
  assert.deepEqual(responsePayment(baseline, metered, asked), {
    deliveredMilliWh: 600,
    paidMilliWh: 500,
    amountMicro: 1_000,
    reboundMilliWh: 500,
  });
});

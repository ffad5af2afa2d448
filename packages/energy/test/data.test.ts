import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createGenerator,
  dayOf,
  daysOf,
  dayStartS,
  homeSeries,
  nextDay,
  readDataFolder,
} from "@gridmesh/energy";
import { isProtocolError } from "@gridmesh/protocol";
import * as fc from "fast-check";
import { cityLearn, withoutCityLearn } from "./outside-data.ts";

const NOON_S = dayStartS("2017-07-12");

/** Two homes over `hours` hours from midnight on; `edit` may drop or change lines. */
function homesCsv(
  hours: number,
  edit: (line: string, hour: number) => string | null = (line) => line,
): string {
  const lines = ["ts,home,load_wh,pv_wh"];
  for (let hour = 0; hour < hours; hour += 1) {
    for (const home of [1, 2]) {
      const line = edit(`${NOON_S + hour * 3_600},${home},${100 * home + hour},${hour}`, hour);
      if (line !== null) lines.push(line);
    }
  }
  return `${lines.join("\n")}\n`;
}

function refused(files: Record<string, string>, message: RegExp): void {
  assert.throws(
    () => readDataFolder(files),
    (error) => {
      assert.equal(isProtocolError(error) && error.code, "INVALID_PARAMS");
      assert.match(String(error instanceof Error && error.message), message);
      return true;
    },
  );
}

test("homes.csv gives a day of each home in mWh", () => {
  const { homes, environment } = readDataFolder({ "homes.csv": homesCsv(24), "README.md": "ignored" });
  assert.equal(environment, null);
  assert.equal(homes.name, "homes.csv");
  assert.deepEqual(homes.homes, [1, 2]);
  assert.deepEqual(daysOf(homes), { first: "2017-07-12", last: "2017-07-12", count: 1 });
  const series = homeSeries(homes, { home: 2, day: "2017-07-12" });
  assert.equal(series.loadMilliWh.length, 24);
  assert.equal(series.loadMilliWh[5], 205_000);
  assert.equal(series.pvMilliWh[23], 23_000);
});

test("quarter hours are added up to hours", () => {
  const rows = Array.from({ length: 96 }, (_, index) => `${NOON_S + index * 900},1,${index},0.25`);
  const { homes } = readDataFolder({ "homes.csv": ["ts,home,load_wh,pv_wh", ...rows].join("\n") });
  const series = homeSeries(homes, { home: 1, day: "2017-07-12" });
  assert.equal(series.loadMilliWh[1], (4 + 5 + 6 + 7) * 1_000);
  assert.equal(series.pvMilliWh[1], 1_000);
});

test("up to two missing steps are filled in by a line and counted, missing cells too", () => {
  const { homes } = readDataFolder({
    "homes.csv": homesCsv(24, (line, hour) => {
      if (hour === 7 || hour === 8) return null;
      return hour === 12 ? line.replace(/,\d+$/, ",") : line;
    }),
  });
  assert.equal(homes.interpolated, 2 * (2 + 2 + 1));
  const series = homeSeries(homes, { home: 1, day: "2017-07-12" });
  assert.deepEqual(series.loadMilliWh.slice(6, 10), [106_000, 107_000, 108_000, 109_000]);
  assert.equal(series.pvMilliWh[12], 12_000);
});

test("bad homes.csv is refused with file and line", () => {
  refused(
    { "homes.csv": homesCsv(24, (line, hour) => (hour > 6 && hour < 10 ? null : line)) },
    /^homes\.csv:16: home 1/,
  );
  refused(
    { "homes.csv": homesCsv(24, (line, hour) => (hour === 3 ? line.replace(/,(\d+),/, ",$1,-") : line)) },
    /^homes\.csv:8: load_wh is negative/,
  );
  refused(
    { "homes.csv": homesCsv(24, (line, hour) => (hour === 3 ? line.replace("1", "x") : line)) },
    /^homes\.csv:8: .*no number/,
  );
  refused(
    { "homes.csv": homesCsv(24, (line, hour) => (hour === 2 ? `${line},9` : line)) },
    /^homes\.csv:6: 5 cells/,
  );
  refused(
    { "homes.csv": `${homesCsv(24)}${NOON_S},1,1,1\n` },
    /^homes\.csv:50: home 1: \d+ does not come after/,
  );
  refused({ "homes.csv": homesCsv(24).replace("pv_wh", "sun") }, /^homes\.csv:1: column "pv_wh" is missing/);
  refused({ "homes.csv": "" }, /^homes\.csv:1: no header row/);
  refused({ "homes.csv": "ts,home,load_wh,pv_wh\n" }, /^homes\.csv:1: no rows/);
  refused({ "homes.csv": "ts,home,load_wh,pv_wh\n0,1,1,1\n7,1,1,1\n" }, /^homes\.csv: a step of 7 s/);
});

test("a folder of unknown or missing data is refused by the file's name", () => {
  refused({ "homes.csv": homesCsv(24), "weather.csv": "" }, /^weather\.csv: unknown file/);
  refused({ "homes_hourly.csv": "load_1,pv_1\n", "homes.csv": homesCsv(24) }, /stands beside/);
  refused({ LICENSE: "…" }, /neither it nor homes_hourly\.csv/);
});

test("homes_hourly.csv is refused with its line when a value is missing, negative or no number", () => {
  refused({ "homes_hourly.csv": "load_1,pv_1\n1,0\n-2,0\n" }, /^homes_hourly\.csv:3: load_1 is negative/);
  refused({ "homes_hourly.csv": "load_1,pv_1\n1,0\none,0\n" }, /^homes_hourly\.csv:3: "one" in load_1/);
  refused(
    { "homes_hourly.csv": "load_1,pv_1\n1,0\n,0\n,0\n,0\n1,1\n" },
    /^homes_hourly\.csv:3: load_1: 3 steps missing/,
  );
  refused({ "homes_hourly.csv": "load_1,sun_1\n1,0\n" }, /^homes_hourly\.csv:1: column "pv_1"/);
  refused({ "homes_hourly.csv": "load_1,pv_1\n1,0\n", "homes.json": "{" }, /^homes\.json: not JSON/);
});

test("any text is a dataset or INVALID_PARAMS, whatever stands in it", () => {
  const cell = fc.oneof(fc.string({ maxLength: 6 }), fc.integer({ min: -5, max: 20_000 }).map(String));
  const text = fc.array(
    fc.array(cell, { maxLength: 5 }).map((cells) => cells.join(",")),
    { maxLength: 12 },
  );
  const header = fc.constantFrom("ts,home,load_wh,pv_wh\n", "load_1,pv_1\n", "");
  fc.assert(
    fc.property(header, text, fc.constantFrom("homes.csv", "homes_hourly.csv"), (head, lines, name) => {
      try {
        readDataFolder({ [name]: head + lines.join("\n") });
      } catch (error) {
        assert.equal(isProtocolError(error) && error.code, "INVALID_PARAMS", String(error));
      }
    }),
    { numRuns: 400 },
  );
});

test(
  "the measured homes begin on Monday 2016-08-01 and end on 2017-07-30",
  { skip: withoutCityLearn },
  () => {
    const { homes, environment } = cityLearn();
    assert.deepEqual(daysOf(homes), { first: "2016-08-01", last: "2017-07-30", count: 364 });
    assert.equal(new Date(dayStartS("2016-08-01") * 1_000).getUTCDay(), 1);
    assert.equal(homes.homes?.length, 17);
    assert.equal(homes.interpolated, 0);
    assert.equal(homeSeries(homes, { home: 1, day: "2016-08-01" }).loadMilliWh[0], 851_000);
    assert.equal(homes.home(4).ratedPvW, 5_000);
    assert.equal(environment?.steps, 8_760);
    assert.equal(environment?.columns.priceMicroPerKWh?.[0], 220_000);
    assert.equal(environment?.columns.carbonGPerKWh?.[1]?.toFixed(1), "157.3");
  },
);

test(
  "PV is scaled from its plate to the watts asked for, and 0 takes it away",
  { skip: withoutCityLearn },
  () => {
    const { homes } = cityLearn();
    const day = "2017-07-12";
    const raw = homeSeries(homes, { home: 4, day }).pvMilliWh;
    const scaled = homeSeries(homes, { home: 4, day, pvW: 8_000 }).pvMilliWh;
    assert.deepEqual(
      scaled,
      raw.map((value) => Math.round(value * 1.6)),
    );
    assert.equal(Math.max(...homeSeries(homes, { home: 4, day, pvW: 0 }).pvMilliWh), 0);
  },
);

test("a plate that is not known cannot be scaled", () => {
  const { homes } = readDataFolder({ "homes.csv": homesCsv(24) });
  assert.throws(() => homeSeries(homes, { home: 1, day: "2017-07-12", pvW: 8_000 }), /unknown size/);
});

test("a day or home that the data lack is INVALID_PARAMS", () => {
  const generator = createGenerator(1);
  for (const wanted of [
    { home: 1, day: "2016-07-31" },
    { home: 1, day: "2017-08-01" },
    { home: 1, day: "2017-02-30" },
    { home: 1, day: "tomorrow" },
    { home: 0, day: "2017-07-12" },
    { home: 1.5, day: "2017-07-12" },
  ]) {
    assert.throws(
      () => homeSeries(generator, wanted),
      (error) => isProtocolError(error) && error.code === "INVALID_PARAMS",
      JSON.stringify(wanted),
    );
  }
});

test("after the last day comes the first again", () => {
  const generator = createGenerator(1);
  assert.deepEqual(daysOf(generator), { first: "2016-08-01", last: "2017-07-31", count: 365 });
  assert.equal(nextDay(generator, "2017-02-28"), "2017-03-01");
  assert.equal(nextDay(generator, "2017-07-31"), "2016-08-01");
  assert.equal(dayOf(dayStartS("2016-12-31") + 86_400), "2017-01-01");
});

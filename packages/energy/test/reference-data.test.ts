import assert from "node:assert/strict";
import { test } from "node:test";
import {
  daysOf,
  dayStartS,
  homeSeries,
  panelPowerW,
  profileSeries,
  readDataFolder,
  readReferenceData,
  sunPosition,
} from "@gridmesh/energy";
import { isProtocolError } from "@gridmesh/protocol";
import * as fc from "fast-check";
import { outsideText, without } from "./outside-data.ts";

const PVWATTS = "pvwatts_8760_denver_4kw_roofmount.csv";
const PVGIS = "pvgis_tmy_45N_8E.csv";

function sum(values: ArrayLike<number>): number {
  return Array.from(values).reduce((total, value) => total + value, 0);
}

function refused(read: () => unknown, message: RegExp): void {
  assert.throws(read, (error) => {
    assert.equal(isProtocolError(error) && error.code, "INVALID_PARAMS");
    assert.match(String(error instanceof Error && error.message), message);
    return true;
  });
}

test(
  "the panel makes a PVWatts year's energy within half a percent and each sunny hour within 50 W of 4 kW",
  { skip: without(`pv/${PVWATTS}`) },
  () => {
    const { pvWatts: year } = readReferenceData({ [PVWATTS]: outsideText(`pv/${PVWATTS}`) });
    assert.ok(year !== undefined);
    const panel = { ratedW: 4_000, tiltDegrees: 20, azimuthDegrees: 180 };
    const compare = (withinHourS: number) => {
      let made = 0;
      let missed = 0;
      year.powerW.forEach((powerW, hour) => {
        const sun = sunPosition(year.startS + hour * 3_600 + withinHourS, year);
        const sine = Math.max(0, Math.sin((sun.elevationDegrees * Math.PI) / 180));
        const [directWm2, diffuseWm2] = [year.directWm2[hour] ?? 0, year.diffuseWm2[hour] ?? 0];
        const irradiance = { globalWm2: directWm2 * sine + diffuseWm2, directWm2, diffuseWm2 };
        const power = panelPowerW(panel, { sun, irradiance, airC: year.airC[hour] ?? 0 });
        made += power;
        missed += Math.abs(power - powerW);
      });
      return {
        energy: made / sum(year.powerW) - 1,
        mae: missed / year.powerW.filter((powerW) => powerW > 0).length,
      };
    };
    const middle = compare(1_800);
    assert.equal(Math.abs(middle.energy) <= 0.005, true, `energy ${100 * middle.energy} %`);
    assert.equal(middle.mae <= 50, true, `${middle.mae} W`);
    assert.equal(compare(0).mae > 2 * middle.mae, true, "at the full hour the sun stands elsewhere");
  },
);

test(
  "the typical year of PVGIS has every hour once and no light at night",
  { skip: without(`pv/${PVGIS}`) },
  () => {
    const { pvgis } = readReferenceData({ [PVGIS]: outsideText(`pv/${PVGIS}`) });
    const global = pvgis?.columns.globalWm2;
    assert.ok(pvgis !== undefined && global !== undefined);
    assert.equal(pvgis.steps, 8_760);
    assert.equal(Math.round(sum(global) / 1_000), 1_436);
    assert.equal(Object.is(pvgis.columns.directWm2?.[0], 0), true, "-0.0 is 0");
    global.forEach((value, hour) => {
      if (hour % 24 < 2) assert.equal(value, 0);
    });
  },
);

test(
  "a half-hourly home is a dataset of whole days: 5,938 kWh of load, 1,296 of PV",
  { skip: without("ausgrid12/customer12_halfhourly.csv") },
  () => {
    const name = "customer12_halfhourly.csv";
    const { homes } = readDataFolder({ [name]: outsideText(`ausgrid12/${name}`) });
    assert.deepEqual(daysOf(homes), { first: "2011-07-01", last: "2012-06-30", count: 366 });
    assert.equal(Math.round(sum(homes.home(12).loadMilliWh) / 1e6), 5_938);
    assert.equal(Math.round(sum(homes.home(12).pvMilliWh) / 1e6), 1_296);
    const day = homeSeries(homes, { home: 12, day: "2011-07-01" });
    assert.equal(day.loadMilliWh.length, 24);
    assert.equal(day.loadMilliWh[0], (0.392 + 0.578) * 500_000);
    refused(() => homes.home(1), /no home 1/);
  },
);

test(
  "a business of 200 MWh follows its profile: least on Sundays, its year's energy within 2 %",
  { skip: without("bdew2025/g25.csv") },
  () => {
    const { profiles } = readReferenceData(
      Object.fromEntries(
        ["h25", "g25", "p25", "s25"].map((name) => [`${name}.csv`, outsideText(`bdew2025/${name}.csv`)]),
      ),
    );
    assert.deepEqual(
      profiles.map(({ name }) => name),
      ["h25", "g25", "p25", "s25"],
    );
    const business = profiles[1];
    assert.ok(business !== undefined);
    const annualMilliWh = 200e9;
    const year = profileSeries(business, { annualMilliWh, startS: dayStartS("2025-01-01"), days: 365 });
    assert.equal(year.length, 35_040);
    assert.equal(Math.abs(sum(year) / annualMilliWh - 1) < 0.02, true);
    // 14.832 kWh of a GWh in the first quarter of 1 January, a Wednesday.
    assert.equal(year[0], Math.round(14.832 * 200_000));
    const day = (index: number) => sum(year.subarray(96 * index, 96 * index + 96));
    const sunday = 4;
    assert.equal(day(sunday) < day(sunday - 1) && day(sunday - 1) < day(sunday - 2), true);
    const holiday = profileSeries(business, {
      annualMilliWh,
      startS: dayStartS("2025-01-01"),
      days: 1,
      holidays: new Set(["2025-01-01"]),
    });
    assert.equal(sum(holiday), day(sunday));
  },
);

test("prices, profiles, half hours and sun are refused with file and line when they are not what they seem", () => {
  const hours = (edit: (line: string, hour: number) => string) =>
    ["local_time,price_eur_mwh,dnn_ensemble,lear_ensemble"]
      .concat(
        Array.from({ length: 24 }, (_, hour) =>
          edit(`2016-01-01 ${String(hour).padStart(2, "0")}:00,-1,2,3`, hour),
        ),
      )
      .join("\n");
  const prices = (text: string) => readReferenceData({ "be_2016_hourly.csv": text }).dayAhead?.priceEurPerMWh;
  assert.deepEqual(
    [...(prices(hours((line) => line)) ?? [])],
    Array.from({ length: 24 }, () => -1),
  );
  refused(
    () => prices(hours((line, hour) => (hour === 5 ? line.replace("05:", "06:") : line))),
    /^be_2016_hourly\.csv:7: /,
  );
  refused(
    () =>
      prices(
        hours((line) => line)
          .split("\n")
          .slice(0, 20)
          .join("\n"),
      ),
    /:20: ends within a day/,
  );
  const half = (rows: string) =>
    readDataFolder({ "customer3_halfhourly.csv": `local_time,load_kw,pv_kw\n${rows}` });
  refused(() => half("2011-07-01 00:00,1,0\n2011-07-01 01:00,1,0"), /^customer3_halfhourly\.csv:3: /);
  refused(() => half("2011-07-01 00:00,-1,0"), /:2: load_kw is negative/);
  refused(() => half("2011-02-30 00:00,1,0"), /no day/);
  refused(() => readReferenceData({ "h25.csv": "a,b\nc,d\n1,2\n" }), /^h25\.csv: 1 quarter hours/);
  refused(() => readReferenceData({ [PVWATTS]: "x" }), /Lat|Long/);
  refused(
    () => readReferenceData({ [PVGIS]: "time(UTC),T2m\n20180101:0000,1\n" }),
    /^pvgis_tmy_45N_8E\.csv: not every hour/,
  );
  refused(() => readDataFolder({ "customers.csv": "", "homes.csv": "" }), /^customers\.csv: unknown file/);
});

test("whatever text stands in a record, it is read or refused with INVALID_PARAMS", () => {
  const names = [
    "be_2016_hourly.csv",
    "g25.csv",
    "grid_day_1s.csv",
    "frequency_event_pmu.csv",
    PVWATTS,
    PVGIS,
  ];
  const cell = fc.oneof(fc.string({ maxLength: 6 }), fc.integer({ min: -5, max: 99 }).map(String));
  const text = fc
    .array(
      fc.array(cell, { maxLength: 4 }).map((cells) => cells.join(",")),
      { maxLength: 30 },
    )
    .map((lines) => lines.join("\n"));
  fc.assert(
    fc.property(fc.constantFrom(...names), text, (name, content) => {
      try {
        readReferenceData({ [name]: content });
      } catch (error) {
        assert.equal(isProtocolError(error) && error.code, "INVALID_PARAMS", String(error));
      }
    }),
    { numRuns: 300 },
  );
});

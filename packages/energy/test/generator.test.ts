import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import {
  costExperiment,
  createGenerator,
  generatedDayAhead,
  generatedEnvironment,
  generatedFault,
  generatedGridDay,
  generatedJobs,
  healthyPv,
  planJob,
  pvHealthStep,
  recordExperiment,
  withPvFault,
} from "@gridmesh/energy";
import { fnv1a, randomStream, streamFrom } from "../src/data/random-stream.ts";
import { clearSkyWm2, sunPosition } from "../src/models/sun.ts";
import { communityYear, tariff } from "./neighbourhood.ts";

const HOMES = Array.from({ length: 10 }, (_, index) => index + 1);

test("the stream is xoshiro128**, its names hashed by FNV-1a", () => {
  const stream = streamFrom([1, 2, 3, 4]);
  const first = Array.from({ length: 8 }, () => stream.next());
  assert.deepEqual(
    first,
    [11_520, 0, 5_927_040, 70_819_200, 2_031_721_883, 1_637_235_492, 1_287_239_034, 3_734_860_849],
  );
  assert.equal(fnv1a(""), 0x811c9dc5);
  assert.equal(fnv1a("foobar"), 0xbf9cf968);
});

test("uniform and normal numbers have the mean and spread they claim", () => {
  const stream = randomStream(1, "test");
  const count = 20_000;
  const uniform = Array.from({ length: count }, () => stream.uniform(2, 4));
  const normal = Array.from({ length: count }, () => stream.normal());
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / count;
  assert.equal(Math.abs(mean(uniform) - 3) < 0.02, true);
  assert.equal(Math.min(...uniform) >= 2 && Math.max(...uniform) < 4, true);
  assert.equal(Math.abs(mean(normal)) < 0.03, true);
  assert.equal(Math.abs(mean(normal.map((value) => value * value)) - 1) < 0.05, true);
});

test("the generated homes of seed 1 are pinned", () => {
  const generator = createGenerator(1);
  const hash = createHash("sha256");
  for (const home of HOMES) {
    const year = generator.home(home);
    hash.update(JSON.stringify([home, year.ratedPvW, [...year.loadMilliWh], [...year.pvMilliWh]]));
  }
  assert.equal(hash.digest("hex"), "f595944798d68b22359e6cc6c7272fd1919581497433cc8e095d3543f528475f");
});

test("one more home, or another order of asking, changes no other home", () => {
  const one = createGenerator(7);
  const other = createGenerator(7);
  const third = [...one.home(3).loadMilliWh];
  for (const home of [99, 12, 3, 1]) other.home(home);
  assert.deepEqual([...other.home(3).loadMilliWh], third);
  assert.notDeepEqual([...one.home(4).loadMilliWh], third);
  assert.notDeepEqual([...createGenerator(8).home(3).loadMilliWh], third);
});

test("loads and PV are whole Wh, never negative, and no PV shines at night", () => {
  const year = createGenerator(5).home(2);
  for (let step = 0; step < year.loadMilliWh.length; step += 1) {
    const load = year.loadMilliWh[step] ?? -1;
    const pv = year.pvMilliWh[step] ?? -1;
    assert.equal(load > 0 && load % 1_000 === 0, true, `load ${load} at ${step}`);
    assert.equal(pv >= 0 && pv % 1_000 === 0 && pv <= 4_000_000, true, `pv ${pv} at ${step}`);
    if (step % 24 < 4 || step % 24 > 20) assert.equal(pv, 0);
  }
});

test("seeds 1 to 10 lie in the bands of the measured homes: yield, load, its share by day", () => {
  const loads: number[] = [];
  const shares: number[] = [];
  for (let seed = 1; seed <= 10; seed += 1) {
    const generator = createGenerator(seed);
    const yieldKWhPerKw = sum(generator.home(1).pvMilliWh) / 1_000 / (generator.home(1).ratedPvW ?? 1);
    assert.equal(
      yieldKWhPerKw >= 1_347 && yieldKWhPerKw <= 1_552,
      true,
      `seed ${seed}: ${yieldKWhPerKw} kWh/kW`,
    );
    for (const home of HOMES) {
      const { loadMilliWh } = generator.home(home);
      loads.push(sum(loadMilliWh) / 1_000_000);
      const daytime = loadMilliWh.filter((_, step) => step % 24 >= 9 && step % 24 < 17);
      shares.push(sum(daytime) / sum(loadMilliWh));
    }
  }
  const mean = (values: readonly number[]) =>
    values.reduce((total, value) => total + value, 0) / values.length;
  assert.equal(Math.abs(mean(loads) / 9_421 - 1) < 0.03, true, `mean load ${mean(loads)} kWh`);
  assert.equal(Math.abs(mean(shares) - 0.38) < 0.02, true, `share 9 to 17 h ${mean(shares)}`);
});

test("trading its surplus saves the generated community 12 to 17 % of a year, sharing batteries 16 to 23 %", () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const row = costExperiment(createGenerator(seed), ["guide"]).find(
      ({ tariff }) => tariff.feedInMicroPerKWh === 50_000,
    );
    assert.ok(row !== undefined);
    const [traded, shared] = [row.trading.savedPercent ?? 0, row.sharedBatteries.savedPercent ?? 0];
    assert.equal(traded >= 12 && traded <= 17, true, `seed ${seed}: ${traded} %`);
    assert.equal(shared >= 16 && shared <= 23, true, `seed ${seed}: ${shared} %`);
    assert.equal(row.homePercent.least >= 7, true, `seed ${seed}: least home ${row.homePercent.least} %`);
  }
});

test("the day-by-day match of a year saves what the year's sum says", () => {
  const days = communityYear(createGenerator(1), "2016-08-01", 365);
  const baseline = days.reduce((total, day) => total + day.saving.baselineMicro, 0);
  const actual = days.reduce((total, day) => total + day.saving.actualMicro, 0);
  const between = days.reduce((total, day) => total + day.betweenHomesMilliWh, 0);
  const perKWh = (baseline - actual) / (between / 1_000_000);
  // Every kWh between neighbours saves retail less feed-in, whatever the ask: the least trade rounds nothing away.
  assert.equal(
    Math.abs(perKWh - (tariff.retailMicroPerKWh - tariff.feedInMicroPerKWh)) < 10,
    true,
    `${perKWh}`,
  );
  assert.equal(
    days.every((day) => day.trades.length >= 50),
    true,
  );
});

test("the environment of a seed is its homes' weather: light where they have sun, dear evenings, carbon without sun", () => {
  const environment = generatedEnvironment(4);
  const { globalWm2, priceMicroPerKWh, carbonGPerKWh } = environment.columns;
  assert.ok(globalWm2 !== undefined && priceMicroPerKWh !== undefined && carbonGPerKWh !== undefined);
  const generator = createGenerator(4);
  assert.deepEqual([environment.startS, environment.steps], [generator.startS, generator.steps]);
  generator.home(1).pvMilliWh.forEach((pv, step) => {
    assert.equal(pv > 0 && globalWm2[step] === 0, false, `sun without light at ${step}`);
  });
  // Monday 1 August 2016, 15 and 16 h; Saturday the 6th, 16 h; Monday 7 November, 16 h.
  const price = (day: number, hour: number) => priceMicroPerKWh[24 * day + hour];
  assert.deepEqual(
    [price(0, 15), price(0, 16), price(5, 16), price(98, 16)],
    [220_000, 540_000, 400_000, 500_000],
  );
  assert.equal(Math.max(...carbonGPerKWh) <= 230 && Math.min(...carbonGPerKWh) >= 100, true);
});

test("generated day-ahead prices have a plausible mean, evenings dearer than nights, few negative hours", () => {
  for (const seed of [1, 2, 3]) {
    const prices = generatedDayAhead(seed);
    const at = (hour: number) => sum(prices.filter((_, step) => step % 24 === hour)) / 365;
    const mean = sum(prices) / prices.length;
    assert.equal(mean > 30_000 && mean < 50_000, true, `mean ${mean}`);
    assert.equal(at(19) > 1.5 * at(3), true);
    assert.equal(prices.filter((price) => price < 0).length < 90, true);
  }
});

test("a generated grid day never leaves normal operation and moves as much as a recorded one", () => {
  for (const seed of [1, 2, 3]) {
    const day = recordExperiment(generatedGridDay(seed));
    assert.deepEqual([day.seconds, day.inBandPercent, day.stages.length], [86_400, 100, 0]);
    assert.equal(day.minHz > 59.9 && day.minHz < 59.98 && day.maxHz > 60.02 && day.maxHz < 60.1, true);
  }
});

test("a generated fault that costs a plant two fifths or more is found within a month, a sound plant is left alone", () => {
  let found = 0;
  for (let home = 1; home <= 20; home += 1) {
    const sound = createGenerator(6).home(home);
    const fault = generatedFault(6, home);
    assert.equal(fault.fromDay >= 60 && fault.fromDay <= 300, true);
    if (fault.leftPermille > 600) continue;
    const broken = withPvFault(sound, fault);
    let state = healthyPv;
    let foundOn = -1;
    for (let day = 0; day < 365 && foundOn < 0; day += 1) {
      const energy = (values: Float64Array) => sum(values.subarray(24 * day, 24 * day + 24));
      state = pvHealthStep(state, {
        madeMilliWh: energy(broken.pvMilliWh),
        modelMilliWh: energy(sound.pvMilliWh),
      });
      if (state.fault) foundOn = day;
    }
    assert.equal(
      foundOn >= fault.fromDay && foundOn < fault.fromDay + 30,
      true,
      `home ${home}: day ${foundOn}`,
    );
    found += 1;
  }
  assert.equal(found >= 5, true, `${found} faults`);
});

test("every generated job fits before its deadline", () => {
  const startS = createGenerator(1).startS;
  for (let day = 0; day < 50; day += 1) {
    const dayS = startS + 86_400 * day;
    const jobs = generatedJobs(9, dayS);
    assert.equal(jobs.length, 3);
    const prices = {
      startS: dayS,
      slotS: 3_600,
      priceMicroPerKWh: Array.from({ length: 24 }, (_, hour) => hour),
    };
    for (const job of jobs) assert.notEqual(planJob(job, prices), null);
    assert.deepEqual(jobs, generatedJobs(9, dayS));
  }
});

test("the sun stands where an almanac says", () => {
  const place = { latitudeDegrees: 38, longitudeDegrees: 0 };
  const noon = sunPosition(Date.parse("2017-06-21T12:02:00Z") / 1_000, place);
  assert.equal(Math.abs(noon.elevationDegrees - (90 - 38 + 23.43)) < 0.05, true, `${noon.elevationDegrees}`);
  assert.equal(Math.abs(noon.azimuthDegrees - 180) < 1, true, `${noon.azimuthDegrees}`);
  const winter = sunPosition(Date.parse("2016-12-21T11:58:00Z") / 1_000, place);
  assert.equal(
    Math.abs(winter.elevationDegrees - (90 - 38 - 23.43)) < 0.05,
    true,
    `${winter.elevationDegrees}`,
  );
  const equinox = sunPosition(Date.parse("2017-03-20T06:07:00Z") / 1_000, place);
  assert.equal(Math.abs(equinox.elevationDegrees) < 0.6, true, `${equinox.elevationDegrees}`);
  assert.equal(Math.abs(equinox.azimuthDegrees - 90) < 1, true, `${equinox.azimuthDegrees}`);
  assert.equal(clearSkyWm2(-1), 0);
  assert.equal(Math.round(clearSkyWm2(90)), 1_037);
});

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

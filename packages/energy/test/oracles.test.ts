import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import {
  clearingConformance,
  type ConformanceResult,
  curveConformance,
  curveStep,
  examplesConformance,
  gsyConformance,
  othersReach,
  sumCurves,
} from "@gridmesh/energy";

const DATA = resolve(dirname(fileURLToPath(import.meta.url)), "../../../../shared/data/energy");

function oracle(file: string): { readonly skip: string | false; readonly read: () => string } {
  const path = join(DATA, file);
  const skip = existsSync(path) ? false : `no ../shared/data/energy/${file} beside the repository`;
  return { skip, read: () => readFileSync(path, "utf8") };
}

function allPass({ file, total, passed, failures }: ConformanceResult, t: TestContext): void {
  assert.deepEqual(failures, []);
  assert.ok(total > 0, "the file holds no case");
  t.diagnostic(`${file}: ${passed} of ${total}`);
}

const clearing = oracle("oracles/clearing_cases.json");

test("clearing_cases.json: call-uniform finds every optimum", { skip: clearing.skip }, (t) => {
  allPass(clearingConformance(clearing.read()), t);
});

test("clearing_cases.json: gsy-pay-as-bid makes GSy's trades", { skip: clearing.skip }, (t) => {
  allPass(gsyConformance(clearing.read()), t);
  for (const { engine, reached, total } of othersReach(clearing.read())) {
    t.diagnostic(`${engine} reaches ${reached} of ${total} optima`);
    assert.ok(reached <= total && total === 23, engine);
  }
});

const published = oracle("oracles/published_examples.json");

test("published_examples.json: worked examples clear as published", { skip: published.skip }, (t) => {
  allPass(examplesConformance(published.read()), t);
});

const powerMatcher = oracle("powermatcher-vectors/vectors.json");

test("vectors.json: PowerMatcher's bids sum and price as its own", { skip: powerMatcher.skip }, (t) => {
  allPass(curveConformance(powerMatcher.read()), t);
});

test("a book with one answer changed is named", { skip: clearing.skip }, () => {
  const file = JSON.parse(clearing.read()) as { cases: { name: string; optimum: { volume_kwh: number } }[] };
  const [first] = file.cases;
  assert.ok(first !== undefined);
  first.optimum.volume_kwh += 1;
  const { failures } = clearingConformance(JSON.stringify(file));
  assert.deepEqual(failures, [`${first.name}: another volume`]);
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

import assert from "node:assert/strict";
import { test } from "node:test";
import { metricTable } from "../src/metric-table.ts";
import { createMetrics, type MetricFamily } from "../src/metrics.ts";

function family(families: readonly MetricFamily[], name: string): MetricFamily {
  const found = families.find((one) => one.name === name);
  assert.ok(found !== undefined, name);
  return found;
}

test("every metric of the table is told, in its order, and none else", () => {
  assert.deepEqual(
    createMetrics()
      .collect()
      .map(({ name }) => name),
    Object.keys(metricTable),
  );
});

test("a counter adds up under its labels, and a value outside the table counts as other", () => {
  const metrics = createMetrics();
  metrics.counter("anycast_tries_total", { result: "answered" }).add();
  metrics.counter("anycast_tries_total", { result: "answered" }).add(2);
  using _one = metrics.read("dials_total", () => [
    { labels: { result: "cut" }, value: 4 },
    { labels: { result: "12D3KooWStranger" }, value: 5 },
    { labels: { result: "another stranger" }, value: 6 },
  ]);
  const values = (name: string) =>
    family(metrics.collect(), name)
      .samples.filter(({ value }) => value > 0)
      .map(({ labels, value }) => [Object.values(labels).join(), value]);
  assert.deepEqual(values("anycast_tries_total"), [["answered", 3]]);
  assert.deepEqual(values("dials_total"), [
    ["cut", 4],
    ["other", 11],
  ]);
});

test("a label that has no room for others refuses what it does not list", () => {
  const metrics = createMetrics();
  const odd = "PEER_NEVER_HEARD_OF" as "PEER_NOT_FOUND";
  assert.throws(() => metrics.count("errors_total", { code: odd }), { code: "ERR_ASSERTION" });
});

test("metrics of few series are told while still zero, those of many only once they count", () => {
  const metrics = createMetrics();
  assert.equal(family(metrics.collect(), "links").samples.length, 6);
  assert.equal(family(metrics.collect(), "errors_total").samples.length, 0);
  assert.equal(family(metrics.collect(), "clock_offset_seconds").samples.length, 0);
});

test("a histogram puts each value into the lowest bucket that holds it", () => {
  const metrics = createMetrics();
  const calls = metrics.histogram("call_duration_seconds", { route: "peer" });
  for (const seconds of [0.0005, 0.0006, 0.3, 31]) calls.observe(seconds);
  const { buckets, histograms } = family(metrics.collect(), "call_duration_seconds");
  const [seen] = histograms;
  assert.ok(seen !== undefined);
  assert.equal(seen.count, 4);
  assert.equal(seen.sum, 31.3011);
  const filled = seen.counts.flatMap((count, at) => (count > 0 ? [[buckets[at] ?? "beyond", count]] : []));
  assert.deepEqual(filled, [
    [0.0005, 1],
    [0.001, 1],
    [0.5, 1],
    ["beyond", 1],
  ]);
});

test("what is read ends with its reader", () => {
  const metrics = createMetrics();
  const reader = metrics.read("registry_records", () => [{ labels: {}, value: 7 }]);
  assert.deepEqual(family(metrics.collect(), "registry_records").samples, [{ labels: {}, value: 7 }]);
  reader[Symbol.dispose]();
  assert.deepEqual(family(metrics.collect(), "registry_records").samples, []);
});

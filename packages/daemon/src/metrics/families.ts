/** The node's metrics as prom-client renders them. */

import type { HistogramSample, MetricFamily } from "@gridmesh/node";
import type { Metric } from "prom-client";

const PREFIX = "gridmesh_";

interface Row {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

/** One collector per family; what it shows is taken from `seen` at each rendering. */
export function asCollectors(
  families: readonly MetricFamily[],
  seen: () => readonly MetricFamily[],
): readonly Metric[] {
  return families.map(({ name, kind, help }, index) => {
    const own = `${PREFIX}${name}`;
    const collector = {
      name: own,
      get: () => {
        const family = seen()[index];
        const values = family === undefined ? [] : rowsOf(own, family);
        return Promise.resolve({ name: own, help, type: kind, values, aggregator: "sum" });
      },
    };
    // The registry asks a metric for its name and `get` alone; the rest of the class is for those who set values.
    return collector as unknown as Metric;
  });
}

function rowsOf(name: string, { samples, histograms, buckets }: MetricFamily): readonly Row[] {
  return [...samples, ...histograms.flatMap((histogram) => histogramRows(name, histogram, buckets))];
}

function histogramRows(name: string, histogram: HistogramSample, buckets: readonly number[]): Row[] {
  const { labels, sum, count, counts } = histogram;
  let below = 0;
  const rows = buckets.map((bound, index): Row => {
    below += counts[index] ?? 0;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: below };
  });
  return [
    ...rows,
    { metricName: `${name}_bucket`, labels: { ...labels, le: "+Inf" }, value: count },
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}

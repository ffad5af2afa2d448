/** A prom-client registry as the sink that foreign parts of the network put metrics of their own into. */

import type { MetricSink } from "@gridmesh/node";
import type { Registry } from "prom-client";

export interface ForeignMetrics {
  readonly registry: Registry;
  readonly sink: MetricSink;
}

export async function openForeignMetrics(): Promise<ForeignMetrics> {
  const { default: prometheus } = await import("prom-client");
  const { Gauge, Histogram, Registry } = prometheus;
  const registry = new Registry();
  const before = new Set<() => void>();
  const shape = ({ name, help, labelNames }: Parameters<MetricSink["gauge"]>[0]) => ({
    name,
    help: help === "" ? name : help,
    labelNames: [...labelNames],
    registers: [registry],
  });
  const sink: MetricSink = {
    gauge(given) {
      const gauge = new Gauge(shape(given));
      return {
        set: (labels, value) => gauge.set({ ...labels }, value),
        inc: (labels, by) => gauge.inc({ ...labels }, by),
      };
    },
    histogram(given) {
      const { buckets } = given;
      const histogram = new Histogram({
        ...shape(given),
        // Where a bound follows from a setting that is zero, several are the same.
        ...(buckets === undefined ? {} : { buckets: [...new Set(buckets)] }),
      });
      return {
        observe: (labels, value) => histogram.observe({ ...labels }, value),
        reset: () => histogram.reset(),
      };
    },
    onCollect: (fn) => before.add(fn),
  };
  return { registry: collectingFirst(registry, before), sink };
}

/** Runs what brings gauges up to date before each rendering. */
function collectingFirst(registry: Registry, before: ReadonlySet<() => void>): Registry {
  const render = registry.metrics.bind(registry);
  registry.metrics = () => {
    for (const fn of before) fn();
    return render();
  };
  return registry;
}

/** Every metric of the process in Prometheus' text form: the node's closed table, the process's own, and where asked for libp2p's. */

import type { MetricFamily } from "@gridmesh/node";
import type { Registry } from "prom-client";
import { asCollectors } from "./families.ts";
import { processMetrics } from "./process-metrics.ts";

export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
}

/** A page over one registry; `registry` may hold foreign metrics already. */
export async function openMetricsPage(
  families: () => readonly MetricFamily[],
  registry?: Registry,
): Promise<MetricsPage> {
  const { default: prometheus } = await import("prom-client");
  const own = registry ?? new prometheus.Registry();
  let seen: readonly MetricFamily[] = families();
  for (const collector of asCollectors(seen, () => seen)) own.registerMetric(collector);
  dropForeignProcessMetrics(own);
  for (const metric of processMetrics(prometheus)) own.registerMetric(metric);
  return {
    contentType: own.contentType,
    async text() {
      // One look serves the whole page: figures that belong together agree.
      seen = families();
      return await own.metrics();
    },
  };
}

/** libp2p brings figures of the process too, in a form of its own. */
function dropForeignProcessMetrics(registry: Registry): void {
  for (const { name } of registry.getMetricsAsArray() as unknown as readonly { readonly name: string }[]) {
    if (/^(?:process|nodejs)_/.test(name)) registry.removeSingleMetric(name);
  }
}

/**
 * What prom-client knows of the process, by a list of our own: some of its names break the rules of naming.
 * Of metrics that are measured together the first brings the others up to date, so it stands before them.
 */

import type * as Prometheus from "prom-client";

export const processMetricNames: readonly string[] = [
  "process_cpu_user_seconds_total",
  "process_cpu_system_seconds_total",
  "process_cpu_seconds_total",
  "process_start_time_seconds",
  "process_resident_memory_bytes",
  "process_open_fds",
  "process_max_fds",
  "nodejs_eventloop_lag_seconds",
  "nodejs_eventloop_lag_p50_seconds",
  "nodejs_eventloop_lag_p99_seconds",
  "nodejs_heap_size_total_bytes",
  "nodejs_heap_size_used_bytes",
  "nodejs_external_memory_bytes",
  "nodejs_gc_duration_seconds",
  "nodejs_version_info",
];

type Toolbox = Pick<typeof Prometheus, "Registry" | "collectDefaultMetrics">;

/** Collecting begins with the first call. */
export function processMetrics(prometheus: Toolbox): readonly Prometheus.Metric[] {
  const everything = new prometheus.Registry();
  prometheus.collectDefaultMetrics({ register: everything });
  return processMetricNames.flatMap((name) => everything.getSingleMetric(name) ?? []);
}

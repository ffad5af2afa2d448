import type { MetricsRegister } from "@libp2p/gossipsub/metrics";
import type { GaugeSink, MetricLabels, MetricSink } from "../metric-sink.ts";

interface Shape {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  readonly buckets?: number[];
}

/** Gossip's metrics, about a hundred, over a sink: values come with or without labels before them. */
export function gossipMetrics(sink: MetricSink, monotonicMs: () => number): MetricsRegister {
  const gauge = (shape: Shape) => {
    const into = sink.gauge(plain(shape));
    const own = {
      inc: (first?: MetricLabels | number, second?: number) => {
        const { labels, value } = split(first ?? 1, second ?? 1);
        into.inc(labels, value);
      },
      set: (first: MetricLabels | number, second?: number) => {
        const { labels, value } = split(first, second ?? 0);
        into.set(labels, value);
      },
      addCollect: (collect: (metric: unknown) => void) => sink.onCollect(() => collect(own)),
    };
    return own;
  };
  const histogram = (shape: Shape) => {
    const into = sink.histogram({ ...plain(shape), buckets: shape.buckets });
    return {
      startTimer: () => {
        const startMs = monotonicMs();
        return () => into.observe({}, (monotonicMs() - startMs) / 1_000);
      },
      observe: (first: MetricLabels | number, second?: number) => {
        const { labels, value } = split(first, second ?? 0);
        into.observe(labels, value);
      },
      reset: () => into.reset(),
    };
  };
  const avgMinMax = (shape: Shape) => {
    const part = (name: string): GaugeSink =>
      sink.gauge({ ...plain(shape), name: `${shape.name}_${name}`, help: `${shape.help} (${name})` });
    const [avg, min, max] = [part("avg"), part("min"), part("max")];
    return {
      set: (first: MetricLabels | number[], second?: number[]) => {
        const [labels, values] = Array.isArray(first) ? [{}, first] : [first, second ?? []];
        const sum = values.reduce((total, value) => total + value, 0);
        avg.set(labels, values.length === 0 ? 0 : sum / values.length);
        min.set(labels, values.length === 0 ? 0 : values.reduce((a, b) => Math.min(a, b)));
        max.set(labels, values.length === 0 ? 0 : values.reduce((a, b) => Math.max(a, b)));
      },
    };
  };
  // The library types each method by its labels; one body serves them all.
  return { gauge, histogram, avgMinMax } as unknown as MetricsRegister;
}

function plain(shape: Shape): { name: string; help: string; labelNames: readonly string[] } {
  return { name: shape.name, help: shape.help, labelNames: shape.labelNames ?? [] };
}

function split(first: MetricLabels | number, second: number): { labels: MetricLabels; value: number } {
  return typeof first === "number" ? { labels: {}, value: first } : { labels: first, value: second };
}

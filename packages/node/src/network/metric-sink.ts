/** Where foreign parts put metrics of their own: what `prom-client` offers, without it. */

interface MetricShape {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

export type MetricLabels = Readonly<Record<string, string | number>>;

export interface GaugeSink {
  set(labels: MetricLabels, value: number): void;
  inc(labels: MetricLabels, by: number): void;
}

interface HistogramSink {
  observe(labels: MetricLabels, value: number): void;
  reset(): void;
}

export interface MetricSink {
  gauge(shape: MetricShape): GaugeSink;
  histogram(shape: MetricShape & { readonly buckets?: readonly number[] | undefined }): HistogramSink;
  /** `fn` brings gauges up to date; called before each rendering. */
  onCollect(fn: () => void): void;
}

/**
 * Counts and times what a node does, at the cost of an addition: the names are those of one closed table, and what can
 * be read off the node's state is read only when somebody asks.
 */

import assert from "node:assert/strict";
import {
  type CounterName,
  type GaugeName,
  type HistogramName,
  type LabelsOf,
  type MetricEntry,
  type MetricName,
  metricTable,
  OTHER,
} from "./metric-table.ts";

type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** A histogram's state: `counts[i]` observations within `buckets[i]` and above the bucket before, the last beyond all. */
export interface HistogramSample {
  readonly labels: Labels;
  readonly sum: number;
  readonly count: number;
  readonly counts: readonly number[];
}

/** One metric as it stands. */
export interface MetricFamily {
  readonly name: MetricName;
  readonly kind: MetricEntry["kind"];
  readonly help: string;
  readonly buckets: readonly number[];
  readonly samples: readonly Sample[];
  readonly histograms: readonly HistogramSample[];
}

export interface Counter {
  add(by?: number): void;
}

interface Histogram {
  observe(value: number): void;
}

export interface Metrics {
  /** A counter bound to its labels: keep it, an `add` is then an addition. */
  counter<Name extends CounterName>(name: Name, labels: LabelsOf<Name>): Counter;
  /** A histogram bound to its labels: keep it. */
  histogram<Name extends HistogramName>(name: Name, labels: LabelsOf<Name>): Histogram;
  /** Counts once, where the labels are known only now. */
  count<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, by?: number): void;
  /** A metric read when asked for; of two samples with the same labels the sum is told. */
  read(name: GaugeName | CounterName, samples: () => Iterable<Sample>): Disposable;
  /** Every metric of the table, in its order. */
  collect(): readonly MetricFamily[];
}

export function createMetrics(): Metrics {
  return new MetricBook();
}

class MetricBook implements Metrics {
  readonly #cells = new Map<MetricName, Map<string, CounterCell>>();
  readonly #histograms = new Map<MetricName, Map<string, HistogramCell>>();
  readonly #readers = new Map<MetricName, Set<() => Iterable<Sample>>>();

  counter<Name extends CounterName>(name: Name, labels: LabelsOf<Name>): Counter {
    return this.#counter(name, closed(name, labels));
  }

  histogram<Name extends HistogramName>(name: Name, labels: LabelsOf<Name>): Histogram {
    const known = closed(name, labels);
    const cells = entryOf(this.#histograms, name);
    const key = keyOf(known);
    const cell = cells.get(key) ?? new HistogramCell(known, bucketsOf(name));
    cells.set(key, cell);
    return cell;
  }

  count<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, by = 1): void {
    this.#counter(name, closed(name, labels)).add(by);
  }

  read(name: GaugeName | CounterName, samples: () => Iterable<Sample>): Disposable {
    const readers = this.#readers.get(name) ?? new Set();
    this.#readers.set(name, readers.add(samples));
    return { [Symbol.dispose]: () => readers.delete(samples) };
  }

  collect(): readonly MetricFamily[] {
    return (Object.keys(metricTable) as readonly MetricName[]).map((name) => {
      const { kind, help } = metricTable[name];
      const histograms = [...(this.#histograms.get(name)?.values() ?? [])].map((cell) => cell.seen());
      return { name, kind, help, buckets: bucketsOf(name), samples: this.#samples(name), histograms };
    });
  }

  #samples(name: MetricName): readonly Sample[] {
    const sums = new Map<string, { labels: Labels; value: number }>();
    for (const labels of zeros(name)) sums.set(keyOf(labels), { labels, value: 0 });
    const add = ({ labels, value }: Sample) => {
      const known = closed(name, labels);
      const sum = entryFor(sums, keyOf(known), () => ({ labels: known, value: 0 }));
      sum.value += value;
    };
    for (const cell of this.#cells.get(name)?.values() ?? []) add(cell);
    for (const reader of this.#readers.get(name) ?? []) for (const sample of reader()) add(sample);
    return [...sums.values()];
  }

  #counter(name: MetricName, labels: Labels): CounterCell {
    return entryFor(entryOf(this.#cells, name), keyOf(labels), () => new CounterCell(labels));
  }
}

class CounterCell implements Counter, Sample {
  readonly labels: Labels;
  value = 0;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  add(by = 1): void {
    this.value += by;
  }
}

class HistogramCell implements Histogram {
  readonly #labels: Labels;
  readonly #buckets: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(labels: Labels, buckets: readonly number[]) {
    this.#labels = labels;
    this.#buckets = buckets;
    this.#counts = Array.from({ length: buckets.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const buckets = this.#buckets;
    let at = 0;
    while (at < buckets.length && value > (buckets[at] ?? 0)) at += 1;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
    this.#count += 1;
  }

  seen(): HistogramSample {
    return { labels: this.#labels, sum: this.#sum, count: this.#count, counts: [...this.#counts] };
  }
}

/** The labels as the table has them: a value it does not list becomes `other`. */
function closed(name: MetricName, labels: Labels): Labels {
  const entry: MetricEntry = metricTable[name];
  return Object.fromEntries(
    Object.entries(entry.labels ?? {}).map(([label, values]) => {
      const value = labels[label];
      assert(value !== undefined, `${name} needs the label ${label}`);
      // A label without a list is set by ourselves alone.
      if (values.length === 0 || values.includes(value)) return [label, value];
      assert(values.includes(OTHER), `${name}{${label}="${value}"} is not in the table`);
      return [label, OTHER];
    }),
  );
}

/** So many series at most are told while they are still zero, so that an alert can tell zero from nothing. */
const MAX_ZEROS = 16;

/** Every combination of a metric's labels, where they are few. */
function zeros(name: MetricName): readonly Labels[] {
  const entry: MetricEntry = metricTable[name];
  const labels = Object.entries(entry.labels ?? {});
  const count = labels.reduce((product, [, values]) => product * values.length, 1);
  if (entry.kind === "histogram" || labels.length === 0 || count > MAX_ZEROS) return [];
  return labels.reduce<readonly Labels[]>(
    (rows, [label, values]) => rows.flatMap((row) => values.map((value) => ({ ...row, [label]: value }))),
    [{}],
  );
}

function bucketsOf(name: MetricName): readonly number[] {
  const entry: MetricEntry = metricTable[name];
  return entry.buckets ?? [];
}

function keyOf(labels: Labels): string {
  return Object.values(labels).join("\n");
}

function entryOf<Cell>(cells: Map<MetricName, Map<string, Cell>>, name: MetricName): Map<string, Cell> {
  return entryFor(cells, name, () => new Map<string, Cell>());
}

function entryFor<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

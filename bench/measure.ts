/** Figures and what they are held against, measured in the same run: on a busy machine only ratios last. */

export interface BenchOptions {
  /** A look at whether it works at all, within three seconds; its figures say little. */
  readonly quick: boolean;
}

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** One line: a figure, and the baselines beside it with the ratio figure ÷ baseline. */
export interface Line extends Figure {
  readonly beside: readonly (Figure & { readonly ratio: number })[];
}

export interface Load {
  readonly perSecond: number;
  readonly done: number;
  /** Milliseconds of each, ascending. */
  readonly tookMs: readonly number[];
}

export function line(figure: Figure, ...beside: readonly Figure[]): Line {
  return { ...figure, beside: beside.map((other) => ({ ...other, ratio: figure.value / other.value })) };
}

export function formatLine({ name, value, unit, beside }: Line): string {
  const others = beside.map(
    (other) => `${other.ratio.toPrecision(3)} × ${other.name} (${short(other.value)} ${other.unit})`,
  );
  return [`${name}: ${short(value)} ${unit}`, ...others].join("; ");
}

function short(value: number): string {
  return value >= 100 ? Math.round(value).toString() : value.toPrecision(3);
}

/** Nearest rank; `part` 0 … 1. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)];
  if (value === undefined) throw new Error("nothing was measured");
  return value;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** What has not come by then is lost: as long as a node waits for the answer to a call, ms. */
const LOST_MS = 30_000;

/**
 * Does `work` over and over for a time, so many at once; every one that was begun is waited for.
 * @throws when one is not done `lostMs` after that time
 */
export async function underLoad(
  {
    atOnce,
    forMs,
    lostMs = LOST_MS,
  }: { readonly atOnce: number; readonly forMs: number; readonly lostMs?: number },
  work: (n: number, lane: number) => Promise<void>,
): Promise<Load> {
  const tookMs: number[] = [];
  const startMs = performance.now();
  let begun = 0;
  const lane = async (_: unknown, index: number): Promise<void> => {
    while (performance.now() - startMs < forMs) {
      const beganMs = performance.now();
      await work((begun += 1), index);
      tookMs.push(performance.now() - beganMs);
    }
  };
  const { promise: lost, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`${begun - tookMs.length} answers were lost`)),
    forMs + lostMs,
  );
  try {
    await Promise.race([lost, Promise.all(Array.from({ length: atOnce }, lane))]);
  } finally {
    clearTimeout(timer);
  }
  const perSecond = (tookMs.length * 1_000) / (performance.now() - startMs);
  return { perSecond, done: tookMs.length, tookMs: tookMs.toSorted((a, b) => a - b) };
}

/** Measures all in turn, round after round, so that a busy moment meets each of them; the medians per name. */
export async function inTurn<Name extends string>(
  rounds: number,
  measures: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number>> {
  const entries = Object.entries(measures) as [Name, () => Promise<number>][];
  const seen = new Map<Name, number[]>(entries.map(([name]) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, measure] of entries) seen.get(name)?.push(await measure());
  }
  return Object.fromEntries([...seen].map(([name, values]) => [name, median(values)])) as Record<
    Name,
    number
  >;
}

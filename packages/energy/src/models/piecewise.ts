/** Convex, piecewise linear functions on an interval: what an exact plan of a battery is computed with. */

/** A function by its left end and its pieces; slopes rise from piece to piece. */
export interface Convex {
  /** Left end of the interval. */
  readonly from: number;
  /** Value at the left end. */
  readonly value: number;
  readonly widths: readonly number[];
  readonly slopes: readonly number[];
}

/** Right end of the interval. */
function endOf(f: Convex): number {
  let end = f.from;
  for (const width of f.widths) end += width;
  return end;
}

/** 0 on an interval. */
export function flat(from: number, to: number): Convex {
  return to > from
    ? { from, value: 0, widths: [to - from], slopes: [0] }
    : { from, value: 0, widths: [], slopes: [] };
}

/** From (x, slope of the piece that ends at x) pairs; empty pieces vanish, equal neighbours join. */
export function fromPieces(
  from: number,
  value: number,
  pieces: readonly (readonly [width: number, slope: number])[],
): Convex {
  const widths: number[] = [];
  const slopes: number[] = [];
  for (const [width, slope] of pieces) append(widths, slopes, [width, slope]);
  return { from, value, widths, slopes };
}

function append(widths: number[], slopes: number[], piece: readonly [width: number, slope: number]): void {
  const [width, slope] = piece;
  if (width <= 0) return;
  const last = slopes.length - 1;
  if (slopes[last] === slope) widths[last] = (widths[last] ?? 0) + width;
  else {
    widths.push(width);
    slopes.push(slope);
  }
}

/** x ↦ f(−x). */
export function mirrored(f: Convex): Convex {
  let value = f.value;
  f.widths.forEach((width, index) => {
    value += width * (f.slopes[index] ?? 0);
  });
  return {
    from: -endOf(f),
    value,
    widths: f.widths.toReversed(),
    slopes: f.slopes.toReversed().map((slope) => -slope),
  };
}

/** x ↦ min over y of f(y) + g(x − y): both lists of slopes, merged. */
export function merged(f: Convex, g: Convex): Convex {
  const widths: number[] = [];
  const slopes: number[] = [];
  let atF = 0;
  let atG = 0;
  while (atF < f.slopes.length || atG < g.slopes.length) {
    const slopeF = f.slopes[atF] ?? Number.POSITIVE_INFINITY;
    const slopeG = g.slopes[atG] ?? Number.POSITIVE_INFINITY;
    if (slopeF <= slopeG) append(widths, slopes, [f.widths[atF++] ?? 0, slopeF]);
    else append(widths, slopes, [g.widths[atG++] ?? 0, slopeG]);
  }
  return { from: f.from + g.from, value: f.value + g.value, widths, slopes };
}

/** Ends that are nearer to each other than this meet: a millionth of a mWh is rounding. */
const EQUAL_ENDS = 1e-6;

/** f on the part of its interval that lies in from … to; null when none does. */
export function cut(f: Convex, from: number, to: number): Convex | null {
  const left = Math.max(f.from, from);
  const right = Math.min(endOf(f), to);
  if (left > right + EQUAL_ENDS) return null;
  const widths: number[] = [];
  const slopes: number[] = [];
  let { value } = f;
  let at = f.from;
  f.widths.forEach((width, index) => {
    const slope = f.slopes[index] ?? 0;
    const start = at;
    at += width;
    value += slope * Math.max(0, Math.min(at, left) - start);
    append(widths, slopes, [Math.min(at, right) - Math.max(start, left), slope]);
  });
  return { from: left, value, widths, slopes };
}

/** x ↦ f(x·factor), factor > 0. */
export function stretched(f: Convex, factor: number): Convex {
  if (factor === 1) return f;
  return {
    from: f.from / factor,
    value: f.value,
    widths: f.widths.map((width) => width / factor),
    slopes: f.slopes.map((slope) => slope * factor),
  };
}

/** f at x, which lies in its interval up to rounding. */
export function valueAt(f: Convex, x: number): number {
  let { value } = f;
  let left = x - f.from;
  for (let index = 0; index < f.widths.length && left > 0; index += 1) {
    const step = Math.min(left, f.widths[index] ?? 0);
    value += step * (f.slopes[index] ?? 0);
    left -= step;
  }
  return value;
}

/** Slopes that differ by less than this are equal: the sums of two lists carry rounding. */
const EQUAL_SLOPES = 1e-12;

/**
 * The x nearest to `wanted` among those where f(x) + g(x − shift) is least; null when their intervals do not meet.
 * Both lists are walked once.
 */
export function leastAt(
  f: Convex,
  g: Convex,
  place: { readonly shift: number; readonly wanted: number },
): number | null {
  const from = Math.max(f.from, g.from + place.shift);
  const to = Math.min(endOf(f), endOf(g) + place.shift);
  if (from > to + EQUAL_ENDS) return null;
  const walkF = walker(f, 0);
  const walkG = walker(g, place.shift);
  let at = from;
  let first: number | undefined;
  while (at < to) {
    const slope = walkF.slopeAfter(at) + walkG.slopeAfter(at);
    if (slope > EQUAL_SLOPES) break;
    if (slope >= -EQUAL_SLOPES) first ??= at;
    else first = undefined;
    at = Math.min(to, walkF.end(), walkG.end());
  }
  return Math.min(at, Math.max(first ?? at, place.wanted));
}

/** Follows a function's pieces to the right. */
function walker(f: Convex, shift: number): { slopeAfter(x: number): number; end(): number } {
  let index = 0;
  let end = f.from + shift + (f.widths[0] ?? 0);
  return {
    slopeAfter(x) {
      while (index < f.widths.length && end <= x) {
        index += 1;
        end += f.widths[index] ?? 0;
      }
      return f.slopes[index] ?? 0;
    },
    end: () => (index < f.widths.length ? end : Number.POSITIVE_INFINITY),
  };
}

/** What every node of a feeder may draw and give at once: fair shares of what voltage and lines allow. */

import { VOLTAGE_BAND } from "./voltage.ts";
import type { Feeder } from "./voltage.ts";

const MILLI_W_PER_KW = 1_000_000;
const PER_UNIT = 1_000;
/** Relative: nearer constraints are reached together. */
const TOGETHER = 1e-9;

export interface NodeLimit {
  readonly importMilliW: number;
  readonly exportMilliW: number;
}

/** Σ weight·P ≤ room, P ≥ 0 in kW by node. */
interface Constraint {
  readonly weights: readonly number[];
  readonly room: number;
}

/**
 * Limits that hold even when all nodes use them at once: raised together, and whoever weighs on what is reached first
 * stays there while the others go on. `reactiveKVar` is drawn meanwhile, by node; default none.
 * No node gets more than `mostKW` (default 1,000,000). All 0 where the substation itself is outside the band.
 */
export function nodeLimits(
  feeder: Feeder,
  options: {
    readonly reactiveKVar?: readonly number[];
    readonly mostKW?: number;
    readonly band?: number;
  } = {},
): readonly NodeLimit[] {
  const band = options.band ?? VOLTAGE_BAND;
  const mostKW = options.mostKW ?? 1_000_000;
  const fixed = reactiveDrop(feeder, options.reactiveKVar ?? []);
  const paths = pathsOf(feeder);
  const scale = 2 / (PER_UNIT * feeder.nominalKV ** 2);
  const volts = (room: (square: number) => number): Constraint[] =>
    feeder.nodes.map((_, at) => ({
      weights: feeder.nodes.map((_, node) => scale * sharedOhm(feeder, paths[at], paths[node])),
      room: room(feeder.slackPu ** 2 - (fixed[at] ?? 0)),
    }));
  const lines = feeder.nodes.flatMap(({ ratingKW }, segment): Constraint[] =>
    ratingKW === undefined
      ? []
      : [{ weights: paths.map((path) => (path.has(segment) ? 1 : 0)), room: ratingKW }],
  );
  const imports = raise([...volts((square) => square - (1 - band) ** 2), ...lines], paths.length, mostKW);
  const exports = raise([...volts((square) => (1 + band) ** 2 - square), ...lines], paths.length, mostKW);
  return Array.from(imports, (kW, node) => ({
    importMilliW: Math.floor(kW * MILLI_W_PER_KW),
    exportMilliW: Math.floor((exports[node] ?? 0) * MILLI_W_PER_KW),
  }));
}

/** Segments from the substation to each node. */
function pathsOf(feeder: Feeder): readonly ReadonlySet<number>[] {
  const paths: Set<number>[] = [];
  feeder.nodes.forEach(({ parent }, index) => {
    paths.push(new Set([...(paths[parent] ?? []), index]));
  });
  return paths;
}

/** −V²·dv_j/dP_i near nominal: the resistance of the path that both share. */
function sharedOhm(
  feeder: Feeder,
  a: ReadonlySet<number> | undefined,
  b: ReadonlySet<number> | undefined,
): number {
  let ohm = 0;
  for (const segment of a ?? []) {
    if (b?.has(segment) === true) ohm += feeder.nodes[segment]?.resistanceOhm ?? 0;
  }
  return ohm;
}

function reactiveDrop(feeder: Feeder, reactiveKVar: readonly number[]): Float64Array {
  const { nodes } = feeder;
  const sums = Float64Array.from(nodes, (_, index) => reactiveKVar[index] ?? 0);
  for (let index = nodes.length - 1; index >= 0; index -= 1) {
    const parent = nodes[index]?.parent ?? -1;
    if (parent >= 0) sums[parent] = (sums[parent] ?? 0) + (sums[index] ?? 0);
  }
  const drops = new Float64Array(nodes.length);
  nodes.forEach(({ parent, reactanceOhm }, index) => {
    const own = (2 * reactanceOhm * (sums[index] ?? 0)) / (PER_UNIT * feeder.nominalKV ** 2);
    drops[index] = (parent < 0 ? 0 : (drops[parent] ?? 0)) + own;
  });
  return drops;
}

/** Max-min fair: all powers rise together, those on a full constraint stop, until all have. */
function raise(constraints: readonly Constraint[], count: number, mostKW: number): Float64Array {
  const power = new Float64Array(count);
  const rising = new Set(power.keys());
  while (rising.size > 0) {
    const steps = constraints.map(({ weights, room }) => {
      const used = weights.reduce((sum, weight, node) => sum + weight * (power[node] ?? 0), 0);
      const speed = weights.reduce((sum, weight, node) => sum + (rising.has(node) ? weight : 0), 0);
      return speed > 0 ? Math.max(0, room - used) / speed : Number.POSITIVE_INFINITY;
    });
    const level = Math.max(0, ...[...rising].map((node) => power[node] ?? 0));
    const step = Math.min(mostKW - level, ...steps);
    for (const node of rising) power[node] = (power[node] ?? 0) + step;
    if (step >= mostKW - level) break;
    constraints.forEach(({ weights }, index) => {
      if ((steps[index] ?? 0) > step * (1 + TOGETHER)) return;
      weights.forEach((weight, node) => {
        if (weight > 0) rising.delete(node);
      });
    });
  }
  return power;
}

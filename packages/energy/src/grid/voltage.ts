/** Voltage along a radial feeder: balanced, lossless, linear in the squares (LinDistFlow). */

import { ProtocolError } from "@gridmesh/protocol";

/** A segment and the node at its far end. */
export interface FeederNode {
  /** Index of the node it hangs on, smaller than its own; −1: the substation. */
  readonly parent: number;
  readonly resistanceOhm: number;
  readonly reactanceOhm: number;
  /** Most that the segment carries either way, kW; default no limit. */
  readonly ratingKW?: number;
}

export interface Feeder {
  /** Line to line, kV. */
  readonly nominalKV: number;
  /** At the substation, per unit. */
  readonly slackPu: number;
  readonly nodes: readonly FeederNode[];
}

/** kW·Ω/kV² in one. */
const PER_UNIT = 1_000;

/** A line of equal segments, one node after another. */
export function lineFeeder(line: {
  readonly count: number;
  readonly segmentKm: number;
  readonly ohmPerKm: { readonly resistance: number; readonly reactance: number };
  readonly nominalKV: number;
  readonly slackPu: number;
  readonly ratingKW?: number;
}): Feeder {
  const { count, segmentKm, ohmPerKm, nominalKV, slackPu, ratingKW } = line;
  const nodes = Array.from({ length: count }, (_, index) => ({
    parent: index - 1,
    resistanceOhm: ohmPerKm.resistance * segmentKm,
    reactanceOhm: ohmPerKm.reactance * segmentKm,
    ...(ratingKW === undefined ? {} : { ratingKW }),
  }));
  return { nominalKV, slackPu, nodes };
}

/** Load less generation of every node. */
export interface NodePowers {
  readonly activeKW: readonly number[];
  /** Default 0 everywhere. */
  readonly reactiveKVar?: readonly number[];
}

export interface FeederFlow {
  /** Per unit, by node; NaN where no voltage carries the load. */
  readonly voltagePu: Float64Array;
  /** Into each node's segment, kW. */
  readonly segmentKW: Float64Array;
}

/**
 * v_j² = v_i² − 2(r·P + x·Q)/V², P and Q being all that hangs behind the segment. A thousandth off where every node
 * stays within ±5 %; beyond, count a violation and trust no value.
 * @throws INVALID_PARAMS for a node before its parent or powers of another length.
 */
export function feederFlow(feeder: Feeder, powers: NodePowers): FeederFlow {
  const { nodes } = feeder;
  const active = behind(nodes, powers.activeKW);
  const reactive = behind(nodes, powers.reactiveKVar ?? nodes.map(() => 0));
  const squares = new Float64Array(nodes.length);
  nodes.forEach(({ parent, resistanceOhm, reactanceOhm }, index) => {
    const above = parent < 0 ? feeder.slackPu ** 2 : (squares[parent] ?? 0);
    const drop = resistanceOhm * (active[index] ?? 0) + reactanceOhm * (reactive[index] ?? 0);
    squares[index] = above - (2 * drop) / (PER_UNIT * feeder.nominalKV ** 2);
  });
  return { voltagePu: squares.map(Math.sqrt), segmentKW: active };
}

/** What hangs at or behind each node. */
function behind(nodes: readonly FeederNode[], values: readonly number[]): Float64Array {
  if (values.length !== nodes.length) {
    throw new ProtocolError(
      "INVALID_PARAMS",
      `powers of ${values.length} nodes, the feeder has ${nodes.length}`,
    );
  }
  const sums = Float64Array.from(values);
  for (let index = nodes.length - 1; index >= 0; index -= 1) {
    const parent = nodes[index]?.parent ?? -1;
    if (parent >= index) throw new ProtocolError("INVALID_PARAMS", `node ${index} stands before its parent`);
    if (parent >= 0) sums[parent] = (sums[parent] ?? 0) + (sums[index] ?? 0);
  }
  return sums;
}

/** Voltages outside ±`band`, and segments over their rating. */
export function countViolations(feeder: Feeder, flow: FeederFlow, band = VOLTAGE_BAND): number {
  let count = 0;
  feeder.nodes.forEach(({ ratingKW }, index) => {
    const voltage = flow.voltagePu[index] ?? Number.NaN;
    if (!(Math.abs(voltage - 1) <= band)) count += 1;
    if (ratingKW !== undefined && Math.abs(flow.segmentKW[index] ?? 0) > ratingKW) count += 1;
  });
  return count;
}

/** Voltage is held within this of nominal. */
export const VOLTAGE_BAND = 0.05;

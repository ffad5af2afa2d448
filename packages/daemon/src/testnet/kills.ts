/** Which daemons die when: seeded, spread over the run, each in the middle of a cycle's trades. */

export interface PlannedKill {
  readonly node: string;
  /** 0-based. */
  readonly cycle: number;
  /** Share of the cycle that has passed, permille. */
  readonly atPermille: number;
}

/** First and last cycle of a run see no kill: everybody begins and ends whole. */
const EDGE_CYCLES = 2;

/** `count` kills of different nodes while there are enough, in order of time. */
export function planKills(
  nodes: readonly string[],
  run: { readonly count: number; readonly cycles: number; readonly seed: number },
): readonly PlannedKill[] {
  const random = seeded(run.seed);
  const pool = [...nodes];
  const span = Math.max(1, run.cycles - 2 * EDGE_CYCLES);
  const kills = Array.from({ length: run.count }, (_, i): PlannedKill => {
    if (pool.length === 0) pool.push(...nodes);
    const [node = ""] = pool.splice(Math.floor(random() * pool.length), 1);
    const part = span / run.count;
    const cycle = Math.min(run.cycles - 1, EDGE_CYCLES + Math.floor((i + random()) * part));
    return { node, cycle, atPermille: 150 + Math.floor(random() * 550) };
  });
  return kills.sort((a, b) => a.cycle - b.cycle || a.atPermille - b.atPermille);
}

/** mulberry32: uniform in 0 … 1. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

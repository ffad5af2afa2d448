/** How an area leaves normal operation and comes back: a closed ladder of stages, a pure function of samples. */

/** From calm to cut off; the index is the height. */
export const gridStages = ["normal", "warn", "demandResponse", "shed", "island"] as const;
export type GridStage = (typeof gridStages)[number];

export interface GridSample {
  readonly atMs: number;
  /** Absent where it is not measured; so are the voltages. */
  readonly frequencyMilliHz?: number;
  readonly minMicroPu?: number;
  readonly maxMicroPu?: number;
}

export interface LadderState {
  readonly stage: GridStage;
  /** Tenths of the load that are shed; 0 below `shed`. */
  readonly blocks: number;
  /** Since when each stage's limit has been exceeded without a break, by height; null: it is not. */
  readonly since: readonly (number | null)[];
  /** Since when the limit of the stage reached has not been exceeded; null: it is. */
  readonly insideSinceMs: number | null;
  /** When the last block was shed. */
  readonly blockAtMs: number;
}

export const ladderStart: LadderState = {
  stage: "normal",
  blocks: 0,
  since: [null, null, null, null, null],
  insideSinceMs: null,
  blockAtMs: 0,
};

interface Limit {
  /** Exceeded beyond these. */
  readonly frequencyMilliHz: number;
  readonly voltageMicroPu: number | null;
  /** So long without a break before it counts; voltage may count at once. */
  readonly frequencyForMs: number;
  readonly voltageForMs: number;
}

const MICRO_PU = 1_000_000;

/** By height; normal has no limit of its own. */
const LIMITS: readonly (Limit | null)[] = [
  null,
  { frequencyMilliHz: 100, voltageMicroPu: 40_000, frequencyForMs: 2_000, voltageForMs: 0 },
  { frequencyMilliHz: 200, voltageMicroPu: 50_000, frequencyForMs: 2_000, voltageForMs: 2_000 },
  { frequencyMilliHz: 500, voltageMicroPu: null, frequencyForMs: 0, voltageForMs: 0 },
  { frequencyMilliHz: 1_000, voltageMicroPu: null, frequencyForMs: 0, voltageForMs: 0 },
];

/** Inside for so long: one step down. */
const CALM_MS = 60_000;
/** Still beyond after so long: one more block. */
const BLOCK_MS = 2_000;
const MAX_BLOCKS = 10;
const SHED = gridStages.indexOf("shed");

/** The state after a sample; samples come in order of time. Up at once to the highest stage whose limit held, down one by one. */
export function ladderStep(
  state: LadderState,
  sample: GridSample,
  options: { readonly nominalMilliHz?: number } = {},
): LadderState {
  const nominal = options.nominalMilliHz ?? 60_000;
  const { atMs } = sample;
  const exceeded = LIMITS.map((limit) => (limit === null ? null : excess(limit, sample, nominal)));
  const since = exceeded.map((what, height) => (what === null ? null : (state.since[height] ?? atMs)));
  const height = gridStages.indexOf(state.stage);
  let reached = height;
  exceeded.forEach((what, at) => {
    const from = since[at] ?? null;
    const limit = LIMITS[at] ?? null;
    if (what === null || from === null || limit === null) return;
    const holdMs = what === "voltage" ? limit.voltageForMs : limit.frequencyForMs;
    if (atMs - from >= holdMs) reached = Math.max(reached, at);
  });
  if (reached > height) return raised(state, { reached, atMs, since });
  return settled({ ...state, since }, { height, atMs, beyond: exceeded[height] !== null });
}

/** Which of the two is beyond the limit; frequency first. */
function excess(limit: Limit, sample: GridSample, nominal: number): "frequency" | "voltage" | null {
  const { frequencyMilliHz = nominal, minMicroPu = MICRO_PU, maxMicroPu = MICRO_PU } = sample;
  const frequency = Math.abs(frequencyMilliHz - nominal) > limit.frequencyMilliHz;
  if (limit.voltageMicroPu === null) return frequency ? "frequency" : null;
  const deviation = Math.max(Math.abs(minMicroPu - MICRO_PU), Math.abs(maxMicroPu - MICRO_PU));
  const voltage = deviation > limit.voltageMicroPu;
  // Whichever needs the shorter wait speaks when both are beyond.
  if (voltage && limit.voltageForMs < limit.frequencyForMs) return "voltage";
  if (frequency) return "frequency";
  return voltage ? "voltage" : null;
}

function raised(
  state: LadderState,
  to: { readonly reached: number; readonly atMs: number; readonly since: LadderState["since"] },
): LadderState {
  const stage = gridStages[to.reached] ?? state.stage;
  const blocks = to.reached >= SHED ? Math.max(1, state.blocks) : 0;
  return { stage, blocks, since: to.since, insideSinceMs: null, blockAtMs: to.atMs };
}

function settled(
  state: LadderState,
  now: { readonly height: number; readonly atMs: number; readonly beyond: boolean },
): LadderState {
  const { height, atMs, beyond } = now;
  if (height === 0) return state;
  if (beyond) {
    const more = height >= SHED && atMs - state.blockAtMs >= BLOCK_MS && state.blocks < MAX_BLOCKS;
    return more
      ? { ...state, insideSinceMs: null, blocks: state.blocks + 1, blockAtMs: atMs }
      : { ...state, insideSinceMs: null };
  }
  const insideSinceMs = state.insideSinceMs ?? atMs;
  if (atMs - insideSinceMs < CALM_MS) return { ...state, insideSinceMs };
  const stage = gridStages[height - 1] ?? "normal";
  return { ...state, stage, blocks: height - 1 >= SHED ? state.blocks : 0, insideSinceMs: atMs };
}

/** A load that can be taken off. */
export interface SheddableLoad {
  readonly agentId: string;
  readonly loadMilliW: number;
  /** Has agreed to go first. */
  readonly optedIn: boolean;
}

/** Who is off when `blocks` tenths of the load are shed: who opted in first, larger loads before smaller, then by id. */
export function shedLoads(loads: readonly SheddableLoad[], blocks: number): readonly SheddableLoad[] {
  const total = loads.reduce((sum, { loadMilliW }) => sum + loadMilliW, 0);
  const wanted = (total * Math.min(MAX_BLOCKS, blocks)) / MAX_BLOCKS;
  const order = [...loads].sort(
    (a, b) =>
      Number(b.optedIn) - Number(a.optedIn) ||
      b.loadMilliW - a.loadMilliW ||
      (a.agentId < b.agentId ? -1 : 1),
  );
  const shed: SheddableLoad[] = [];
  let off = 0;
  for (const load of order) {
    if (off >= wanted) break;
    if (load.loadMilliW <= 0) continue;
    shed.push(load);
    off += load.loadMilliW;
  }
  return shed;
}

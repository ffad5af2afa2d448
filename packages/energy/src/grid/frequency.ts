/** The frequency of a small grid: one turning mass, one governor, batteries that answer on their own. */

/** A grid by its constants; power in kW inside the model. */
export interface SwingGrid {
  readonly nominalHz: number;
  /** Rated power, kVA. */
  readonly ratedKVA: number;
  /** Inertia constant H, s. */
  readonly inertiaS: number;
  /** Damping D by loads, per unit. */
  readonly damping: number;
  /** Governor droop R, per unit. */
  readonly droop: number;
  readonly governorS: number;
}

/** The case of the experiments: 50 kVA, 60 Hz. */
export const smallGrid: SwingGrid = {
  nominalHz: 60,
  ratedKVA: 50,
  inertiaS: 4,
  damping: 1,
  droop: 0.05,
  governorS: 1,
};

export interface FrequencyControl {
  /** Gain of the batteries, kW per Hz; 0: none. */
  readonly batteryKWPerHz: number;
  /** Largest power of the batteries, both ways, kW. */
  readonly batteryKW: number;
  /** So old is the frequency that the batteries see, s. */
  readonly delayS: number;
  /** Whether the governor's set point follows the deviation once a second. */
  readonly secondary: boolean;
}

export interface SwingState {
  readonly deviationHz: number;
  readonly mechanicalKW: number;
  readonly setPointKW: number;
}

/** Batteries leave smaller deviations alone, Hz. */
const DEAD_BAND_HZ = 0.015;
/** Share of the rated power by which the set point moves each second, per unit of deviation. */
const SECONDARY_GAIN = 0.4;
/** Euler's step, s. */
export const SWING_STEP_S = 0.1;
const STEPS_PER_S = 10;

export const restingGrid: SwingState = { deviationHz: 0, mechanicalKW: 0, setPointKW: 0 };

/** Power of the batteries for a deviation they see, kW: proportional beyond the dead band, within their power. */
export function batteryDroopKW(deviationHz: number, control: FrequencyControl): number {
  if (Math.abs(deviationHz) <= DEAD_BAND_HZ) return 0;
  const wanted = -control.batteryKWPerHz * deviationHz;
  return Math.max(-control.batteryKW, Math.min(control.batteryKW, wanted));
}

/** A tenth of a second of a grid under a load (over what is scheduled) and batteries, kW. */
export function swingStep(
  grid: SwingGrid,
  state: SwingState,
  power: { readonly loadKW: number; readonly batteryKW: number },
): SwingState {
  const { nominalHz, ratedKVA } = grid;
  const perUnit = state.deviationHz / nominalHz;
  const excess = state.mechanicalKW + power.batteryKW - power.loadKW - grid.damping * ratedKVA * perUnit;
  const target = state.setPointKW - (perUnit / grid.droop) * ratedKVA;
  return {
    deviationHz: state.deviationHz + (SWING_STEP_S * nominalHz * excess) / (2 * grid.inertiaS * ratedKVA),
    mechanicalKW: state.mechanicalKW + (SWING_STEP_S * (target - state.mechanicalKW)) / grid.governorS,
    setPointKW: state.setPointKW,
  };
}

/** Δf step by step, Hz, for a load given step by step, kW. */
export function simulateFrequency(
  grid: SwingGrid,
  control: FrequencyControl,
  loadKW: ArrayLike<number>,
): Float64Array {
  const deviations = new Float64Array(loadKW.length);
  const delay = 1 + Math.round(control.delayS * STEPS_PER_S);
  let state = restingGrid;
  for (let step = 0; step < loadKW.length; step += 1) {
    const seen = step >= delay ? (deviations[step - delay] ?? 0) : 0;
    const batteryKW = batteryDroopKW(seen, control);
    state = swingStep(grid, state, { loadKW: loadKW[step] ?? 0, batteryKW });
    if (control.secondary && step % STEPS_PER_S === STEPS_PER_S - 1) {
      const correction = (SECONDARY_GAIN * grid.ratedKVA * state.deviationHz) / grid.nominalHz;
      state = { ...state, setPointKW: state.setPointKW - correction };
    }
    deviations[step] = state.deviationHz;
  }
  return deviations;
}

/** Largest gain that stays calm, kW per Hz: half of (π/2)·(2HS/f₀)/delay. */
export function largestCalmGain(grid: SwingGrid, delayS: number): number {
  return (Math.PI * grid.inertiaS * grid.ratedKVA) / (2 * grid.nominalHz * delayS);
}

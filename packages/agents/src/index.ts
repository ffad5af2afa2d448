/** The roles of the energy market as agents: factories that a daemon's config names, and presets of whole testnets. */

export { type Decided, type Step, type TradingAction } from "./brain.ts";
export { household } from "./roles/household.ts";
export { type Report, reporter } from "./roles/reporter.ts";
export { utility } from "./roles/utility.ts";
export { type PlannedAgent, type PlannedNode, type PresetOptions, type TestnetPlan } from "./presets/plan.ts";
export { presets } from "./presets/index.ts";
export { experiments } from "./experiments/index.ts";
export {
  type Experiment,
  type ExperimentOptions,
  type ExperimentResult,
  type ExperimentTable,
  type SourceClaim,
} from "./experiments/experiment.ts";

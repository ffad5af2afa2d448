import { day } from "./day.ts";
import type { PresetOptions, TestnetPlan } from "./plan.ts";
import { seed000 } from "./seed000.ts";

/** Neighbourhoods by name, as `gridmesh testnet run --preset` takes them. */
export const presets: Readonly<Record<string, (options: PresetOptions) => TestnetPlan>> = { day, seed000 };

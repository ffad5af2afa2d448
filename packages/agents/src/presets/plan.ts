/** A neighbourhood to start: which nodes, which agents on them, how market time runs. Data, not code. */

import type { JsonObject } from "@gridmesh/protocol";

export interface PresetOptions {
  /** Folder of a data set; absent: the generator. */
  readonly data?: string | undefined;
  /** `YYYY-MM-DD` on the data's calendar. */
  readonly day?: string | undefined;
  readonly seed?: number | undefined;
  readonly cycles?: number | undefined;
  /** Market ms per wall ms. */
  readonly speed?: number | undefined;
}

export interface PlannedAgent {
  readonly name: string;
  readonly module: string;
  readonly factory: string;
  readonly access: "private" | "network" | "public";
  readonly options: JsonObject;
}

export interface PlannedNode {
  readonly name: string;
  readonly role: "bootstrap" | "utility" | "household" | "reporter";
  readonly agents: readonly PlannedAgent[];
  /** Of the status page when ports are fixed. */
  readonly statusPort: number | null;
}

export interface TestnetPlan {
  readonly preset: string;
  readonly area: string;
  readonly currency: string;
  readonly nodes: readonly PlannedNode[];
  readonly cycles: number;
  /** Market ms of a cycle, which is also a slot. */
  readonly cycleMs: number;
  readonly speed: number;
  /** Market ms since the epoch at which the first cycle begins. */
  readonly marketStartMs: number;
  readonly data: { readonly source: string; readonly day: string | null };
  /** What the saving is measured against. */
  readonly tariff: { readonly retailMicroPerKWh: number; readonly feedInMicroPerKWh: number };
}

const HOUSEHOLDS = 10;

/** `household-agent-01` … `household-agent-10`. */
function householdName(n: number): string {
  return `household-agent-${String(n).padStart(2, "0")}`;
}

/** The Guide's roster: a bootstrap node in its gateway's place, the utility, ten households, the reporter. */
export function roster(of: {
  readonly utility: JsonObject;
  readonly household: (n: number) => JsonObject;
  readonly reporter: JsonObject;
}): readonly PlannedNode[] {
  const agent = (name: string, factory: string, options: JsonObject): PlannedAgent => ({
    name,
    module: "@gridmesh/agents",
    factory,
    access: "network",
    options,
  });
  const homes = Array.from({ length: HOUSEHOLDS }, (_, i): PlannedNode => {
    const name = householdName(i + 1);
    return {
      name,
      role: "household",
      agents: [agent(name, "household", of.household(i + 1))],
      statusPort: 8001 + 2 * i,
    };
  });
  return [
    { name: "bootstrap", role: "bootstrap", agents: [], statusPort: 9000 },
    {
      name: "utility-agent",
      role: "utility",
      agents: [agent("utility-agent", "utility", of.utility)],
      statusPort: 8002,
    },
    ...homes,
    {
      name: "reporter",
      role: "reporter",
      agents: [agent("reporter", "reporter", of.reporter)],
      statusPort: null,
    },
  ];
}

/** Reads what a preset of somebody's module proposes, and turns it into nodes that this machine can start. */

import { resolve } from "node:path";
import { isProtocolError, ProtocolError, messageOf } from "@gridmesh/protocol";
import { z } from "zod";
import type { TestnetOptions } from "./options.ts";

const plannedAgent = z.strictObject({
  name: z.string().min(1),
  module: z.string().min(1),
  factory: z.string().min(1),
  access: z.enum(["private", "network", "public"]),
  options: z.record(z.string(), z.json()),
});

const plannedNode = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  role: z.enum(["bootstrap", "utility", "household", "reporter"]),
  agents: z.array(plannedAgent),
  statusPort: z.int().min(1).max(65_535).nullable(),
});

const rate = z.int().min(0).max(1_000_000_000);

const planSchema = z.strictObject({
  preset: z.string(),
  area: z.string(),
  currency: z.string(),
  nodes: z.array(plannedNode).min(2).max(100),
  cycles: z.int().min(1),
  cycleMs: z.int().min(1_000),
  speed: z.int().min(1).max(10_000),
  marketStartMs: z.int().min(0),
  data: z.strictObject({ source: z.string(), day: z.string().nullable() }),
  tariff: z.strictObject({ retailMicroPerKWh: rate, feedInMicroPerKWh: rate }),
});

export type PlannedAgent = z.output<typeof plannedAgent>;
export type PlannedRole = z.output<typeof plannedNode>["role"];
export type TestnetPlan = z.output<typeof planSchema>;

/** One daemon to start. Its agents may have come from several nodes of the preset. */
export interface PlannedDaemon {
  readonly name: string;
  readonly role: PlannedRole;
  readonly agents: readonly (PlannedAgent & { readonly role: PlannedRole })[];
  readonly statusPort: number | null;
}

const DEFAULT_MODULE = "@gridmesh/agents";

/** @throws CONFIG_INVALID naming the preset, the module, or what is wrong with the plan; whatever the preset refuses. */
export async function loadPlan(options: TestnetOptions): Promise<TestnetPlan> {
  const module = options.module ?? DEFAULT_MODULE;
  const presets = await presetsOf(module);
  const name = options.preset ?? "day";
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (preset === undefined) {
    const known = Object.keys(presets).join(", ");
    throw new ProtocolError("CONFIG_INVALID", `no preset "${name}" in ${module}. It has: ${known}`);
  }
  const proposed = await proposalOf(preset, options);
  const parsed = planSchema.safeParse(proposed);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ProtocolError(
    "CONFIG_INVALID",
    `preset "${name}" of ${module}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "no plan"}`,
  );
}

type Preset = (options: object) => unknown;

/** @throws what the preset refuses, with the folder it was about. */
async function proposalOf(preset: Preset, options: TestnetOptions): Promise<unknown> {
  const { data, day, seed, cycles, speed } = options;
  const folder = data === undefined ? undefined : resolve(data);
  try {
    return await preset({ data: folder, day, seed, cycles, speed });
  } catch (error) {
    if (!isProtocolError(error) || folder === undefined) throw error;
    throw new ProtocolError(error.code, `--data ${folder}: ${error.message}`, { cause: error });
  }
}

async function presetsOf(module: string): Promise<Readonly<Record<string, Preset>>> {
  try {
    const { presets } = (await import(module)) as { presets?: Readonly<Record<string, Preset>> };
    if (presets !== undefined) return presets;
  } catch (error) {
    if (isProtocolError(error)) throw error;
    const why = messageOf(error);
    throw new ProtocolError("CONFIG_INVALID", `module ${module} cannot be loaded: ${why}`, { cause: error });
  }
  throw new ProtocolError("CONFIG_INVALID", `module ${module} exports no "presets"`);
}

/** The daemons of a plan; with fewer than it names, all but the bootstrap node share what there is. */
export function daemonsOf(plan: TestnetPlan, processes: number | undefined): readonly PlannedDaemon[] {
  const nodes = plan.nodes.map((node) => ({
    ...node,
    agents: node.agents.map((agent) => ({ ...agent, role: node.role })),
  }));
  const count = processes ?? nodes.length;
  if (count === nodes.length) return nodes;
  if (count < 2 || count > nodes.length) {
    throw new ProtocolError(
      "CONFIG_INVALID",
      `--processes must be 2 … ${nodes.length} for preset "${plan.preset}", not ${count}`,
    );
  }
  const [first, ...rest] = nodes;
  const shared = Array.from({ length: count - 1 }, (_, i): PlannedDaemon => {
    const agents = rest.flatMap((node, n) => (n % (count - 1) === i ? node.agents : []));
    return { name: `node-${String(i + 1).padStart(2, "0")}`, role: "household", agents, statusPort: null };
  });
  return first === undefined ? shared : [first, ...shared];
}

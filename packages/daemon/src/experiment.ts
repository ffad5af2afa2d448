/** Runs experiments that somebody's module exports, as roles and presets come from modules. */

import { isProtocolError, messageOf, ProtocolError } from "@gridmesh/protocol";
import * as z from "zod";

const figureSchema = z.object({
  name: z.string(),
  value: z.number().or(z.nan()),
  unit: z.string(),
  baseline: z.string().nullable(),
  bar: z.tuple([z.number(), z.number()]).readonly().nullable(),
  pass: z.boolean(),
});

const resultSchema = z.object({
  tables: z.array(
    z.object({
      title: z.string(),
      dataset: z.object({ name: z.string(), sha256: z.string().nullable() }),
      figures: z.array(figureSchema),
    }),
  ),
  claims: z.array(
    z.object({ source: z.string(), claim: z.string(), measured: z.string(), reached: z.boolean() }),
  ),
  notes: z.array(z.string()),
});
export type ExperimentResult = z.output<typeof resultSchema>;

/** One experiment of the module: what it found, or why it was not run. */
export interface ExperimentReport {
  readonly name: string;
  readonly id: string;
  readonly seed: number;
  readonly elapsedMs: number;
  readonly result?: ExperimentResult;
  readonly refused?: { readonly code: string; readonly message: string };
}

export interface ExperimentRequest {
  readonly seed: number;
  readonly data?: string | undefined;
  readonly oracles?: string | undefined;
  readonly quick: boolean;
}

interface Experiment {
  readonly id: string;
  readonly summary: string;
  run(request: ExperimentRequest): Promise<unknown>;
}

const MODULE = "@gridmesh/agents";

/** Experiments of the module by name. @throws CONFIG_INVALID when it has none. */
export async function loadExperiments(
  module: string = MODULE,
): Promise<Readonly<Record<string, Experiment>>> {
  try {
    const loaded = (await import(module)) as { experiments?: Readonly<Record<string, Experiment>> };
    if (loaded.experiments !== undefined) return loaded.experiments;
  } catch (error) {
    const why = messageOf(error);
    throw new ProtocolError("CONFIG_INVALID", `module ${module} cannot be loaded: ${why}`, { cause: error });
  }
  throw new ProtocolError("CONFIG_INVALID", `module ${module} exports no "experiments"`);
}

/** @throws what the experiment refuses; CONFIG_INVALID when what it gives is no result. */
export async function runExperiment(
  name: string,
  experiment: Experiment,
  request: ExperimentRequest,
): Promise<ExperimentReport> {
  const startedMs = performance.now();
  const parsed = resultSchema.safeParse(await experiment.run(request));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join(".") ?? "";
    throw new ProtocolError(
      "CONFIG_INVALID",
      `experiment "${name}": ${where}: ${issue?.message ?? "no result"}`,
    );
  }
  const elapsedMs = Math.round(performance.now() - startedMs);
  return { name, id: experiment.id, seed: request.seed, elapsedMs, result: parsed.data };
}

/** As runExperiment, with a refusal of the closed table as its report. */
export async function tryExperiment(
  name: string,
  experiment: Experiment,
  request: ExperimentRequest,
): Promise<ExperimentReport> {
  try {
    return await runExperiment(name, experiment, request);
  } catch (error) {
    if (!isProtocolError(error)) throw error;
    const refused = { code: error.code, message: error.message };
    return { name, id: experiment.id, seed: request.seed, elapsedMs: 0, refused };
  }
}

/** Whether all that is held to a bar is within it. */
export function allHold({ result }: ExperimentReport): boolean {
  return result === undefined || result.tables.every(({ figures }) => figures.every(({ pass }) => pass));
}

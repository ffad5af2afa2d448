/** What an experiment is told and what it tells: figures with their baselines and bars, on data by name and hash. */

import type { ExperimentFigure, ExperimentSource } from "@gridmesh/energy";

export interface ExperimentOptions {
  readonly seed: number;
  /** Folder of measured data, or of folders of it; absent: the generator. */
  readonly data?: string | undefined;
  /** Folder of files of known answers, for E6. */
  readonly oracles?: string | undefined;
  /** Fewer seeds, series and sizes. */
  readonly quick: boolean;
}

/** One table: the figures, and what they were measured on. */
export interface ExperimentTable {
  readonly title: string;
  readonly dataset: { readonly name: string; readonly sha256: string | null };
  readonly figures: readonly ExperimentFigure[];
}

/** A number from a source document, and what became of it here. */
export interface SourceClaim {
  readonly source: "Guide" | "README" | "Architecture";
  readonly claim: string;
  readonly measured: string;
  readonly reached: boolean;
}

export interface ExperimentResult {
  readonly tables: readonly ExperimentTable[];
  readonly claims: readonly SourceClaim[];
  /** How it was measured, and what that does not show. */
  readonly notes: readonly string[];
}

/** @throws INVALID_PARAMS for data it cannot read; UNSUPPORTED_OPERATION where it cannot be run. */
export type ExperimentRun = (options: ExperimentOptions) => Promise<ExperimentResult>;

export interface Experiment {
  /** E1 … E12. */
  readonly id: string;
  readonly summary: string;
  readonly run: ExperimentRun;
}

/** A figure that is held to `bar`, or to nothing. */
export function figureOf(
  name: string,
  measured: { readonly value: number; readonly unit: string; readonly baseline?: string },
  bar: ExperimentFigure["bar"] = null,
): ExperimentFigure {
  const { value, unit, baseline = null } = measured;
  const pass = bar === null || (value >= bar[0] && value <= bar[1]);
  return { name, value, unit, baseline, bar, pass };
}

/** The figure of that name. @throws Error when a table has lost it. */
export function valueOf(figures: readonly ExperimentFigure[], name: string): number {
  const found = figures.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no figure "${name}"`);
  return found.value;
}

export type { ExperimentFigure, ExperimentSource };

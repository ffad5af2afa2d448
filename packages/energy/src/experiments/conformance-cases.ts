/** What every file of known answers comes to. */

import { ProtocolError } from "@gridmesh/protocol";

export interface ConformanceResult {
  readonly file: string;
  readonly total: number;
  readonly passed: number;
  /** Name of each case that failed and how far off it was. */
  readonly failures: readonly string[];
}

export function tally<Case>(
  file: string,
  cases: readonly Case[],
  check: (known: Case) => string | null,
): ConformanceResult {
  const failures = cases.map(check).filter((failure) => failure !== null);
  return { file, total: cases.length, passed: cases.length - failures.length, failures };
}

/**
 * The file's own list, or the one under `cases`; what its cases hold is as its makers describe it.
 * @throws INVALID_PARAMS when the text is no such file.
 */
export function readCases(file: string, text: string): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError("INVALID_PARAMS", `${file}: not JSON`, { cause });
  }
  const cases: unknown = Array.isArray(parsed) ? parsed : ((parsed ?? {}) as { cases?: unknown }).cases;
  if (!Array.isArray(cases) || cases.some((one) => typeof one !== "object" || one === null)) {
    throw new ProtocolError("INVALID_PARAMS", `${file}: no list of cases`);
  }
  return cases;
}

import { ProtocolError } from "@gridmesh/protocol";

/** One thing wrong with the configuration. */
export interface ConfigProblem {
  /** `config.toml:7:1`, `env GRIDMESH_…`, `flag --…`. */
  readonly where: string;
  /** Dotted key; absent for text that is no TOML. */
  readonly key?: string;
  /** What is wrong. */
  readonly what: string;
  /** What to do about it. */
  readonly fix: string;
  /** The finding it is, where docs/HEALTH.md has one. */
  readonly finding?: "PNET_MIXED_TRANSPORT";
}

/** The error of a configuration: its text tells the first problem, `data.problems` tells all. */
export function configInvalid(problems: readonly ConfigProblem[]): ProtocolError {
  const [first] = problems;
  const more = problems.length > 1 ? ` (${problems.length - 1} more: gridmesh config validate)` : "";
  const text = first === undefined ? "the configuration is invalid" : sentence(first);
  return new ProtocolError("CONFIG_INVALID", `${text}${more}`, {
    data: { problems: problems.map((problem) => ({ ...problem })) },
  });
}

function sentence(problem: ConfigProblem): string {
  return `${problem.where} ${problem.what}. ${problem.fix}`;
}

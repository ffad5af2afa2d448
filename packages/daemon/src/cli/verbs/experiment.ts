import type { ExperimentReport, ExperimentRequest, ExperimentResult } from "../../experiment.ts";
import { wholeNumber, type Verb } from "../invocation.ts";
import { table } from "../table.ts";
import { nearest } from "../../nearest.ts";
import { UsageError } from "../usage-error.ts";

const MISSED_EXIT = 7;

export const experiment: Verb = (command, attach) => {
  command
    .argument("[name]", "one of them, or all; without a name they are listed")
    .option("--seed <n>", "seed of every draw", "1")
    .option("--data <folder>", "measured data instead of generated")
    .option("--oracles <folder>", "files of known answers, for conformance")
    .option("--quick", "fewer seeds, series and sizes")
    .option("--assert", "exit 7 when a figure misses its bar")
    .option("--module <module>", "whose experiments");
  attach(command, async (invocation) => {
    const { options, args, json } = invocation;
    const { allHold, loadExperiments, runExperiment, tryExperiment } = await import("../../experiment.ts");
    const all = await loadExperiments(options["module"] as string | undefined);
    const [asked] = args;
    if (asked === undefined) {
      const rows = Object.entries(all).map(([name, { id, summary }]) => [name, id, summary]);
      const experiments = rows.map(([name, id, summary]) => ({ name, id, summary }));
      invocation.print({ experiments }, table(["experiment", "", ""], rows));
      return 0;
    }
    const chosen = asked === "all" ? Object.entries(all) : [[asked, namedIn(all, asked)] as const];
    const request: ExperimentRequest = {
      seed: wholeNumber(options["seed"], "--seed") ?? 1,
      data: options["data"] as string | undefined,
      oracles: options["oracles"] as string | undefined,
      quick: options["quick"] === true,
    };
    // Of all, those that cannot run here say so and the others go on.
    const run = asked === "all" ? tryExperiment : runExperiment;
    const reports: ExperimentReport[] = [];
    for (const [name, found] of chosen) {
      const report = await run(name, found, request);
      reports.push(report);
      // A year of homes takes its time: each is told when it is there.
      if (!json) invocation.print({}, textOf(report));
    }
    const holds = reports.every(allHold);
    if (json) invocation.print({ quick: request.quick, holds, experiments: reports }, "");
    return options["assert"] === true && !holds ? MISSED_EXIT : 0;
  });
};

function namedIn<Of>(all: Readonly<Record<string, Of>>, asked: string): Of {
  const one = Object.hasOwn(all, asked) ? all[asked] : undefined;
  if (one !== undefined) return one;
  const near = nearest(asked, [...Object.keys(all), "all"]);
  const suggestion = near === undefined ? "" : `. Did you mean "${near}"?`;
  throw new UsageError(`no experiment "${asked}"${suggestion}`, "gridmesh experiment");
}

function textOf({ name, id, seed, elapsedMs, result, refused }: ExperimentReport): string {
  if (result === undefined) return `\n${id} ${name}: not run: ${refused?.message ?? ""}\n`;
  const head = `\n${id} ${name}, seed ${seed}, ${(elapsedMs / 1_000).toFixed(1)} s\n`;
  const claims = result.claims.map(
    ({ source, claim, measured, reached }) =>
      `${reached ? "reached" : "NOT reached"}  ${source}: ${claim}. Measured: ${measured}.\n`,
  );
  const notes = result.notes.map((note) => `note  ${note}\n`);
  return [head, ...result.tables.map(tableText), ...claims, ...notes].join("");
}

function tableText({ title, dataset, figures }: ExperimentResult["tables"][number]): string {
  const held = figures.filter(({ bar }) => bar !== null);
  const passed = held.filter(({ pass }) => pass).length;
  const hash = dataset.sha256 === null ? "" : `  sha256 ${dataset.sha256}`;
  const rows = figures.map(({ name, value, unit, baseline, bar, pass }) => [
    `  ${name}`,
    Number.isInteger(value) ? String(value) : value.toPrecision(5),
    unit,
    baseline === null ? "" : `against ${baseline}`,
    bar === null ? "" : `${bar[0].toPrecision(4)} … ${bar[1].toPrecision(4)}`,
    pass ? "" : "MISSED",
  ]);
  const head = `${title} on ${dataset.name}: ${passed} of ${held.length} bars held${hash}\n`;
  return `${head}${table(["  figure", "value", "", "", "bar", ""], rows)}`;
}

/** The main job: a neighbourhood of daemons lives, is audited, and is reported on. Phases in order, top to bottom. */

import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { messageOf } from "@gridmesh/protocol";
import { version } from "../version.ts";
import { cycles, drain } from "./cycles.ts";
import { newFigures, type RunFigures } from "./figures.ts";
import { watchInterrupts, type Interrupts } from "./interrupt.ts";
import { checkKills, checkOptions, type TestnetOptions } from "./options.ts";
import { createOutput, type Output, processStreams } from "./output.ts";
import { ready, RunFailed, start } from "./phases.ts";
import { daemonsOf, loadPlan } from "./plan.ts";
import { makeReport } from "./report.ts";
import type { TestnetReport } from "./report-schema.ts";
import { reportLines, verdictLines } from "./report-text.ts";
import { audit, collect, stop } from "./settle.ts";

const EXIT_FAILED = 7;
const EXIT_INTERRUPTED = 130;
const EXIT_TERMINATED = 143;
const DEFAULT_DEADLINE_MS = 180_000;
/** Start, drain, collection, audit and stop, besides the cycles. */
const AROUND_CYCLES_MS = 100_000;

/**
 * Runs a testnet and returns its exit code: 0 when everything held, 7 when not, 130 or 143 after a signal.
 * @throws CONFIG_INVALID, INVALID_PARAMS, UNSUPPORTED_OPERATION before anything has started.
 */
export async function runTestnet(options: TestnetOptions): Promise<number> {
  checkOptions(options);
  const startedAtMs = Date.now();
  const plan = await loadPlan(options);
  const daemons = daemonsOf(plan, options.processes);
  checkKills(options.kill ?? 0, daemons);
  const seed = options.seed ?? 1;
  const plannedCycles = options.follow === true ? null : plan.cycles;
  const figures = newFigures({ startedAtMs, plan, daemons, seed, plannedCycles });
  const io = options.io ?? processStreams();
  const output = createOutput(options.output, startedAtMs, io);
  const network = `testnet-${randomBytes(5).toString("hex")}`;
  const length = plannedCycles === null ? "cycles without end" : `${plannedCycles} cycles`;
  output.text(
    `gridmesh testnet  preset ${plan.preset}  ${daemons.length} processes  ${length} x${plan.speed}  ` +
      `seed ${seed}  network ${network}\n`,
  );
  const killAll = () => figures.fleet?.killAllNow();
  process.on("exit", killAll);
  using interrupts = watchInterrupts(() => {
    killAll();
    process.exit(EXIT_INTERRUPTED);
  });
  try {
    await live(figures, { ...options, network }, { output, interrupts });
  } finally {
    killAll();
    process.off("exit", killAll);
  }
  const report = finish(figures, options, output);
  if (interrupts.signal === "SIGTERM") return EXIT_TERMINATED;
  if (interrupts.signal === "SIGINT") return EXIT_INTERRUPTED;
  return report.ok ? 0 : EXIT_FAILED;
}

async function live(
  figures: RunFigures,
  options: TestnetOptions & { readonly network: string },
  { output, interrupts }: { readonly output: Output; readonly interrupts: Interrupts },
): Promise<void> {
  try {
    const up = start(figures, options, output).then((fleet) => ready(figures, fleet, output));
    await Promise.race([up, interrupts.first]);
    up.catch(() => undefined);
    const { observer, fleet } = figures;
    if (interrupts.signal !== undefined || observer === undefined || fleet === undefined) return;
    const run = { figures, fleet, observer, output };
    const deadlineMs = () => figures.startedAtMs + deadlineOf(figures, options);
    const asked = { kills: options.kill ?? 0, speed: options.speed };
    await cycles({ ...run, interrupts, ...asked, deadlineMs });
    await drain(figures, fleet, output);
    await collect(run);
    await audit(run);
  } catch (error) {
    const code = error instanceof RunFailed ? error.code : "INTERNAL";
    const node = error instanceof RunFailed ? error.node : undefined;
    const text = messageOf(error);
    figures.failures.push({ code, text, ...(node === undefined ? {} : { node }) });
  } finally {
    figures.interrupted ||= interrupts.signal !== undefined;
    if (figures.fleet !== undefined) await stop({ figures, fleet: figures.fleet, output });
  }
}

function deadlineOf(figures: RunFigures, options: TestnetOptions): number {
  const { plannedCycles, plan, speed } = figures;
  if (plannedCycles === null) return Number.POSITIVE_INFINITY;
  const needed = (plannedCycles * plan.cycleMs) / speed + AROUND_CYCLES_MS;
  return options.deadlineMs ?? Math.max(DEFAULT_DEADLINE_MS, needed);
}

/** Writes `reports/testnet-<UTC>.{json,txt}`, says the verdict, and leaves no homes behind after PASS. */
function finish(figures: RunFigures, options: TestnetOptions, output: Output): TestnetReport {
  const folder = join(resolve(options.reportsIn ?? process.cwd()), "reports");
  const stamp = new Date(figures.startedAtMs)
    .toISOString()
    .replaceAll(/[-:]/g, "")
    .replace(/\.\d+Z$/, "Z");
  const path = join(folder, `testnet-${stamp}`);
  const passed = figures.failures.length === 0 && !figures.interrupted;
  const run = figures.fleet?.runDir ?? null;
  const keeps = options.keep === true || !passed;
  const file = relative(process.cwd(), `${path}.json`);
  const report = makeReport(figures, { report: file, run: keeps ? run : null });
  const lines = reportLines(report);
  const text = [...lines, ...verdictLines(report)].join("\n");
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${path}.json`, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(`${path}.txt`, `gridmesh ${version()} testnet ${figures.plan.preset}\n${text}\n`);
  output.step("report", lines.join("\n"));
  output.text(`${verdictLines(report).join("\n")}\n`);
  output.report(report);
  if (!keeps) figures.fleet?.removeRunDir();
  return report;
}

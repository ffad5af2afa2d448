/** The phases that bring a neighbourhood up: start and ready. What fails ends the run with a name and a reason. */

import { isProtocolError } from "@gridmesh/protocol";
import { pause } from "./child.ts";
import type { FailureCode } from "./failures.ts";
import type { RunFigures } from "./figures.ts";
import { Fleet } from "./fleet.ts";
import { Observer, readiness } from "./observe.ts";
import type { TestnetOptions } from "./options.ts";
import type { Output } from "./output.ts";

const READY_DEADLINE_MS = 30_000;
const READY_POLL_MS = 300;

/** Ends the cycles; the rest of the run still collects, audits and reports what there is. */
export class RunFailed extends Error {
  readonly code: FailureCode;
  readonly node: string | undefined;

  constructor(code: FailureCode, message: string, node?: string) {
    super(message);
    this.code = code;
    this.node = node;
  }
}

export async function start(
  figures: RunFigures,
  options: TestnetOptions & { readonly network: string },
  output: Output,
): Promise<Fleet> {
  const { plan, daemons } = figures;
  const fleet = await Fleet.make(plan, daemons, {
    network: options.network,
    fixedPorts: options.ports === "seed",
  });
  figures.fleet = fleet;
  figures.observer = new Observer(fleet, plan);
  const { source, day } = plan.data;
  const data = day === null ? `data ${source}` : `data ${source} ${day}`;
  const homes = fleet.children.length;
  output.step("plan", `${homes} homes, ${homes} keys, ${data}`, { homes, data: plan.data });
  for (const child of fleet.children) {
    child.onUnasked = (dead, exit) => {
      figures.crashed.add(dead.name);
      const how = exit.signal ?? `exit ${exit.code ?? "unknown"}`;
      const text = `${dead.name} ended unasked (${how}). Last log line: ${dead.lastLine()}`;
      figures.failures.push({ code: "PROCESS_DIED", text, node: dead.name });
    };
  }
  try {
    output.step("start", "bootstrap", { node: "bootstrap" });
    await fleet.startBootstrap();
    output.step("start", `${homes - 1} more, 150 ms apart`, { nodes: homes - 1 });
    await fleet.startOthers();
  } catch (error) {
    throw new RunFailed("START_FAILED", isProtocolError(error) ? error.message : String(error));
  }
  return fleet;
}

/** Waits until all are in the search mesh and know every trading agent. */
export async function ready(figures: RunFigures, fleet: Fleet, output: Output): Promise<void> {
  const endMs = Date.now() + READY_DEADLINE_MS;
  for (;;) {
    const state = await readiness(fleet);
    figures.ready = fleet.children.filter((child) => child.running).length;
    if (state.ready) {
      const [all, agents] = [fleet.children.length, fleet.tradingAgents.length];
      figures.readyMs = Date.now() - figures.startedAtMs;
      figures.minPeers = state.minPeers;
      const text = `${figures.ready}/${all} processes, ${state.inMesh}/${all} in mesh, ${agents}/${agents} agents found`;
      output.step("ready", text, { processes: figures.ready, inMesh: state.inMesh, agentsFound: agents });
      return;
    }
    const { lacking } = state;
    if (figures.failures.length > 0) throw new RunFailed("NOT_READY", "a daemon ended before all were ready");
    if (lacking !== undefined && Date.now() > endMs) {
      const advice = await firstFinding(fleet, lacking.node);
      throw new RunFailed("NOT_READY", `${lacking.node} ${lacking.what}. ${advice}`, lacking.node);
    }
    await pause(READY_POLL_MS);
  }
}

async function firstFinding(fleet: Fleet, node: string): Promise<string> {
  const child = fleet.children.find((one) => one.name === node);
  if (child === undefined) return "";
  try {
    const [finding] = await child.control.findings();
    return finding === undefined
      ? "It reports no finding."
      : `${finding.code}: ${finding.text} ${finding.fix}`;
  } catch {
    return `It does not answer. Last log line: ${child.lastLine()}`;
  }
}

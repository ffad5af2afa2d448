/** The market's cycles on the wall clock: a line each, kills where asked, then no more new trades. */

import { toProtocolError } from "@gridmesh/protocol";
import { pause } from "./child.ts";
import type { RunFigures } from "./figures.ts";
import type { Fleet } from "./fleet.ts";
import type { Interrupts } from "./interrupt.ts";
import { planKills } from "./kills.ts";
import { type CycleFigures, type Observer, profileOf } from "./observe.ts";
import type { Output } from "./output.ts";
import { slowdown, untilAtRest } from "./rest.ts";

/** All daemons begin at one instant this far ahead: by then each knows of it. */
const LEAD_MS = 1_000;
/** Figures are read when the gate is closed and the slot not yet over: nobody is busy then. */
const READ_AT_PERMILLE = 900;
const LATE_FACTOR = 5;
const DRAIN_DEADLINE_MS = 10_000;
const DRAIN_POLL_MS = 150;

interface Cycling {
  readonly figures: RunFigures;
  readonly fleet: Fleet;
  readonly observer: Observer;
  readonly interrupts: Interrupts;
  readonly output: Output;
  readonly kills: number;
  /** Asked for; absent: the preset's, or less on a crowded machine. */
  readonly speed: number | undefined;
  /** Wall ms at which the whole run is over. */
  readonly deadlineMs: () => number;
}

export async function cycles(run: Cycling): Promise<void> {
  const { figures, fleet } = run;
  const { plan } = figures;
  const endMarketMs = (count: number) => plan.marketStartMs + count * plan.cycleMs;
  figures.socStart = await run.observer.statesOfCharge();
  if (figures.plannedCycles !== null) await fleet.endTradingAt(endMarketMs(figures.plannedCycles));
  await begin(run);
  const cycleWallMs = plan.cycleMs / figures.speed;
  const startWallMs = Date.now() + LEAD_MS;
  await fleet.setClock({
    marketMs: plan.marketStartMs,
    atWallMs: startWallMs,
    speed: figures.speed,
    paused: false,
  });
  const killing = kill(run, { startWallMs, cycleWallMs });

  const stopAfter = figures.plannedCycles ?? Number.POSITIVE_INFINITY;
  for (let cycle = 0; cycle < stopAfter; cycle++) {
    const readAtMs = startWallMs + (cycle + READ_AT_PERMILLE / 1_000) * cycleWallMs;
    await until(readAtMs, run);
    if (run.interrupts.signal !== undefined) figures.interrupted = true;
    if (figures.interrupted || Date.now() > run.deadlineMs()) {
      await fleet.endTradingAt(endMarketMs(currentCycle(startWallMs, cycleWallMs) + 1));
    }
    const seen = await run.observer.cycle(endMarketMs(cycle));
    figures.cyclesDone = cycle + 1;
    if (Date.now() - readAtMs > LATE_FACTOR * cycleWallMs) figures.cyclesLate += 1;
    run.output.step("cycle", cycleText(figures, cycle, seen), { cycle: cycle + 1, ...seen });
    if (figures.interrupted || Date.now() > run.deadlineMs()) break;
  }
  await pause(Math.max(0, startWallMs + figures.cyclesDone * cycleWallMs - Date.now()));
  if (Date.now() > run.deadlineMs() && !figures.interrupted) {
    figures.failures.push({ code: "DEADLINE", text: `not done in time: ${figures.cyclesDone} cycles lived` });
  }
  await killing;
}

/** Waits for the daemons' rest; where they share the machine with much else, an hour of theirs takes longer. */
async function begin({ figures, fleet, speed, interrupts, output }: Cycling): Promise<void> {
  const rest = await Promise.race([untilAtRest(fleet), interrupts.first]);
  if (speed !== undefined || typeof rest !== "object") return;
  const slower = slowdown(rest.ownShare);
  if (slower === 1) return;
  figures.speed = Math.max(1, Math.floor(figures.speed / slower));
  const [percent, seconds] = [Math.round(rest.ownShare * 100), figures.plan.cycleMs / figures.speed / 1_000];
  const text = `crowded machine: daemons get ${percent} % of the time they have work, a cycle takes ${seconds.toFixed(0)} s`;
  output.step("ready", text, { processorPercent: percent, speed: figures.speed });
}

function currentCycle(startWallMs: number, cycleWallMs: number): number {
  return Math.max(0, Math.floor((Date.now() - startWallMs) / cycleWallMs));
}

/** Waits for a wall instant, or for the first signal. */
async function until(wallMs: number, run: Cycling): Promise<void> {
  const waitMs = Math.max(0, wallMs - Date.now());
  if (run.figures.interrupted) return pause(waitMs);
  await Promise.race([pause(waitMs), run.interrupts.first]);
}

function cycleText(figures: RunFigures, cycle: number, seen: CycleFigures): string {
  const { plan, plannedCycles } = figures;
  const of = plannedCycles === null ? "" : `/${plannedCycles}`;
  const at = new Date(plan.marketStartMs + cycle * plan.cycleMs).toISOString();
  const time = plan.cycleMs % 60_000 === 0 ? at.slice(11, 16) : at.slice(11, 19);
  const soc = seen.soc === null ? "-" : `${Math.round(seen.soc[0])}-${Math.round(seen.soc[1])} %`;
  return [
    `${String(cycle + 1).padStart(3)}${of}  ${time}`,
    `searches ${seen.searches}`,
    `offers ${seen.offers}`,
    `trades ${seen.trades}`,
    `energy ${(seen.tradedMilliWh / 1_000_000).toFixed(3)} kWh`,
    `volume ${(seen.volumeMicro / 1_000_000).toFixed(2)} ${plan.currency}`,
    `SoC ${soc}`,
  ].join("  ");
}

async function kill(
  run: Cycling,
  wall: { readonly startWallMs: number; readonly cycleWallMs: number },
): Promise<void> {
  const { figures, fleet } = run;
  const names = fleet.traders.map((child) => child.name);
  const count = run.kills;
  const planned = planKills(names, { count, cycles: figures.plannedCycles ?? count * 5, seed: figures.seed });
  const restarts = planned.map(async (one) => {
    const atMs = wall.startWallMs + (one.cycle + one.atPermille / 1_000) * wall.cycleWallMs;
    await Promise.race([pause(Math.max(0, atMs - Date.now())), run.interrupts.first]);
    const child = fleet.children.find((child) => child.name === one.node);
    if (child === undefined || run.interrupts.signal !== undefined || !child.running) return;
    await rescue(run, child.name);
    // What is agreed at this moment must still stand at the end.
    await run.observer.books();
    figures.killed += 1;
    try {
      await fleet.killAndRestart(child);
      figures.restarted += 1;
    } catch (error) {
      const text = toProtocolError(error, "INTERNAL_ERROR").message;
      figures.failures.push({ code: "RESTART_FAILED", text, node: child.name });
    }
  });
  await Promise.all(restarts);
}

/** Keeps what a household counted in memory before it dies. */
async function rescue(run: Cycling, node: string): Promise<void> {
  const lost = run.fleet.agentsOf("household").filter((agent) => agent.child.name === node);
  for (const agent of lost) takeLatencies(run.figures, await profileOf(agent));
}

/** Adds the latencies a household's profile shows to those of the run. */
export function takeLatencies(figures: RunFigures, profile: Awaited<ReturnType<typeof profileOf>>): void {
  const trading = profile?.["trading"] as Record<string, unknown> | undefined;
  const numbers = (value: unknown) =>
    Array.isArray(value) ? value.filter((one) => typeof one === "number") : [];
  figures.firstOfferMs.push(...numbers(trading?.["searchToFirstOfferMs"]));
  figures.confirmMs.push(...numbers(trading?.["searchToConfirmMs"]));
}

/** No new search; everything open ends. What does not is a failure. */
export async function drain(figures: RunFigures, fleet: Fleet, output: Output): Promise<void> {
  const endMs = Date.now() + DRAIN_DEADLINE_MS;
  let open = await openTrades(fleet);
  while (open > 0 && Date.now() < endMs) {
    await pause(DRAIN_POLL_MS);
    open = await openTrades(fleet);
  }
  figures.openTrades = open;
  output.step("drain", `${open} open trades`, { open });
  if (open > 0) {
    figures.failures.push({
      code: "TRADES_OPEN",
      text: `${open} trades or settlements did not end in ${DRAIN_DEADLINE_MS / 1_000} s`,
    });
  }
}

/** Orders and statements on their way, and households whose last slot is not booked; a silent daemon counts too. */
async function openTrades(fleet: Fleet): Promise<number> {
  const ledgers = await fleet.ask(fleet.traders, (control) => control.ledger());
  const households = fleet.agentsOf("household");
  const profiles = await Promise.all(households.map(profileOf));
  const pending = [...ledgers.values()].reduce(
    (sum, view) => sum + view.pending.orders + view.pending.imbalances,
    0,
  );
  const unsettled = profiles.filter((profile) => profile?.["settled"] !== true).length;
  return pending + unsettled + (fleet.traders.length - ledgers.size);
}

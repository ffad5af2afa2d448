/** One seed from beginning to rest: real desks and journals over a simulated network, disks and clocks. */

import { setImmediate as turn } from "node:timers/promises";
import { Business } from "./business.ts";
import type { SeededBug } from "./bugs/bug.ts";
import { checkBooks, checkNow, checkRest } from "./check.ts";
import { Courier } from "./courier.ts";
import { SimNet } from "./net.ts";
import { SimNode } from "./node.ts";
import { REST_AT_MS, type SimPlan } from "./plan.ts";
import { engineFor, identityAt } from "./tags.ts";
import { begin, link } from "./trouble.ts";
import { type Breach, noCounts, type SimCounts, World } from "./world.ts";

const CHECK_EVERY = 20;

export interface SimResult {
  readonly seed: number;
  /** The first invariant that did not hold; undefined when all did. */
  readonly breach: Breach | undefined;
  readonly counts: SimCounts;
  readonly plan: SimPlan;
}

export interface SimOptions {
  readonly bug?: SeededBug | undefined;
  /** In the place of what the seed draws. */
  readonly plan?: Partial<SimPlan> | undefined;
}

/** The same seed and options always give the same result. */
export async function simulate(seed: number, { bug, plan: fixed }: SimOptions = {}): Promise<SimResult> {
  const world = new World(seed, fixed);
  const nodes = buildNodes(world, bug);
  for (const node of nodes) node.start();
  await run(world, nodes);
  if (world.breach === undefined) checkNow(world, nodes);
  if (world.breach === undefined) await checkRest(world, nodes);
  for (const node of nodes) node.life.alive = false;
  const { breach, counts, plan } = world;
  return { seed, breach, counts, plan };
}

function buildNodes(world: World, bug: SeededBug | undefined): readonly SimNode[] {
  const { realSignatures, nodes: count } = world.plan;
  const nodes: SimNode[] = [];
  const net = new SimNet(world, nodes);
  const business = new Business(world, nodes);
  const courier = new Courier(world);
  const trouble = { world, net, nodes };
  for (let index = 0; index < count; index += 1) {
    const node = new SimNode(index, {
      world,
      net,
      nodes,
      bug,
      identity: identityAt(index, realSignatures),
      engine: engineFor(realSignatures),
      use: {
        ready(started) {
          checkBooks(world, started);
          business.ready(started);
          link(trouble, started);
          bug?.ready?.(started);
        },
        order: (at, letter) => void courier.order(at, letter),
        decision: (at, letter) => void courier.decision(at, letter),
        event: (event) => business.event(event),
      },
    });
    nodes.push(node);
  }
  business.begin();
  begin(trouble);
  return nodes;
}

async function run(world: World, nodes: readonly SimNode[]): Promise<void> {
  const { counts, events } = world;
  await turn();
  for (let event = events.take(); event !== undefined; event = events.take()) {
    if (event.cancelled) continue;
    if (event.atMs > REST_AT_MS) return world.fail("I8", "something is under way 370 s after all was calm");
    world.nowMs = event.atMs;
    event.run();
    // Everything that follows from it at the same moment.
    await turn();
    counts.events += 1;
    if (counts.events % CHECK_EVERY === 0) checkNow(world, nodes);
    if (world.breach !== undefined) return;
  }
}

export interface SimRange {
  readonly seed: number;
  readonly count: number;
}

/** Seeds one after the other; `tell` hears of each. */
export async function simulateMany(
  { seed: first, count }: SimRange,
  tell: (result: SimResult) => void,
): Promise<{ readonly counts: SimCounts; readonly broken: number }> {
  const counts = noCounts();
  let broken = 0;
  for (let seed = first; seed < first + count; seed += 1) {
    const result = await simulate(seed);
    if (result.breach !== undefined) broken += 1;
    for (const name of Object.keys(counts) as (keyof SimCounts)[]) counts[name] += result.counts[name];
    tell(result);
  }
  return { counts, broken };
}

/** The first seed in which this mistake breaks an invariant; undefined when none does. */
export async function firstCaught(
  bug: SeededBug,
  { seed: first, count }: SimRange,
): Promise<SimResult | undefined> {
  for (let seed = first; seed < first + count; seed += 1) {
    const result = await simulate(seed, { bug });
    if (result.breach !== undefined) return result;
  }
  return undefined;
}

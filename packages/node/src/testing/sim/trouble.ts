/** What befalls the nodes of a simulation every tenth of a second until it is calm. */

import { tellLie } from "./lies.ts";
import type { SimNet } from "./net.ts";
import type { SimNode } from "./node.ts";
import { CALM_AT_MS } from "./plan.ts";
import type { World } from "./world.ts";

const EVERY_MS = 100;
/** Links come anew when the time of a statement is over by everybody's clock. */
const STATED_AT_MS = [330_000, 350_000];
const HALVES_AT_MS = 5_000;
const CUT_MS = [200, 8_000] as const;
const FULL_MS = [100, 5_000] as const;
const LINKED_WITHIN_MS = 500;

export interface Trouble {
  readonly world: World;
  readonly net: SimNet;
  readonly nodes: readonly SimNode[];
}

export function begin(trouble: Trouble): void {
  const { world, net, nodes } = trouble;
  world.after(EVERY_MS, () => strike(trouble));
  if (world.plan.halves) world.after(HALVES_AT_MS, () => net.cut());
  world.after(CALM_AT_MS, () => {
    net.heal();
    for (const node of nodes) link(trouble, node);
  });
  for (const atMs of STATED_AT_MS) {
    world.after(atMs, () => {
      for (const node of nodes) link(trouble, node);
    });
  }
}

function strike(trouble: Trouble): void {
  const { world, net, nodes } = trouble;
  const { chance, plan } = world;
  if (world.nowMs >= CALM_AT_MS) return;
  for (const node of nodes) {
    if (!node.isUp) continue;
    if (chance.hits(plan.diskFull)) node.fillDisk(chance.from(...FULL_MS));
    if (!chance.hits(plan.crash)) continue;
    if (chance.hits(plan.cleanStop)) node.stop();
    else node.crash();
  }
  if (chance.hits(plan.partition)) {
    net.cut();
    world.after(chance.from(...CUT_MS), () => {
      net.heal();
      for (const node of nodes) if (chance.hits(0.5)) link(trouble, node);
    });
  }
  if (chance.hits(plan.lies)) tellLie(trouble);
  world.after(EVERY_MS, () => strike(trouble));
}

/** Tells a node and its peers of each other, as new connections do. */
export function link({ world, net, nodes }: Trouble, node: SimNode): void {
  for (const other of nodes) {
    if (other === node) continue;
    world.after(world.chance.next() * LINKED_WITHIN_MS, () => {
      if (!node.isUp || !other.isUp || !net.passes(node.index, other.index)) return;
      node.life.linked(other.peerId);
      other.life.linked(node.peerId);
    });
  }
}

/** Many nodes of one process, linked without sockets. */

import { type Clock, systemClock } from "../clock.ts";
import { createNode } from "../create-node.ts";
import type { Log } from "../log.ts";
import { memory } from "../network/memory.ts";
import { type MemoryFaults, type MemoryHub, memoryHub } from "../network/memory-hub.ts";
import type { AgentNode } from "../node.ts";
import type { NodeAgent, NodeOptions } from "../node-options.ts";
import { seededRandom } from "./seeded-random.ts";

export interface TestNetworkOptions {
  /** Default 1; the same seed gives the same keys, faults and draws. */
  readonly seed?: number | undefined;
  /** Default `testnet`. */
  readonly networkName?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly log?: Log | undefined;
  readonly faults?: Partial<MemoryFaults> | undefined;
  /** Agents of the i-th node, from 0. */
  readonly agents?: ((index: number) => readonly NodeAgent[]) | undefined;
  /** More options of the i-th node. */
  readonly options?: ((index: number) => Partial<NodeOptions>) | undefined;
}

export interface TestNetwork extends AsyncDisposable {
  /** The first is the bootstrap of the others. */
  readonly nodes: readonly AgentNode[];
  /** Fault knobs: loss, delay, duplication, partition. */
  readonly hub: MemoryHub;
  /** Starts one more node. */
  add(options?: Partial<NodeOptions>): Promise<AgentNode>;
}

/** Starts `count` nodes that share a first one as bootstrap; dispose it to stop them all. */
export async function testNetwork(count: number, options: TestNetworkOptions = {}): Promise<TestNetwork> {
  const seed = options.seed ?? 1;
  const clock = options.clock ?? systemClock();
  const hub = memoryHub({ seed, ...options.faults });
  const nodes: AgentNode[] = [];
  const add = async (more: Partial<NodeOptions> = {}): Promise<AgentNode> => {
    const index = nodes.length;
    const random = seededRandom(`${seed} ${index}`);
    const agents = options.agents?.(index);
    const node = await createNode({
      network: memory({ hub, bootstrap: nodes[0]?.addresses ?? [] }),
      networkName: options.networkName ?? "testnet",
      clock,
      random,
      seed: random.bytes(32),
      log: options.log,
      agents,
      ...options.options?.(index),
      ...more,
    });
    nodes.push(node);
    return node;
  };
  for (let index = 0; index < count; index += 1) await add();
  return {
    nodes,
    hub,
    add,
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node.stop({ deadlineMs: 0 })));
    },
  };
}

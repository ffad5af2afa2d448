/** Nodes linked with each other in memory, for tests of calls. */

import { createNode, memory, memoryHub, type NodeOptions } from "../src/index.ts";
import type { AgentNode } from "../src/node.ts";
import { NETWORK } from "./node-fixture.ts";

const rates = { perSecond: 100_000, burst: 100_000, peakPerSecond: 100_000, peakBurst: 100_000 };

/** One node for each set of options, each linked with those before it. */
export async function mesh(...nodes: readonly Partial<NodeOptions>[]) {
  const hub = memoryHub({ seed: 31 });
  const stack = new AsyncDisposableStack();
  const made: AgentNode[] = [];
  for (const options of nodes) {
    const common = { network: memory({ hub }), networkName: NETWORK, messageRates: rates };
    const node = await createNode({ ...common, ...options });
    stack.defer(() => node.stop({ deadlineMs: 0 }));
    for (const other of made) await node.connect(other.addresses[0] ?? "");
    made.push(node);
  }
  return { nodes: made, hub, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

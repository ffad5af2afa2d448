/** Looks at a running node for what its operator should know; what each finding means is in docs/HEALTH.md. */

import type { Observation } from "./findings.ts";
import { observeLinks } from "./observe-links.ts";
import { observeNetwork } from "./observe-network.ts";
import { observeWork } from "./observe-work.ts";
import { emptyMemory, FLAPPING_MS, type Observed } from "./observed.ts";

/** Looks whenever asked; listens to losses meanwhile. */
export interface Observer extends Disposable {
  look(): readonly Observation[];
}

export function createObserver(node: Observed): Observer {
  const { clock } = node;
  const memory = emptyMemory(clock);
  const losses = node.transport.on("unlink", ({ peerId }) => {
    if (peerId === undefined || !isAnchor(node, peerId)) return;
    const nowMs = clock.monotonicMs();
    const recent = (memory.anchorLosses.get(peerId) ?? []).filter((atMs) => nowMs - atMs <= FLAPPING_MS);
    memory.anchorLosses.set(peerId, [...recent, nowMs]);
  });
  return {
    look: () => {
      const snapshot = node.transport.snapshot();
      return [
        ...observeLinks(node, memory, snapshot),
        ...observeNetwork(node, memory, snapshot),
        ...observeWork(node),
        ...node.around(),
      ];
    },
    [Symbol.dispose]: () => losses[Symbol.dispose](),
  };
}

function isAnchor({ supervisor }: Observed, peerId: string): boolean {
  return supervisor.state().anchors.some((anchor) => anchor.peerId === peerId);
}

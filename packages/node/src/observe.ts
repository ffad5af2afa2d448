/** Looks at a running node for what its operator should know; what each finding means is in docs/HEALTH.md. */

import type { Observation } from "./findings.ts";
import { observeLinks } from "./observe-links.ts";
import { observeNetwork } from "./observe-network.ts";
import { observeWork } from "./observe-work.ts";
import { emptyMemory, FLAPPING_MS, type Memory, type Observed } from "./observed.ts";

/** More losses than these within the window say nothing new. */
const MAX_LOSSES = 64;

/** Looks whenever asked; listens to losses meanwhile. */
export interface Observer extends Disposable {
  look(): readonly Observation[];
}

export function createObserver(node: Observed): Observer {
  const { clock } = node;
  const memory = emptyMemory(clock);
  const undo = new DisposableStack();
  undo.use(watchAnchors(node, memory));
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
    [Symbol.dispose]: () => undo.dispose(),
  };
}

/** Notes when links of anchors begin, and how long each had stood when it went. */
function watchAnchors({ clock, transport, supervisor }: Observed, { anchorLosses }: Memory): Disposable {
  const since = new Map<string, number>();
  const isAnchor = (peerId: string) => supervisor.state().anchors.some((anchor) => anchor.peerId === peerId);
  const undo = new DisposableStack();
  undo.use(
    transport.on("link", ({ peerId }) => {
      if (peerId !== undefined && isAnchor(peerId)) since.set(peerId, clock.monotonicMs());
    }),
  );
  undo.use(
    transport.on("unlink", ({ peerId }) => {
      if (peerId === undefined || !isAnchor(peerId)) return;
      const atMs = clock.monotonicMs();
      const begunMs = since.get(peerId);
      since.delete(peerId);
      const recent = (anchorLosses.get(peerId) ?? []).filter((loss) => atMs - loss.atMs <= FLAPPING_MS);
      const heldMs = begunMs === undefined ? undefined : atMs - begunMs;
      anchorLosses.set(peerId, [...recent, { atMs, heldMs }].slice(-MAX_LOSSES));
    }),
  );
  return undo;
}

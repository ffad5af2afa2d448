/** Keys that changed hands, as the operator should know of them. */

import type { Observed } from "./observed.ts";
import type { LinkRoom } from "./open-links.ts";

type Keys = Required<Pick<Observed, "brokenSuccessions" | "keyNotes">>;

/** A dispute is critical where this node relies on the peer; strangers can make up disputes of their own. */
export function observedKeys({ successions, supervisor }: LinkRoom): Keys {
  const reliedOn = () => {
    const peers = supervisor.peers().filter(({ peerClass }) => peerClass !== "neighbour");
    return new Set(peers.flatMap(({ peerId }) => peerId ?? []));
  };
  return {
    brokenSuccessions() {
      const peers = reliedOn();
      const broken = successions.disputes().filter(({ subject }) => peers.has(subject));
      return new Map(broken.map(({ subject, text }) => [subject, text]));
    },
    keyNotes() {
      const moved = supervisor.state().anchors.flatMap(({ peerId, link }) => {
        const now = peerId === undefined ? undefined : successions.currentPeerId(peerId);
        if (now === undefined || now === peerId || link !== undefined) return [];
        const text = `the key of ${peerId} was handed over: it is ${now} now`;
        const fix = `end its address in discovery.bootstrap or peers.static in /p2p/${now}`;
        return [{ text, fix, severity: "info" as const }];
      });
      const disputed = successions.disputes().map(({ subject, text }) => {
        return { text: `${subject}: ${text}`, severity: "warning" as const };
      });
      return [...disputed, ...moved];
    },
  };
}

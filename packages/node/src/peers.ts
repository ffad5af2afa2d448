/** The peers of a node as its operator sees them. */

import { keyFromPeerId, ProtocolError } from "@gridmesh/protocol";
import type { NodePeer } from "./node.ts";
import type { LinkRoom } from "./open-links.ts";
import type { PeerView } from "./network/supervisor-types.ts";

/** Names of peers whose keys are of other kinds, RSA and secp256k1: no nodes of ours, but peers. */
const FOREIGN = /^(?:Qm[1-9A-HJ-NP-Za-km-z]{44}|16Uiu2HA[1-9A-HJ-NP-Za-km-z]{45})$/u;

/** @throws ADDRESS_INVALID for what names no peer. */
export function checkPeerId(text: string): void {
  if (FOREIGN.test(text)) return;
  try {
    keyFromPeerId(text);
  } catch (error) {
    throw new ProtocolError("ADDRESS_INVALID", `"${text.slice(0, 64)}" is no PeerId`, { cause: error });
  }
}

/** Linked ones first. */
export function peersOf(links: LinkRoom): readonly NodePeer[] {
  const rows = new Map<string, NodePeer>();
  const views = new Map<string, PeerView>();
  for (const view of links.supervisor.peers()) if (view.peerId !== undefined) views.set(view.peerId, view);
  for (const link of links.transport.links()) {
    const { peerId, address, inbound, openedAtMs } = link;
    rows.set(peerId, {
      peerId,
      state: "connected",
      addresses: [...new Set([address, ...(views.get(peerId)?.addresses ?? [])])],
      direction: inbound ? "inbound" : "outbound",
      latencyMs: null,
      connectedAtMs: openedAtMs,
      ...agreedWith(links, peerId),
    });
  }
  for (const [peerId, view] of views) if (!rows.has(peerId)) rows.set(peerId, unlinked(links, peerId, view));
  return [...rows.values()];
}

function agreedWith(links: LinkRoom, peerId: string): Pick<NodePeer, "agreed" | "health"> {
  const agreement = links.serve.sessions().find((session) => session.peerId === peerId)?.agreement;
  const health = links.health.of(peerId);
  if (agreement === undefined || health === undefined) return {};
  return { health, agreed: { version: agreement.selected_version, features: agreement.features } };
}

function unlinked(links: LinkRoom, peerId: string, view: PeerView): NodePeer {
  const banned = links.bans.banned(peerId);
  const reason = banned ? "banned for what it sent" : (links.strangers.why(peerId) ?? lastFailure(view));
  return {
    peerId,
    state: banned ? "banned" : "known",
    ...(reason === undefined ? {} : { reason }),
    addresses: view.addresses,
    direction: null,
    latencyMs: null,
    connectedAtMs: null,
  };
}

function lastFailure(view: PeerView): string | undefined {
  if (view.state === "parked") return "left alone for a while";
  const [attempt] = view.attempts;
  return attempt === undefined ? undefined : `${attempt.address}: ${attempt.reason}`;
}

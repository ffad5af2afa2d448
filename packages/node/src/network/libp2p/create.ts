import assert from "node:assert/strict";
import { peerIdFromCID } from "@libp2p/peer-id";
import { CID } from "multiformats/cid";
import type { TransportContext } from "../network-choice.ts";
import { networkEvents } from "../network-events.ts";
import type { PeerHint, Transport } from "../transport.ts";
import { dhtOver } from "./dht.ts";
import { describe } from "./dial-errors.ts";
import { Gater } from "./gater.ts";
import { gossipOver } from "./gossip.ts";
import { GuardedDatastore } from "./guarded-datastore.ts";
import { LinkTable } from "./links.ts";
import { Multicast } from "./multicast.ts";
import { Libp2pTransport } from "./node.ts";
import { createLibp2pNode } from "./options.ts";
import type { TransportParts } from "./parts.ts";
import { spareProtocolWrites } from "./peer-store.ts";
import { Reach } from "./reach.ts";
import type { TransportSettings } from "./settings.ts";

/** The seam over libp2p, not started yet. @throws CONFIG_INVALID when a package it needs is missing. */
export async function createLibp2pTransport(
  settings: TransportSettings,
  context: TransportContext,
): Promise<Transport> {
  return new Libp2pTransport(await partsOf(settings, context));
}

/** Makes the parts and joins them; the order is that of their needs. */
export async function partsOf(
  settings: TransportSettings,
  context: TransportContext,
): Promise<TransportParts> {
  const { clock, log, peerId } = context;
  const events = networkEvents((error) => log.error("network-listener", describe(error)));
  const links = new LinkTable(clock);
  const anchorIds = new Set(settings.anchors.map((anchor) => anchor.peerId));
  const isAnchor = (id: string) => anchorIds.has(id);
  const isReachSought = settings.reach.autonat || settings.reach.relay !== "off";
  const gater = new Gater({
    profile: settings.profile,
    self: peerId,
    monotonicMs: () => clock.monotonicMs(),
    trusted: settings.trustedRanges,
    isAnchor,
    bannedPeer: context.bannedPeer ?? (() => false),
    bannedIp: context.bannedIp ?? (() => false),
    onFlood: context.onFlood ?? (() => undefined),
    provesReach: isReachSought,
    links,
  });
  const isNeeded = (name: string) => {
    const id = peerIdFromCID(CID.parse(name)).toString();
    return id === peerId || links.has(id);
  };
  const datastore = new GuardedDatastore({}, { peerId, isNeeded });
  const sightedBy = (by: "mdns" | "dht") => (hint: PeerHint) => {
    if (hint.peerId !== peerId && hint.addresses.length > 0) events.emit("sighted", { ...hint, by });
  };
  const multicast = settings.mdns
    ? new Multicast({ network: context.network, clock, onSighted: sightedBy("mdns") })
    : undefined;
  const labels = new Map<string, string>();
  const node = await createLibp2pNode({ settings, context, gater, datastore, multicast, labels });
  assert.equal(node.peerId.toString(), peerId, "the seed and the PeerId belong together");
  spareProtocolWrites(node.peerStore);
  const { pubsub, dht: service, inside } = node.services;
  const gossip = gossipOver({
    service: pubsub,
    clock,
    prefix: `gridmesh/${context.network}/`,
    labels,
    links,
    onMessage: (from) => links.touch(from),
    emitMesh: (event) => events.emit("mesh", event),
  });
  const dht =
    service === undefined
      ? undefined
      : dhtOver({ service, peerId, clock, gater, onSighted: sightedBy("dht") });
  const reach = isReachSought
    ? new Reach({ settings: settings.reach, inside, links, clock, log, isAnchor })
    : undefined;
  return { settings, context, node, events, links, gater, datastore, gossip, dht, multicast, reach };
}

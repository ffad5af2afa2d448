import type { NetworkSnapshot, Crowd, DhtView } from "../snapshot.ts";
import type { StreamTable } from "../stream-table.ts";
import { ipOf, isLearntPublicly } from "./address-rules.ts";
import type { Dials } from "./dials.ts";
import type { TransportParts } from "./parts.ts";

/** What the transport knows of itself, gathered from its parts. */
export function snapshotOf(parts: TransportParts, streams: StreamTable, dials: Dials): NetworkSnapshot {
  const { links, gossip, dht, gater, datastore, multicast, reach } = parts;
  const refusedByDht = Object.entries(datastore.refused).map(([rule, count]) => [`dht-${rule}`, count]);
  return {
    links: links.size,
    connections: links.connections().length,
    topics: gossip.topics(),
    dhtTablePeers: dht?.tablePeers ?? null,
    streamsOpen: streams.streams,
    unreadBytes: streams.unreadBytes(),
    refused: {
      ...gater.refused,
      ...streams.refused,
      ...gossip.ignored,
      ...Object.fromEntries(refusedByDht),
    },
    streamsByProtocol: streams.byProtocol(),
    streamResets: streams.resets(),
    streamResetPeers: streams.resetPeers(),
    dials: dials.ended(),
    cutDials: dials.cut(),
    crowds: crowdsOf(parts),
    dht: dhtView(parts),
    multicast: multicast?.view() ?? null,
    reach: reach?.view() ?? null,
  };
}

/** Peers that share an address, worst score first seen. */
function crowdsOf({ links, gossip }: TransportParts): readonly Crowd[] {
  const peersByIp = new Map<string, Set<string>>();
  for (const { remoteAddr, remotePeer } of links.connections()) {
    const ip = ipOf(remoteAddr);
    if (ip === undefined) continue;
    peersByIp.set(ip, (peersByIp.get(ip) ?? new Set()).add(remotePeer.toString()));
  }
  return [...peersByIp]
    .filter(([, peers]) => peers.size > 1)
    .map(([ip, peers]) => ({
      ip,
      links: peers.size,
      lowestScore: Math.min(...[...peers].map((peer) => gossip.score(peer))),
    }));
}

function dhtView({ dht, node, settings }: TransportParts): DhtView | null {
  if (dht === undefined) return null;
  const learns = settings.profile.privateAddresses ? "all" : "public";
  const own = node.getMultiaddrs();
  return {
    mode: dht.mode,
    learns,
    tablePeers: dht.tablePeers,
    ownAddresses: learns === "all" ? own.length : own.filter(isLearntPublicly).length,
  };
}

/** Who is to keep a provider record: found by a walk, or known at once where the table holds a whole small network. */

import assert from "node:assert";
import type { FinalPeerEvent, QueryEvent, SingleKadDHT } from "@libp2p/kad-dht";
import type { PeerId, PeerInfo } from "@libp2p/interface";
import type { Clock } from "../../clock.ts";

/** For so long a walk that met nobody new shows that the table is the network. */
const SURVEY_MS = 600_000;

/** The library's number of an event that names whom a query ended with. */
const FINAL_PEER: FinalPeerEvent["type"] = 2;

interface Walks {
  getClosestPeers(
    key: Uint8Array,
    options?: Parameters<SingleKadDHT["getClosestPeers"]>[1],
  ): AsyncGenerator<QueryEvent>;
}

/** What the library keeps to itself. */
interface Inside {
  readonly peerRouting: Walks;
  readonly contentRouting: { peerRouting: Walks };
  readonly components: { readonly peerId: PeerId };
  readonly routingTable: {
    readonly kBucketSize: number;
    closestPeers(kadId: Uint8Array, options: { readonly count: number }): PeerId[];
  };
}

/**
 * Of fewer peers than keep a record each is among the closest to every key: a walk to each word asks all of them in vain,
 * and is most of what a word costs. Walks still find out who is there: one per newcomer to the table, and one in ten
 * minutes.
 */
export function spareWalks(service: SingleKadDHT, clock: Clock): void {
  const { peerRouting, contentRouting, components, routingTable } = service as unknown as Inside;
  assert(contentRouting.peerRouting === peerRouting, "the library walks where it is watched");
  const anyKey = new Uint8Array(32);
  const inTable = () => routingTable.closestPeers(anyKey, { count: routingTable.kBucketSize });
  let met: ReadonlySet<string> = new Set();
  let answered: ReadonlySet<string> = new Set();
  let metMs = Number.NEGATIVE_INFINITY;

  const isWhole = (peers: readonly PeerId[]) =>
    peers.length < routingTable.kBucketSize &&
    clock.monotonicMs() - metMs < SURVEY_MS &&
    peers.every((peer) => met.has(peer.toString()));

  contentRouting.peerRouting = {
    async *getClosestPeers(key, options) {
      const known = inTable();
      if (isWhole(known)) {
        const there = known.filter((peer) => answered.has(peer.toString()));
        for (const peer of there) yield finalPeer(components.peerId, peer);
        return;
      }
      const found = new Set<string>();
      for await (const event of peerRouting.getClosestPeers(key, options)) {
        if (event.name === "FINAL_PEER") found.add(event.peer.id.toString());
        yield event;
      }
      answered = found;
      // Who came meanwhile may know others.
      met = new Set(known.map(String));
      metMs = clock.monotonicMs();
    },
  };
}

interface Hearing {
  readonly network: { safeDispatchEvent(type: string, detail?: { readonly detail?: PeerInfo }): boolean };
  readonly components: {
    readonly connectionManager: { getConnections(peer: PeerId): readonly unknown[] };
  };
}

/**
 * Each answer in the DHT names twenty peers, and each was written into the peer store and the table anew: of who is
 * linked we know more than others tell.
 */
export function spareHearsay(service: SingleKadDHT): void {
  const { network, components } = service as unknown as Hearing;
  const dispatch = network.safeDispatchEvent.bind(network);
  network.safeDispatchEvent = (type, event) => {
    const peer = type === "peer" ? event?.detail?.id : undefined;
    const isLinked = peer !== undefined && components.connectionManager.getConnections(peer).length > 0;
    return isLinked || dispatch(type, event);
  };
}

function finalPeer(from: PeerId, id: PeerId): FinalPeerEvent {
  return {
    from,
    type: FINAL_PEER,
    name: "FINAL_PEER",
    peer: { id, multiaddrs: [] },
    path: { index: 0, queued: 0, running: 0, total: 0 },
  };
}

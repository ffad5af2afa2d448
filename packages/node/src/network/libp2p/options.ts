import { createHash } from "node:crypto";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { GossipSub } from "@libp2p/gossipsub";
import { type Identify, identify } from "@libp2p/identify";
import type { Libp2p, PeerDiscovery } from "@libp2p/interface";
import type { SingleKadDHT } from "@libp2p/kad-dht";
import { mdns } from "@libp2p/mdns";
import { noise } from "@libp2p/noise";
import { type Ping, ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { webSockets } from "@libp2p/websockets";
import { yamux } from "@libp2p/yamux";
import { createLibp2p, type Libp2pOptions } from "libp2p";
import type { NetworkProfile } from "../profiles.ts";
import type { PeerHint } from "../transport.ts";
import { dhtService } from "./dht.ts";
import type { Gater } from "./gater.ts";
import { gossipService } from "./gossip.ts";
import type { GuardedDatastore } from "./guarded-datastore.ts";

export type Services = {
  readonly identify: Identify;
  readonly ping: Ping;
  readonly pubsub: GossipSub;
  readonly dht?: SingleKadDHT | undefined;
};

export interface NodeParts {
  readonly seed: Uint8Array;
  readonly network: string;
  readonly profile: NetworkProfile;
  readonly listen: readonly string[];
  readonly announce: readonly string[];
  readonly mdns: boolean;
  readonly dht: "auto" | "server" | "client" | undefined;
  readonly gater: Gater;
  readonly datastore: GuardedDatastore;
  readonly onSighted: (hint: PeerHint) => void;
}

const DAY_MS = 86_400_000;
const KIB = 1_024;

/** A libp2p node that is not started yet; every setting that differs from the library's default has its reason. */
export async function createLibp2pNode(parts: NodeParts): Promise<Libp2p<Services>> {
  const { profile, gater, datastore } = parts;
  const privateKey = await generateKeyPairFromSeed("Ed25519", parts.seed);
  const options = {
    start: false,
    privateKey,
    datastore,
    connectionGater: gater,
    nodeInfo: { name: "gridmesh", version: "1", userAgent: "gridmesh" },
    addresses: { listen: [...parts.listen], announce: [...parts.announce] },
    transports: [tcp(), webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux(yamuxSettings)],
    connectionManager: {
      // Twice ours: the gater refuses first, and counts.
      maxConnections: 2 * profile.maxLinks,
      inboundConnectionThreshold: 2 * profile.inboundPerIpAndSecond,
      maxIncomingPendingConnections: 2 * profile.maxPending,
      inboundUpgradeTimeout: 3_000,
      dialTimeout: 5_000,
      addressDialTimeout: 3_000,
      maxPeerAddrsToDial: 8,
      maxParallelDials: 16,
      // The supervisor redials.
      reconnectRetries: 0,
    },
    // One failed ping would cut the link; the supervisor judges liveness.
    connectionMonitor: { enabled: false },
    peerStore: {
      maxAddressAge: 7 * DAY_MS,
      maxPeerAge: 30 * DAY_MS,
    },
    peerDiscovery: parts.mdns ? [multicast(parts)] : [],
  } satisfies Libp2pOptions;
  // The DHT pings too, and one stream at a time would refuse the supervisor's.
  const services = {
    identify: identify(),
    ping: ping({ maxInboundStreams: 8, maxOutboundStreams: 8 }),
    pubsub: gossipService(profile),
  };
  if (parts.dht === undefined) return await createLibp2p({ ...options, services });
  const dht = dhtService(profile, parts.dht);
  return await createLibp2p({
    ...options,
    services: {
      ...services,
      dht: (components: Parameters<typeof dht>[0]) => dht(components) as SingleKadDHT,
    },
  });
}

const yamuxSettings = {
  // A task may have 1,024 streams beside the others.
  maxInboundStreams: 1_280,
  // More than ten streams right after the dial would abort the connection.
  maxEarlyStreams: 64,
  streamOptions: {
    // 32 busy streams stay within a peer's budget by pausing alone.
    maxStreamWindowSize: 256 * KIB,
    // Four windows: a paused stream is else reset.
    maxReadBufferLength: 1_024 * KIB,
    maxWriteBufferLength: 4_096 * KIB,
  },
} satisfies Parameters<typeof yamux>[0];

/** Multicast discovery under the network's own name, so that two networks never meet. */
function multicast(parts: NodeParts): (components: Parameters<ReturnType<typeof mdns>>[0]) => PeerDiscovery {
  const hash = createHash("sha256").update(parts.network).digest("hex").slice(0, 12);
  const create = mdns({ serviceTag: `_gm-${hash}._udp.local`, interval: 10_000 });
  return (components) => {
    const discovery = create(components);
    discovery.addEventListener("peer", ({ detail }) => {
      parts.onSighted({
        peerId: detail.id.toString(),
        addresses: detail.multiaddrs.map((address) => address.toString()),
      });
    });
    return discovery;
  };
}

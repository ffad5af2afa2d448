import type { GossipSub } from "@libp2p/gossipsub";
import { type Identify, identify } from "@libp2p/identify";
import type { Libp2p } from "@libp2p/interface";
import type { SingleKadDHT } from "@libp2p/kad-dht";
import { type Ping, ping } from "@libp2p/ping";
import { yamux } from "@libp2p/yamux";
import type { Multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2pOptions, type ServiceFactoryMap } from "libp2p";
import type { TransportContext } from "../network-choice.ts";
import type { NetworkProfile } from "../profiles.ts";
import { isLearntPublicly } from "./address-rules.ts";
import { dhtService } from "./dht.ts";
import type { Gater } from "./gater.ts";
import { gossipService, type TopicLabels } from "./gossip-service.ts";
import type { GuardedDatastore } from "./guarded-datastore.ts";
import { keyFromSeed } from "./key.ts";
import { withoutNeedlessPings } from "./proven-peers.ts";
import { type Inside, inside } from "./inside.ts";
import type { Multicast } from "./multicast.ts";
import { encrypters, libp2pMetrics, protector, reachServices, transports } from "./modules.ts";
import type { TransportSettings } from "./settings.ts";

export type Services = {
  readonly identify: Identify;
  readonly ping: Ping;
  readonly pubsub: GossipSub;
  readonly inside: Inside;
  readonly dht?: SingleKadDHT | undefined;
};

export interface NodeParts {
  readonly settings: TransportSettings;
  readonly context: TransportContext;
  readonly gater: Gater;
  readonly datastore: GuardedDatastore;
  readonly multicast: Multicast | undefined;
  readonly labels: TopicLabels;
}

const DAY_MS = 86_400_000;
const KIB = 1_024;

/** What `createLibp2p` is given; every setting that differs from the library's default has its reason. */
export type NodeSettings = Libp2pOptions<Services> & { readonly services: ServiceFactoryMap<Services> };

/** A libp2p node that is not started yet. */
export async function createLibp2pNode(parts: NodeParts): Promise<Libp2p<Services>> {
  return await createLibp2p(await nodeSettings(parts));
}

export async function nodeSettings(parts: NodeParts): Promise<NodeSettings> {
  const { settings, gater, datastore, context, multicast } = parts;
  const { profile } = settings;
  const guard = await protector(settings);
  const metrics = await libp2pMetrics(settings);
  const options = {
    start: false,
    privateKey: keyFromSeed(context.seed),
    datastore,
    connectionGater: gater,
    nodeInfo: { name: "gridmesh", version: "1", userAgent: "gridmesh" },
    addresses: {
      listen: listenOf(settings, context.peerId),
      announce: [...settings.announce],
      announceFilter: (addresses: Multiaddr[]) => announced(profile, addresses),
    },
    transports: await transports(settings, {
      clock: context.clock,
      admitSocket: (ip, waiting) => gater.admitSocket(ip, waiting),
    }),
    connectionEncrypters: await encrypters(settings),
    streamMuxers: [yamux(muxing(settings))],
    connectionManager: managing(profile, settings.trusted),
    // One failed ping would cut the link; the supervisor judges liveness.
    connectionMonitor: { enabled: false },
    peerStore: {
      maxAddressAge: 7 * DAY_MS,
      maxPeerAge: 30 * DAY_MS,
    },
    peerDiscovery: multicast === undefined ? [] : [multicast.discovery()],
    ...(guard === undefined ? {} : { connectionProtector: guard }),
    ...(metrics === undefined ? {} : { metrics }),
  } satisfies Libp2pOptions;
  const services = {
    identify: identify(),
    // The DHT pings too, and one stream at a time would refuse the supervisor's.
    ping: ping({ maxInboundStreams: 8, maxOutboundStreams: 8 }),
    pubsub: gossipService({ settings, context, labels: parts.labels }),
    inside: inside(),
    ...(await reachServices(settings)),
  };
  if (settings.dht === undefined) return { ...options, services };
  const refuse = () => datastore.refuse("value");
  const dht = dhtService({ profile, mode: settings.dht, refuse });
  return {
    ...options,
    services: {
      ...services,
      dht: (components: Parameters<typeof dht>[0]) => dht(withoutNeedlessPings(components)) as SingleKadDHT,
    },
  };
}

/** Within one process a PeerId is address enough. */
function listenOf({ profile, listen }: TransportSettings, peerId: string): string[] {
  return profile.name === "memory" && listen.length === 0 ? [`/memory/of-${peerId}`] : [...listen];
}

/** A relay tells its private addresses too; nobody on the internet gets to us through them. */
function announced({ privateAddresses }: NetworkProfile, addresses: Multiaddr[]): Multiaddr[] {
  if (privateAddresses) return addresses;
  return addresses.filter(
    (address) => isLearntPublicly(address) || !address.toString().includes("/p2p-circuit"),
  );
}

function managing(profile: NetworkProfile, trusted: readonly string[]) {
  return {
    // Twice ours: the gater refuses first, and counts.
    maxConnections: 2 * profile.maxLinks,
    inboundConnectionThreshold: 2 * profile.inboundPerIpAndSecond,
    maxIncomingPendingConnections: 2 * profile.maxPending,
    allow: trusted.map(asMultiaddr),
    inboundUpgradeTimeout: 3_000,
    dialTimeout: 5_000,
    addressDialTimeout: 3_000,
    maxPeerAddrsToDial: 8,
    maxParallelDials: 16,
    // The supervisor redials.
    reconnectRetries: 0,
  } satisfies Libp2pOptions["connectionManager"];
}

function muxing({ streamWindowBytes }: TransportSettings) {
  return {
    // A task may have 1,024 streams beside the others.
    maxInboundStreams: 1_280,
    // More than ten streams right after the dial would abort the connection.
    maxEarlyStreams: 64,
    streamOptions: {
      // 32 busy streams stay within a peer's budget by pausing alone.
      maxStreamWindowSize: streamWindowBytes,
      // Four windows: a paused stream is else reset.
      maxReadBufferLength: 4 * streamWindowBytes,
      maxWriteBufferLength: 4_096 * KIB,
    },
  } satisfies Parameters<typeof yamux>[0];
}

/** `10.0.0.0/8`, or one address, as libp2p writes it. */
function asMultiaddr(range: string): string {
  const [ip = "", bits] = range.split("/");
  const isSix = ip.includes(":");
  return `/${isSix ? "ip6" : "ip4"}/${ip}/ipcidr/${bits ?? (isSix ? 128 : 32)}`;
}

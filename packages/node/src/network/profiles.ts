/** The network profiles as plain values; only `network/libp2p/` turns them into options. */

export type ProfileName = "public" | "private" | "lan" | "testnet" | "memory";

export interface NetworkProfile {
  readonly name: ProfileName;
  readonly listen: readonly string[];
  readonly mdns: boolean;
  /** `auto`: client until a public address is confirmed. */
  readonly dhtMode: "auto" | "server";
  /** Are private addresses told and learnt? */
  readonly privateAddresses: boolean;
  readonly maxLinks: number;
  readonly maxInboundLinks: number;
  readonly inboundPerIpAndSecond: number;
  readonly maxPending: number;
  /** 0: no limit. */
  readonly maxPendingPerIp: number;
  readonly maxLinksPerIp: number;
  /** Per /24 or /64. */
  readonly maxLinksPerSubnet: number;
  /** Do loopback and private addresses escape the limits per address? */
  readonly trustsLocal: boolean;
  /** Negative: nodes sharing an address beyond 16 lose gossip score. */
  readonly colocationWeight: number;
  readonly initialQuerySelfMs: number;
  /** Ask others which own addresses they can dial. */
  readonly autonat: boolean;
  readonly relay: "off" | "use";
  /** May a bootstrap address lack its PeerId? */
  readonly anonymousBootstrap: boolean;
}

/** Of so many links these are kept for anchors: eight, of few links a quarter. */
export function anchorPlaces(links: number): number {
  return Math.min(8, Math.floor(links / 4));
}

const open: NetworkProfile = {
  name: "public",
  listen: ["/ip4/0.0.0.0/tcp/4801", "/ip4/0.0.0.0/tcp/4802/ws"],
  // Hosters complain about multicast.
  mdns: false,
  dhtMode: "auto",
  privateAddresses: false,
  maxLinks: 128,
  // An outbound share resists eclipse.
  maxInboundLinks: 96,
  inboundPerIpAndSecond: 20,
  // Ten idle sockets shut a node with the library's default of ten.
  maxPending: 256,
  maxPendingPerIp: 8,
  maxLinksPerIp: 16,
  maxLinksPerSubnet: 32,
  trustsLocal: false,
  colocationWeight: -5,
  initialQuerySelfMs: 1_000,
  autonat: true,
  relay: "use",
  anonymousBootstrap: false,
};

const lan: NetworkProfile = {
  ...open,
  name: "lan",
  mdns: true,
  // Nobody confirms a public address on a LAN: a client-only DHT would stay empty.
  dhtMode: "server",
  privateAddresses: true,
  colocationWeight: 0,
  initialQuerySelfMs: 500,
  autonat: false,
  relay: "off",
};

const testnet: NetworkProfile = {
  ...lan,
  name: "testnet",
  listen: ["/ip4/127.0.0.1/tcp/0"],
  // Demos on one machine must not meet.
  mdns: false,
  maxLinks: 512,
  maxInboundLinks: 512,
  // Many nodes of one address start at once.
  inboundPerIpAndSecond: 500,
  maxPendingPerIp: 0,
  trustsLocal: true,
  // Who starts with many others asks when they are there.
  initialQuerySelfMs: 2_000,
  anonymousBootstrap: true,
};

export const profiles: Readonly<Record<ProfileName, NetworkProfile>> = {
  public: open,
  private: { ...open, name: "private" },
  lan,
  testnet,
  // Nodes number themselves.
  memory: { ...testnet, name: "memory", listen: [] },
};

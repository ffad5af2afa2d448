import { multiaddr } from "@multiformats/multiaddr";
import { ProtocolError } from "@gridmesh/protocol";
import type { NetworkChoice } from "../network-choice.ts";
import { type NetworkProfile, type ProfileName, profiles } from "../profiles.ts";
import type { PeerHint } from "../transport.ts";
import { addressRanges } from "./address-rules.ts";
import { createLibp2pTransport } from "./create.ts";
import { checkPrivacy } from "./privacy.ts";
import type { MetricSettings, ReachSettings, TransportSettings } from "./settings.ts";

const KIB = 1_024;
/** Others need this long to try our addresses. */
const RELAY_AFTER_MS = 15_000;

interface ReachOptions {
  /** Text of the private network's key: `/key/swarm/psk/1.0.0/`, `/base16/`, 64 hex digits; a line each. */
  readonly psk?: string | undefined;
  /** `use`: be reached through anchors that serve; `serve`: let others be reached through this node. */
  readonly relay?: "off" | "use" | "serve" | undefined;
  /** Turn relayed links into direct ones where both routers allow it; default with a relay in public profiles. */
  readonly holePunch?: boolean | undefined;
  /** Ask the router to open a port: needs its owner's consent. Default false. */
  readonly upnp?: boolean | undefined;
  readonly quic?: boolean | undefined;
  readonly webrtc?: boolean | undefined;
  /** TLS 1.3 beside Noise. Default false. */
  readonly tls?: boolean | undefined;
}

interface LinkLimits {
  /** Links in all; three quarters of them may be inbound. */
  readonly connections?: number | undefined;
  /** Inbound connections of one address a second. */
  readonly inboundPerIp?: number | undefined;
  readonly perIp?: number | undefined;
  /** Per /24 or /64. */
  readonly perSubnet?: number | undefined;
  /** 262,144 … 1,048,576. */
  readonly streamWindowBytes?: number | undefined;
}

export interface Libp2pOptions {
  /** Default `testnet`: loopback, any free port. `memory` stays within the process. */
  readonly profile?: ProfileName | undefined;
  /** Multiaddrs to listen on; default the profile's. */
  readonly listen?: readonly string[] | undefined;
  /** Multiaddrs told to others instead of those listened on. */
  readonly announce?: readonly string[] | undefined;
  /** Multiaddrs of bootstrap peers, ending in /p2p/<PeerId> (only the testnet may leave that out). */
  readonly bootstrap?: readonly string[] | undefined;
  /** Multiaddrs of further peers that always have a place here, ending in /p2p/<PeerId>. */
  readonly static?: readonly string[] | undefined;
  /** Address ranges (`address/bits`) without limits per address. */
  readonly trusted?: readonly string[] | undefined;
  readonly mdns?: boolean | undefined;
  readonly dht?: boolean | undefined;
  /** Default the profile's. */
  readonly dhtMode?: "auto" | "server" | "client" | undefined;
  readonly reach?: ReachOptions | undefined;
  readonly limits?: LinkLimits | undefined;
  /** Refuse to run without a pre-shared key. */
  readonly forcePnet?: boolean | undefined;
  readonly metrics?: MetricSettings | undefined;
  /** One way through the memory of one process, in milliseconds; profile `memory` only. Default 0. */
  readonly memoryLatencyMs?: number | undefined;
}

/**
 * The network over libp2p, as a choice for `createNode`.
 * @throws CONFIG_INVALID.
 */
export function libp2p(options: Libp2pOptions = {}): NetworkChoice {
  const settings = settingsOf(options);
  return {
    profile: settings.profile.name,
    maxLinks: settings.profile.maxLinks,
    bootstrap: options.bootstrap ?? [],
    mdns: settings.mdns,
    dht: settings.dht !== undefined,
    create: (context) => createLibp2pTransport(settings, context),
  };
}

/** The options checked, with every default filled in. @throws CONFIG_INVALID. */
export function settingsOf(options: Libp2pOptions): TransportSettings {
  const { reach = {}, limits = {}, trusted = [], announce = [], metrics = {} } = options;
  const base = profiles[options.profile ?? "testnet"];
  checkPrivacy({
    profile: base.name,
    psk: reach.psk,
    quic: reach.quic === true,
    webrtc: reach.webrtc === true,
    forced: options.forcePnet === true,
    addresses: [...(options.listen ?? []), ...announce],
  });
  const profile = limited(base, limits);
  return {
    profile,
    listen: checked(options.listen ?? listenOf(profile, reach)),
    announce: checked(announce),
    ...discoveryOf(profile, options),
    anchors: anchorsOf(profile, options),
    trusted,
    trustedRanges: addressRanges(trusted),
    psk: reach.psk,
    reach: reachOf(profile, reach),
    streamWindowBytes: windowOf(limits.streamWindowBytes),
    memoryLatencyMs: options.memoryLatencyMs ?? 0,
    metrics,
  };
}

function discoveryOf(
  profile: NetworkProfile,
  { mdns = profile.mdns, dht, dhtMode = profile.dhtMode }: Libp2pOptions,
): Pick<TransportSettings, "mdns" | "dht"> {
  return { mdns, dht: dht === false ? undefined : dhtMode };
}

function anchorsOf(
  { anonymousBootstrap }: NetworkProfile,
  { bootstrap = [], static: fixed = [] }: Libp2pOptions,
): readonly PeerHint[] {
  for (const address of bootstrap) checkAnchor(address, anonymousBootstrap);
  for (const address of fixed) checkAnchor(address, false);
  return [...bootstrap, ...fixed].flatMap((address) => anchorOf(address) ?? []);
}

function invalid(message: string): never {
  throw new ProtocolError("CONFIG_INVALID", message);
}

function reachOf(profile: NetworkProfile, options: ReachOptions): ReachSettings {
  const relay = options.relay ?? profile.relay;
  return {
    relay,
    autonat: profile.autonat,
    holePunch: options.holePunch ?? profile.autonat,
    upnp: options.upnp ?? false,
    quic: options.quic ?? false,
    tls: options.tls ?? false,
    relayAfterMs: RELAY_AFTER_MS,
  };
}

/** QUIC listens beside TCP, on the same port. */
function listenOf({ listen }: NetworkProfile, reach: ReachOptions): readonly string[] {
  if (reach.quic !== true) return listen;
  const udp = listen.filter((address) => !address.endsWith("/ws") && address.includes("/tcp/"));
  return [...listen, ...udp.map((address) => `${address.replace("/tcp/", "/udp/")}/quic-v1`)];
}

function limited(profile: NetworkProfile, limits: LinkLimits): NetworkProfile {
  const { connections, inboundPerIp, perIp, perSubnet } = limits;
  for (const [name, value] of Object.entries({ connections, inboundPerIp, perIp, perSubnet })) {
    if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
      invalid(`limits.${name} is a positive integer, not ${value}`);
    }
  }
  return {
    ...profile,
    maxLinks: connections ?? profile.maxLinks,
    maxInboundLinks:
      connections === undefined ? profile.maxInboundLinks : Math.max(1, Math.floor(connections * 0.75)),
    inboundPerIpAndSecond: inboundPerIp ?? profile.inboundPerIpAndSecond,
    maxLinksPerIp: perIp ?? profile.maxLinksPerIp,
    maxLinksPerSubnet: perSubnet ?? profile.maxLinksPerSubnet,
    // Whoever sets a limit wants it kept on this machine too.
    trustsLocal: profile.trustsLocal && perIp === undefined && perSubnet === undefined,
  };
}

function windowOf(bytes = 256 * KIB): number {
  if (Number.isInteger(bytes) && bytes >= 256 * KIB && bytes <= 1_024 * KIB) return bytes;
  return invalid(`limits.streamWindowBytes lies in 262,144 … 1,048,576, not ${bytes}`);
}

function anchorOf(address: string): PeerHint | undefined {
  const peerId = /\/p2p\/([^/]+)$/u.exec(address)?.[1];
  return peerId === undefined ? undefined : { peerId, addresses: [address] };
}

function checkAnchor(address: string, anonymous: boolean): void {
  checked([address]);
  if (anonymous || /\/p2p\/[^/]+$/u.test(address)) return;
  invalid(`the address of a bootstrap or static peer ends in /p2p/<PeerId>: ${address}`);
}

function checked(addresses: readonly string[]): readonly string[] {
  for (const address of addresses) {
    try {
      multiaddr(address);
    } catch (error) {
      throw new ProtocolError("CONFIG_INVALID", `not a multiaddr: ${address}`, { cause: error });
    }
  }
  return addresses;
}

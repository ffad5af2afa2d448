import type { ConnectionGater, MultiaddrConnection, PeerId } from "@libp2p/interface";
import { isPrivate } from "@libp2p/utils";
import type { Multiaddr } from "@multiformats/multiaddr";
import { anchorPlaces, type NetworkProfile } from "../profiles.ts";
import { type AddressRanges, ipOf, isLearntPublicly, unmapped } from "./address-rules.ts";
import { Arrivals } from "./arrivals.ts";
import { LearntAddresses } from "./learnt-addresses.ts";
import { RawConnections } from "./raw-connections.ts";

/** Why a connection, a dial or an address is turned away. */
export type GaterRule =
  | "banned-peer"
  | "banned-ip"
  | "links"
  | "inbound-links"
  | "twice"
  | "pending"
  | "pending-per-ip"
  | "rate-per-ip"
  | "links-per-ip"
  | "links-per-subnet";

export interface GaterOptions {
  readonly profile: NetworkProfile;
  /** The own PeerId. */
  readonly self: string;
  readonly monotonicMs: () => number;
  /** Addresses that escape every limit per address. */
  readonly trusted: AddressRanges;
  readonly isAnchor: (peerId: string) => boolean;
  readonly bannedPeer: (peerId: string) => boolean;
  readonly bannedIp: (ip: string) => boolean;
  /** Told of each connection refused for coming too fast. */
  readonly onFlood: (ip: string) => void;
  /** Do others dial us again to find out what reaches us? */
  readonly provesReach: boolean;
  /** Links that stand, and whether one of them is to this peer. */
  readonly links: {
    readonly size: number;
    has(peerId: string): boolean;
    isYoung(peerId: string, self: string): boolean;
  };
}

/**
 * Our limits stand first and are counted; libp2p's own, which refuse in silence, stand at twice the value.
 * libp2p dials nobody on its own: only the supervisor's dials and what a query of ours needs pass.
 */
export class Gater implements ConnectionGater {
  /** What was refused, by rule. */
  readonly refused: Record<string, number> = {};
  readonly #options: GaterOptions;
  readonly #arrivals: Arrivals;
  readonly #learnt: LearntAddresses;
  readonly #raw = new RawConnections();
  readonly #dials = new Map<string, number>();
  #queries = 0;

  constructor(options: GaterOptions) {
    this.#options = options;
    this.#arrivals = new Arrivals(options.monotonicMs);
    this.#learnt = new LearntAddresses(options.monotonicMs);
  }

  /** Called without its object. */
  readonly filterMultiaddrForPeer = (peerId: PeerId, address: Multiaddr): boolean => {
    const id = peerId.toString();
    if (id === this.#options.self) return true;
    const allowed = this.#options.profile.privateAddresses || isLearntPublicly(address);
    return allowed && this.#learnt.admit(id, address.toString());
  };

  /** Lets libp2p dial these peers until disposed. */
  allowDials(peerIds: readonly string[]): Disposable {
    for (const peerId of peerIds) this.#dials.set(peerId, (this.#dials.get(peerId) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        for (const peerId of peerIds) {
          const left = (this.#dials.get(peerId) ?? 1) - 1;
          if (left === 0) this.#dials.delete(peerId);
          else this.#dials.set(peerId, left);
        }
      },
    };
  }

  /** Lets libp2p dial whomever a query of ours needs, until disposed. */
  allowQuery(): Disposable {
    this.#queries += 1;
    return {
      [Symbol.dispose]: () => {
        this.#queries -= 1;
      },
    };
  }

  /** Inbound connections that have begun and do not stand yet. */
  get pending(): number {
    return this.#arrivals.pending;
  }

  /** An inbound connection stands. */
  opened(address: Multiaddr): void {
    this.#arrivals.opened(address);
  }

  closed(address: Multiaddr): void {
    this.#arrivals.closed(address);
  }

  denyDialPeer(peerId: PeerId): boolean {
    const id = peerId.toString();
    if (this.#options.bannedPeer(id)) return this.#refuse("banned-peer");
    // A second way to a linked peer: what proves an address reachable, or replaces a relay.
    return this.#queries === 0 && !this.#dials.has(id) && !this.#options.links.has(id);
  }

  denyDialMultiaddr(address: Multiaddr): boolean {
    const ip = ipOf(address);
    return ip !== undefined && this.#options.bannedIp(ip) && this.#refuse("banned-ip");
  }

  denyInboundConnection(connection: MultiaddrConnection): boolean {
    const { remoteAddr } = connection;
    const rule = this.#brokenRule(remoteAddr);
    if (rule !== undefined) return this.#refuse(rule);
    this.#raw.add(connection);
    const place = this.#arrivals.began(remoteAddr);
    connection.addEventListener("close", () => place[Symbol.dispose](), { once: true });
    return false;
  }

  /** A socket that libp2p does not know of yet: it has said nothing that makes it a connection. */
  admitSocket(ip: string, waiting: { readonly all: number; readonly sameIp: number }): boolean {
    const { profile, trusted, bannedIp } = this.#options;
    const own = unmapped(ip);
    if (bannedIp(own)) return !this.#refuse("banned-ip");
    if (waiting.all >= profile.maxPending) return !this.#refuse("pending");
    const most = trusted.has(own) ? 0 : profile.maxPendingPerIp;
    return most === 0 || waiting.sameIp < most || !this.#refuse("pending-per-ip");
  }

  denyOutboundConnection(_peerId: PeerId, connection: MultiaddrConnection): boolean {
    this.#raw.add(connection);
    return false;
  }

  /** Destroys every connection that stands or begins. */
  abortAll(): void {
    this.#raw.abortAll();
  }

  /** Only now is it known who arrives. */
  denyInboundEncryptedConnection(peerId: PeerId): boolean {
    const id = peerId.toString();
    const { profile, isAnchor, bannedPeer, links } = this.#options;
    if (bannedPeer(id)) return this.#refuse("banned-peer");
    // Two that dialled each other at once: the link that stands is enough, unless a second proves an address.
    if (!this.#options.provesReach && links.isYoung(id, this.#options.self)) return this.#refuse("twice");
    if (isAnchor(id) || links.has(id)) return false;
    const free = profile.maxInboundLinks - anchorPlaces(profile.maxInboundLinks);
    return this.#arrivals.open >= free && this.#refuse("inbound-links");
  }

  denyOutboundEncryptedConnection(peerId: PeerId): boolean {
    return this.#options.bannedPeer(peerId.toString()) && this.#refuse("banned-peer");
  }

  denyInboundRelayReservation(peerId: PeerId): boolean {
    return this.denyOutboundEncryptedConnection(peerId);
  }

  denyOutboundRelayedConnection(from: PeerId, to: PeerId): boolean {
    return this.denyOutboundEncryptedConnection(from) || this.denyOutboundEncryptedConnection(to);
  }

  denyInboundRelayedConnection(relay: PeerId, from: PeerId): boolean {
    return this.denyOutboundRelayedConnection(relay, from);
  }

  #refuse(rule: GaterRule): true {
    this.refused[rule] = (this.refused[rule] ?? 0) + 1;
    return true;
  }

  #brokenRule(address: Multiaddr): GaterRule | undefined {
    const { profile, bannedIp, links } = this.#options;
    const ip = ipOf(address);
    if (ip !== undefined && bannedIp(ip)) return "banned-ip";
    if (links.size >= profile.maxLinks) return "links";
    if (this.#arrivals.open >= profile.maxInboundLinks) return "inbound-links";
    if (this.#arrivals.pending >= profile.maxPending) return "pending";
    return ip === undefined ? undefined : this.#brokenRuleOf(ip, address);
  }

  #brokenRuleOf(ip: string, address: Multiaddr): GaterRule | undefined {
    const { profile, trusted } = this.#options;
    if (trusted.has(ip)) return undefined;
    const arrivals = this.#arrivals;
    if (profile.maxPendingPerIp > 0 && arrivals.pendingOf(ip) >= profile.maxPendingPerIp) {
      return "pending-per-ip";
    }
    if (arrivals.nextInSecond(ip) > profile.inboundPerIpAndSecond) {
      this.#options.onFlood(ip);
      return "rate-per-ip";
    }
    if (profile.trustsLocal && isPrivate(address)) return undefined;
    if (arrivals.openOf(ip) >= profile.maxLinksPerIp) return "links-per-ip";
    return arrivals.openInSubnetOf(ip) >= profile.maxLinksPerSubnet ? "links-per-subnet" : undefined;
  }
}

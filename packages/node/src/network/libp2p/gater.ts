import type { ConnectionGater, MultiaddrConnection, PeerId } from "@libp2p/interface";
import { isPrivate } from "@libp2p/utils";
import type { Multiaddr } from "@multiformats/multiaddr";
import type { NetworkProfile } from "../profiles.ts";

export interface GaterOptions {
  readonly profile: NetworkProfile;
  readonly monotonicMs: () => number;
  /** Addresses of the inbound links that stand. */
  readonly inbound: () => readonly Multiaddr[];
}

/**
 * Our limits stand first and are counted; libp2p's own, which refuse in silence, stand at twice the value.
 * libp2p dials nobody on its own: only the supervisor's dials and what a query of ours needs pass.
 */
export class Gater implements ConnectionGater {
  /** Refused connections by rule. */
  readonly refused: Record<string, number> = {};
  /** Called without its object. */
  readonly filterMultiaddrForPeer = (_peerId: PeerId, address: Multiaddr): boolean =>
    this.#options.profile.privateAddresses || !isPrivate(address);
  readonly #options: GaterOptions;
  readonly #dials = new Map<string, number>();
  readonly #pending = new Map<MultiaddrConnection, string>();
  readonly #rate: RatePerSecond;
  #queries = 0;

  constructor(options: GaterOptions) {
    this.#options = options;
    this.#rate = new RatePerSecond(options.monotonicMs);
  }

  /** Lets libp2p dial this peer until disposed. */
  allowDial(peerId: string): Disposable {
    this.#dials.set(peerId, (this.#dials.get(peerId) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#dials.get(peerId) ?? 1) - 1;
        if (left === 0) this.#dials.delete(peerId);
        else this.#dials.set(peerId, left);
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

  /** An inbound connection is open: it is pending no more. */
  opened(address: Multiaddr): void {
    const text = address.toString();
    for (const connection of this.#pending.keys()) {
      // The open connection's address has gained the PeerId.
      if (!`${text}/`.startsWith(`${connection.remoteAddr.toString()}/`)) continue;
      this.#pending.delete(connection);
      return;
    }
  }

  denyDialPeer(peerId: PeerId): boolean {
    return this.#queries === 0 && !this.#dials.has(peerId.toString());
  }

  denyInboundConnection(connection: MultiaddrConnection): boolean {
    const rule = this.#brokenRule(connection.remoteAddr);
    if (rule !== undefined) {
      this.refused[rule] = (this.refused[rule] ?? 0) + 1;
      return true;
    }
    this.#pending.set(connection, ipOf(connection.remoteAddr));
    connection.addEventListener("close", () => this.#pending.delete(connection));
    return false;
  }

  #brokenRule(address: Multiaddr): string | undefined {
    const { profile, inbound } = this.#options;
    const ip = ipOf(address);
    const subnet = subnetOf(ip);
    const links = inbound().map(ipOf);
    const local = profile.trustsLocal && isPrivate(address);
    const samePending = [...this.#pending.values()].filter((other) => other === ip).length;
    const sameIp = links.filter((other) => other === ip).length;
    const sameSubnet = links.filter((other) => subnetOf(other) === subnet).length;
    const rules: readonly [string, boolean][] = [
      ["inbound-links", links.length >= profile.maxInboundLinks],
      ["pending", this.#pending.size >= profile.maxPending],
      ["pending-per-ip", profile.maxPendingPerIp > 0 && samePending >= profile.maxPendingPerIp],
      ["rate-per-ip", this.#rate.next(ip) > profile.inboundPerIpAndSecond],
      ["links-per-ip", !local && sameIp >= profile.maxLinksPerIp],
      ["links-per-subnet", !local && sameSubnet >= profile.maxLinksPerSubnet],
    ];
    return rules.find(([, broken]) => broken)?.[0];
  }
}

function ipOf(address: Multiaddr): string {
  const part = address.getComponents().find(({ name }) => name === "ip4" || name === "ip6");
  return part?.value ?? address.toString();
}

/** The /24 or /64. */
function subnetOf(ip: string): string {
  return ip.includes(":") ? ip.split(":").slice(0, 4).join(":") : ip.split(".").slice(0, 3).join(".");
}

/** Counts per address within the running second. */
class RatePerSecond {
  readonly #monotonicMs: () => number;
  #second = -1;
  #counts = new Map<string, number>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  next(ip: string): number {
    const second = Math.floor(this.#monotonicMs() / 1_000);
    if (second !== this.#second) [this.#second, this.#counts] = [second, new Map()];
    const count = (this.#counts.get(ip) ?? 0) + 1;
    this.#counts.set(ip, count);
    return count;
  }
}

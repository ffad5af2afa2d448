import type { ConnectionGater, MultiaddrConnection } from "@libp2p/interface";
import { isPrivate } from "@libp2p/utils";
import type { Multiaddr } from "@multiformats/multiaddr";
import type { NetworkProfile } from "../profiles.ts";

export interface Gater {
  readonly gater: ConnectionGater;
  /** Refused connections by rule. */
  readonly refused: Readonly<Record<string, number>>;
  /** Lets libp2p dial this peer until disposed: only the supervisor's dials pass. */
  allowDial(peerId: string): Disposable;
  /** Lets libp2p dial whomever a query of ours needs, until disposed. */
  allowQuery(): Disposable;
  /** An inbound connection is open: it is pending no more. */
  opened(address: Multiaddr): void;
}

export interface GaterOptions {
  readonly profile: NetworkProfile;
  readonly monotonicMs: () => number;
  /** Addresses of the inbound links that stand. */
  readonly inbound: () => readonly Multiaddr[];
}

/** Our limits stand first; libp2p's own, which refuse in silence, stand at twice the value. */
export function connectionGater(options: GaterOptions): Gater {
  const { profile, inbound } = options;
  const refused: Record<string, number> = {};
  const dials = new Map<string, number>();
  const pending = new Map<MultiaddrConnection, string>();
  const rate = perSecond(options.monotonicMs);
  let queries = 0;

  const refusal = (connection: MultiaddrConnection): string | undefined => {
    const address = connection.remoteAddr;
    const ip = ipOf(address);
    const links = inbound();
    const local = profile.trustsLocal && isPrivate(address);
    const samePending = [...pending.values()].filter((other) => other === ip).length;
    const sameIp = links.filter((other) => ipOf(other) === ip).length;
    const subnet = subnetOf(ip);
    const sameSubnet = links.filter((other) => subnetOf(ipOf(other)) === subnet).length;
    const rules: readonly [string, boolean][] = [
      ["inbound-links", links.length >= profile.maxInboundLinks],
      ["pending", pending.size >= profile.maxPending],
      ["pending-per-ip", profile.maxPendingPerIp > 0 && samePending >= profile.maxPendingPerIp],
      ["rate-per-ip", rate.next(ip) > profile.inboundPerIpAndSecond],
      ["links-per-ip", !local && sameIp >= profile.maxLinksPerIp],
      ["links-per-subnet", !local && sameSubnet >= profile.maxLinksPerSubnet],
    ];
    return rules.find(([, broken]) => broken)?.[0];
  };

  const gater: ConnectionGater = {
    denyDialPeer: (peerId) => queries === 0 && !dials.has(peerId.toString()),
    denyInboundConnection(connection) {
      const rule = refusal(connection);
      if (rule !== undefined) {
        refused[rule] = (refused[rule] ?? 0) + 1;
        return true;
      }
      pending.set(connection, ipOf(connection.remoteAddr));
      connection.addEventListener("close", () => pending.delete(connection));
      return false;
    },
    filterMultiaddrForPeer: (_peerId, address) => profile.privateAddresses || !isPrivate(address),
  };
  return {
    gater,
    refused,
    allowDial(peerId) {
      dials.set(peerId, (dials.get(peerId) ?? 0) + 1);
      return {
        [Symbol.dispose]() {
          const left = (dials.get(peerId) ?? 1) - 1;
          if (left === 0) dials.delete(peerId);
          else dials.set(peerId, left);
        },
      };
    },
    allowQuery() {
      queries += 1;
      return {
        [Symbol.dispose]() {
          queries -= 1;
        },
      };
    },
    opened(address) {
      const text = address.toString();
      for (const connection of pending.keys()) {
        // The open connection's address has gained the PeerId.
        if (text.startsWith(connection.remoteAddr.toString())) return void pending.delete(connection);
      }
    },
  };
}

export function ipOf(address: Multiaddr): string {
  const part = address.getComponents().find(({ name }) => name === "ip4" || name === "ip6");
  return part?.value ?? address.toString();
}

function subnetOf(ip: string): string {
  return ip.includes(":") ? ip.split(":").slice(0, 4).join(":") : ip.split(".").slice(0, 3).join(".");
}

/** Counts per address within the running second. */
function perSecond(monotonicMs: () => number): { next(ip: string): number } {
  let second = -1;
  let counts = new Map<string, number>();
  return {
    next(ip) {
      const now = Math.floor(monotonicMs() / 1_000);
      if (now !== second) [second, counts] = [now, new Map()];
      const count = (counts.get(ip) ?? 0) + 1;
      counts.set(ip, count);
      return count;
    },
  };
}

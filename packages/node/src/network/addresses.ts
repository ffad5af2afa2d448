/** Multiaddrs as whoever dials sees them: whose, how near, in which order to try. */

import { BlockList, isIP } from "node:net";
import { isPublicIp } from "./libp2p/address-rules.ts";

/** Networks that belong to whoever uses them. */
const localRanges = [
  ["10.0.0.0", 8, "ipv4"],
  ["100.64.0.0", 10, "ipv4"],
  ["127.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["172.16.0.0", 12, "ipv4"],
  ["192.168.0.0", 16, "ipv4"],
  ["::1", 128, "ipv6"],
  ["fc00::", 7, "ipv6"],
  ["fe80::", 10, "ipv6"],
] as const;

const local = new BlockList();
for (const [network, bits, version] of localRanges) local.addSubnet(network, bits, version);

/** The peer at the end of the address; of a relayed one not the relay. */
export function peerIdIn(address: string): string | undefined {
  return /\/p2p\/([^/]+)$/u.exec(address)?.[1];
}

/** Of a LAN or of this machine. */
function isLocal(address: string): boolean {
  const ip = ipIn(address);
  return ip !== undefined && local.check(ip, isIP(ip) === 4 ? "ipv4" : "ipv6");
}

/** May an address that a stranger told be dialled in a public network? Not into a LAN, nor to nowhere. */
export function isLearnable(address: string): boolean {
  // The peer at a name proves itself by a certificate alone.
  if (/^\/dns(?:4|6|addr)?\//u.test(address)) return /\/(?:tls|wss|webtransport)(?:\/|$)/u.test(address);
  const ip = ipIn(address);
  return ip !== undefined && isPublicIp(ip);
}

function isRelayed(address: string): boolean {
  return address.includes("/p2p-circuit");
}

/** The /24 or /48 that somebody rents; undefined for local addresses and names, of which nobody is proven to rent any. */
export function subnetOf(address: string): string | undefined {
  const ip = ipIn(address);
  if (ip === undefined || isLocal(address)) return undefined;
  return isIP(ip) === 4 ? ip.split(".").slice(0, 3).join(".") : ip.split(":").slice(0, 3).join(":");
}

export interface DialOrder {
  /** When a dial to the address last held, ms; 0: never. */
  readonly lastSuccessMs: (address: string) => number;
  /** Dials that failed there since one held. */
  readonly misses: (address: string) => number;
}

/** First those that failed least, of these the last good one, then LAN, public, relayed. */
export function inDialOrder(addresses: readonly string[], order: DialOrder): readonly string[] {
  return addresses
    .map((address) => ({
      address,
      misses: order.misses(address),
      lastSuccessMs: order.lastSuccessMs(address),
      far: distance(address),
    }))
    .sort((a, b) => a.misses - b.misses || b.lastSuccessMs - a.lastSuccessMs || a.far - b.far)
    .map(({ address }) => address);
}

function distance(address: string): number {
  if (isRelayed(address)) return 2;
  return isLocal(address) ? 0 : 1;
}

function ipIn(address: string): string | undefined {
  const ip = /^\/ip[46]\/([^/]+)/u.exec(address)?.[1];
  return ip !== undefined && isIP(ip) !== 0 ? ip : undefined;
}

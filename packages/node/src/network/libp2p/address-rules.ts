import { BlockList, isIP } from "node:net";
import { ProtocolError } from "@gridmesh/protocol";
import type { Multiaddr } from "@multiformats/multiaddr";

/** Nothing that a stranger names may lead here: ourselves, our LAN, or nowhere. */
const closedRanges: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/128",
  "::1/128",
  // IPv4 in disguise, translated or tunnelled, and what only documents and routers use.
  "::ffff:0:0/96",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/32",
  "2001:db8::/32",
  "2002::/16",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
];
/** A name under /dns* proves its holder only by a certificate. */
const certified = new Set(["tls", "wss", "webtransport"]);
const names = new Set(["dns", "dns4", "dns6", "dnsaddr"]);

/** A set of address ranges, each `address/bits` or one address. */
export interface AddressRanges {
  has(ip: string): boolean;
}

/** @throws CONFIG_INVALID for a text that is no range. */
export function addressRanges(ranges: readonly string[]): AddressRanges {
  const four = new BlockList();
  const six = new BlockList();
  for (const range of ranges) {
    const [ip = "", bits, ...rest] = range.split("/");
    const version = isIP(ip);
    const most = version === 4 ? 32 : 128;
    const prefix = bits === undefined ? most : Number(bits);
    const valid =
      version !== 0 && rest.length === 0 && Number.isInteger(prefix) && prefix >= 0 && prefix <= most;
    if (!valid || bits === "") throw new ProtocolError("CONFIG_INVALID", `not an address range: ${range}`);
    if (version === 4) four.addSubnet(ip, prefix, "ipv4");
    else six.addSubnet(ip, prefix, "ipv6");
  }
  return {
    has: (ip) => {
      const version = isIP(ip);
      if (version === 4) return four.check(ip, "ipv4");
      return version === 6 && (six.check(ip, "ipv6") || four.check(ip, "ipv6"));
    },
  };
}

const closed = addressRanges(closedRanges);

/** Could anyone on the internet mean this IP address? */
export function isPublicIp(ip: string): boolean {
  return isIP(ip) !== 0 && !closed.has(ip);
}

/** May this address, which a peer told us, be kept and dialled in a public network? */
export function isLearntPublicly(address: Multiaddr): boolean {
  const components = address.getComponents();
  const [first] = components;
  if (first === undefined) return false;
  if (names.has(first.name)) return components.some(({ name }) => certified.has(name));
  // A relayed address is judged by its relay's.
  return (first.name === "ip4" || first.name === "ip6") && isPublicIp(first.value ?? "");
}

/** The IP address at the other end; undefined where there is none, as behind a relay. */
export function ipOf(address: Multiaddr): string | undefined {
  const components = address.getComponents();
  if (components.some(({ name }) => name === "p2p-circuit")) return undefined;
  const ip = components.find(({ name }) => name === "ip4" || name === "ip6")?.value;
  return ip === undefined ? undefined : unmapped(ip);
}

/** One machine, one text: an IPv4 address seen through a socket for both versions is an IPv4 address. */
export function unmapped(ip: string): string {
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/iu.exec(ip) ?? [];
  if (high === undefined || low === undefined) return ip.replace(/^::ffff:(?=\d+\.)/iu, "");
  const words = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return words.flatMap((word) => [word >> 8, word & 0xff]).join(".");
}

/** The /24 or /64 of an IP address. */
export function subnetOf(ip: string): string {
  return ip.includes(":") ? expand(ip).slice(0, 4).join(":") : ip.split(".").slice(0, 3).join(".");
}

/** The eight groups of an IPv6 address, without leading zeros. */
function expand(ip: string): readonly string[] {
  const [head = "", tail] = ip.split("%")[0]?.split("::") ?? [];
  const groups = (text: string | undefined) => (text ? text.split(":") : []);
  const [front, back] = [groups(head), groups(tail)];
  const gap = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  return [...front, ...Array<string>(gap).fill("0"), ...back].map((group) =>
    group.toLowerCase().replace(/^0+(?=.)/u, ""),
  );
}

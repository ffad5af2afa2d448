/** IP addresses as bans see them: which are never banned, and to which net one belongs. */

import { BlockList, isIP, isIPv6 } from "node:net";
import type { BanKind } from "../store/types.ts";

/** Loopback, private, link-local, shared, unspecified: whoever is behind them is near, or many. */
const near = new BlockList();
for (const [net, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const) {
  near.addSubnet(net, bits, "ipv4");
  near.addSubnet(`::ffff:${net}`, 96 + bits, "ipv6");
}
near.addSubnet("::", 127, "ipv6");
near.addSubnet("fc00::", 7, "ipv6");
near.addSubnet("fe80::", 10, "ipv6");

/** Loopback, private or link-local; also what is no address at all. */
export function isNear(ip: string): boolean {
  if (isIP(ip) === 0) return true;
  return near.check(ip, isIPv6(ip) ? "ipv6" : "ipv4");
}

/** `a.b.c.0/24` or `a:b:c:d::/64`. */
export function netOf(ip: string): string {
  if (!isIPv6(ip)) return `${ip.split(".").slice(0, 3).join(".")}.0/24`;
  return `${groupsOf(ip).slice(0, 4).join(":")}::/64`;
}

/** The IP of a multiaddr; undefined where it has a name or none. */
export function ipOf(multiaddr: string): string | undefined {
  return /^\/ip[46]\/([^/]+)/u.exec(multiaddr)?.[1];
}

/** What a ban's subject is; undefined when it is nothing that can be banned. */
export function kindOf(subject: string): BanKind | undefined {
  if (subject.startsWith("ed25519:")) return "agent";
  if (isIP(subject) !== 0) return "ip";
  const [ip = "", bits] = subject.split("/");
  if (bits !== undefined) return isIP(ip) === 0 ? undefined : "net";
  return /^[A-Za-z0-9_-]{1,128}$/u.test(subject) ? "peer" : undefined;
}

/** Eight groups without leading zeros. */
function groupsOf(ip: string): readonly string[] {
  const [head = "", tail] = ip.split("%")[0]?.split("::") ?? [];
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array.from({ length: Math.max(0, zeros) }, () => "0"), ...right];
  return groups.map((group) => Number.parseInt(group, 16).toString(16));
}

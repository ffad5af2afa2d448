/** Which addresses nobody may send this node to: its own machine, its own network, and what only looks like the world. */

import { BlockList, isIP } from "node:net";
import { ProtocolError } from "@gridmesh/protocol";

const BLOCKED_4 = [
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
];

/** Also every way to write an address of IPv4 as one of IPv6. */
const BLOCKED_6 = [
  "::/128",
  "::1/128",
  "::/96",
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

/** The runtime takes an address of IPv4 for one of ::ffff:0:0/96, so the families have lists of their own. */
const blocked4 = blockList(BLOCKED_4, "ipv4");
const blocked6 = blockList(BLOCKED_6, "ipv6");

/** Is a connection to this address allowed? */
export type AddressJudge = (address: string) => boolean;

/** Is it an address of the open internet, by its number? */
export function isPublicAddress(address: string): boolean {
  // A zone (fe80::1%eth0) is only ever of a link.
  const [bare = ""] = address.split("%");
  const family = isIP(bare);
  if (family === 0 || bare !== address) return false;
  return family === 4 ? !blocked4.check(bare, "ipv4") : !blocked6.check(bare, "ipv6");
}

/**
 * The URL, if its own words allow it: http or https, no user in it, no address that is blocked. Names are judged by
 * what they resolve to, once a connection is made.
 * @throws UPSTREAM_FORBIDDEN.
 */
export function learnedUrl(text: string, judge: AddressJudge = isPublicAddress): URL {
  const url = httpUrl(text);
  const literal = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(literal) !== 0 ? !judge(literal) : OWN_NAME.test(literal)) throw forbidden(url);
  return url;
}

/** What resolvers must not ask anybody for. */
const OWN_NAME = /(?:^|\.)localhost\.?$/i;

/** As `learnedUrl`, for what the operator wrote: any address is theirs to name. @throws UPSTREAM_FORBIDDEN. */
export function httpUrl(text: string): URL {
  if (!URL.canParse(text)) throw new ProtocolError("UPSTREAM_FORBIDDEN", "the text is no URL");
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw forbidden(url);
  if (url.username !== "" || url.password !== "") throw forbidden(url);
  return url;
}

export function forbidden({ protocol, host }: URL): ProtocolError {
  return new ProtocolError("UPSTREAM_FORBIDDEN", `${protocol}//${host} is no address to be sent to`);
}

function blockList(ranges: readonly string[], family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits = ""] = range.split("/");
    list.addSubnet(address, Number(bits), family);
  }
  return list;
}

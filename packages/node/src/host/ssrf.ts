/** Which addresses nobody may send this node to: its own machine, its own network, and what only looks like the world. */

import { isIP } from "node:net";
import { ProtocolError } from "@gridmesh/protocol";
import { type AddressRanges, addressRanges, isPublicIp } from "../network/libp2p/address-rules.ts";

/** An address of IPv4 in the oldest way to write it as one of IPv6. */
let compatible: AddressRanges | undefined;

/** Is a connection to this address allowed? */
export type AddressJudge = (address: string) => boolean;

/** Is it an address of the open internet, by its number? */
export function isPublicAddress(address: string): boolean {
  // A zone (fe80::1%eth0) is only ever of a link.
  if (address.includes("%") || !isPublicIp(address)) return false;
  compatible ??= addressRanges(["::/96"]);
  return !compatible.has(address);
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

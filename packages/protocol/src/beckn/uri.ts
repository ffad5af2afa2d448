/**
 * Where an agent takes Beckn messages: `libp2p://<PeerId>/<agent>/bap` or `/bpp`, or the same place through a gateway,
 * `http(s)://<gateway>/p2p/<PeerId>/<agent>/bap/receiver`; base58 keeps its case.
 */

import { ProtocolError } from "../errors.ts";

export type BecknSide = "bap" | "bpp";

export interface BecknUri {
  readonly peerId: string;
  readonly agent: string;
  readonly side: BecknSide;
}

const URI = /^libp2p:\/\/([A-Za-z0-9]{32,128})\/([a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?)\/(bap|bpp)$/;

const GATEWAY_URI =
  /^https?:\/\/[A-Za-z0-9.:[\]-]{1,255}\/p2p\/([A-Za-z0-9]{32,128})\/([a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?)\/(bap|bpp)\/receiver\/?$/;
const MAX_URI = 512;

export function formatBecknUri(uri: BecknUri): string {
  return `libp2p://${uri.peerId}/${uri.agent}/${uri.side}`;
}

/** The place that an address names; undefined for what is no place of the mesh. */
export function readBecknUri(text: string): BecknUri | undefined {
  const short = text.length <= MAX_URI ? text : "";
  const [, peerId, agent, side] = URI.exec(short) ?? GATEWAY_URI.exec(short) ?? [];
  if (peerId === undefined || agent === undefined) return undefined;
  return { peerId, agent, side: side === "bap" ? "bap" : "bpp" };
}

/** @throws BECKN_CONTEXT_INVALID. */
export function parseBecknUri(text: string): BecknUri {
  const uri = readBecknUri(text);
  if (uri !== undefined) return uri;
  throw new ProtocolError("BECKN_CONTEXT_INVALID", `no libp2p address of an agent: "${text.slice(0, 80)}"`);
}

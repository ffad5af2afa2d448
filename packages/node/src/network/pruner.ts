/** Which links are worth how much, and which go when there are too many. */

import { classOf, type PeerEntry } from "./peer-table.ts";
import { anchorPlaces } from "./profiles.ts";
import type { Link } from "./transport.ts";

const ANCHOR_TAG = 100;
const PARTNER_TAG = 80;
/** The most a neighbour can earn: half by how long it stays, a quarter each by its use and by our having chosen it. */
const STAY_TAG = 20;
const USE_TAG = 10;
const CHOSEN_TAG = 10;
/** A link that stood so long has earned all it can by staying. */
const STAY_MS = 3_600_000;
const IN_USE_MS = 60_000;

/** The worth of a peer's link: 100 anchor, 80 partner, 0 … 40 neighbour, by use. */
export function tagOf(entry: PeerEntry | undefined, link: Link | undefined, nowMs: number): number {
  const peerClass = entry === undefined ? "neighbour" : classOf(entry);
  if (peerClass !== "neighbour") return peerClass === "anchor" ? ANCHOR_TAG : PARTNER_TAG;
  if (link === undefined) return 0;
  const stay = Math.min(1, Math.max(0, nowMs - link.openedAtMs) / STAY_MS) * STAY_TAG;
  const use = nowMs - link.lastByteMs < IN_USE_MS ? USE_TAG : 0;
  // Attackers can fill a node with inbound links; those it dialled itself are harder to plan.
  return Math.round(stay + use + (link.inbound ? 0 : CHOSEN_TAG));
}

export interface PruneOptions {
  readonly links: readonly Link[];
  readonly maxLinks: number;
  readonly entryOf: (peerId: string) => PeerEntry | undefined;
  readonly nowMs: number;
}

/** The neighbours to part from so that the rest and the anchors have room: the least worth first, of equals the newest. */
export function toPrune(options: PruneOptions): readonly Link[] {
  const { links, maxLinks, entryOf, nowMs } = options;
  const surplus = links.length - (maxLinks - anchorPlaces(maxLinks));
  if (surplus <= 0) return [];
  return links
    .map((link) => ({ link, tag: tagOf(entryOf(link.peerId), link, nowMs) }))
    .filter(({ tag }) => tag < PARTNER_TAG)
    .sort((a, b) => a.tag - b.tag || b.link.openedAtMs - a.link.openedAtMs)
    .slice(0, surplus)
    .map(({ link }) => link);
}

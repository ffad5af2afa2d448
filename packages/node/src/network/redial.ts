import type { Random } from "../clock.ts";

/** Why a peer is kept: configured, needed by open work, or just met. */
export type PeerClass = "anchor" | "partner" | "neighbour";

/** A returned bootstrap peer is reached within ten seconds, hence the last of these. */
const lastingSeconds = [1, 2, 4, 7];
const neighbourSeconds = [2, 10, 60];

/** Milliseconds until the next dial after `fails` failures; undefined: no more dials. */
export function redialMs(peerClass: PeerClass, fails: number, random: Random): number | undefined {
  const row = peerClass === "neighbour" ? neighbourSeconds : lastingSeconds;
  if (peerClass === "neighbour" && fails >= row.length) return undefined;
  const seconds = row[Math.min(fails, row.length - 1)] ?? 0;
  // ±20 %, so that nodes that lost the same peer do not return as one.
  return seconds * (800 + random.below(401));
}

/** Of two peers that sight each other the lower PeerId dials first; the other only if still unlinked. */
export function sightedMs(ownId: string, theirId: string, random: Random): number {
  return ownId < theirId ? random.below(501) : 3_000 + random.below(1_001);
}

/** What a lost link adds to the wait of the side that lets the other dial. */
export function courtesyMs(ownId: string, theirId: string | undefined): number {
  return theirId === undefined || ownId < theirId ? 0 : 1_500;
}

/** When nothing is to be waited for: within a second, the higher PeerId after the lower one had its chance. */
export function hurriedMs(ownId: string, theirId: string | undefined, random: Random): number {
  const later = theirId !== undefined && ownId > theirId ? 500 : 0;
  return later + random.below(251);
}

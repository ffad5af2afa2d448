/** Is an agent there? Judged from its record and from when its node was last heard. */

import { nodeLimits } from "../limits.ts";

export type Presence = "live" | "suspect" | "gone";

export interface PresenceSigns {
  readonly nowMs: number;
  /** Unix seconds. */
  readonly validUntil: number;
  /** The record's own word. */
  readonly status: string;
  /** When a byte of its node last came over a link; undefined without a link. */
  readonly linkHeardMs: number | undefined;
  /** When its newest record came in. */
  readonly recordHeardMs: number;
}

/** Without a link the record's age decides: renewed each minute, so 90 s of silence is one renewal missed. */
const RECORD_SUSPECT_MS = 90_000;

export function presenceOf(signs: PresenceSigns): Presence {
  const { nowMs, validUntil, status, linkHeardMs, recordHeardMs } = signs;
  if (status === "gone" || validUntil * 1000 <= nowMs) return "gone";
  if (linkHeardMs === undefined) return nowMs - recordHeardMs < RECORD_SUSPECT_MS ? "live" : "suspect";
  const silentMs = nowMs - Math.max(linkHeardMs, recordHeardMs);
  if (silentMs >= nodeLimits.goneMs) return "gone";
  return silentMs < nodeLimits.suspectMs ? "live" : "suspect";
}

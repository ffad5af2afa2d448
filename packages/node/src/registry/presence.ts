/** Is an agent there? Judged from its record and from when its node was last heard. */

import { nodeLimits } from "../limits.ts";

export type Presence = "live" | "suspect" | "gone";

export interface PresenceSigns {
  /** Wall ms, as all times here. */
  readonly nowMs: number;
  /** End of the record's validity. */
  readonly validUntilMs: number;
  /** From the record's signing to its end. */
  readonly lifeMs: number;
  /** The record's own word. */
  readonly status: string;
  /** When a byte of its node last came over a link; undefined without a link. */
  readonly linkHeardMs: number | undefined;
  /** When a link to its node was lost; undefined while there is one, or where there was none. */
  readonly linkLostMs: number | undefined;
  /** When its newest record came in, or was confirmed. */
  readonly recordHeardMs: number;
  /** When its own node said that there is no such agent; a newer record has cleared it. */
  readonly absentMs: number | undefined;
}

export function presenceOf(signs: PresenceSigns): Presence {
  const { nowMs, status, linkHeardMs, linkLostMs, recordHeardMs } = signs;
  if (status === "gone" || signs.absentMs !== undefined || signs.validUntilMs <= nowMs) return "gone";
  const silentMs = nowMs - Math.max(linkHeardMs ?? 0, recordHeardMs);
  if (linkHeardMs !== undefined) return bySilence(silentMs);
  // A lost link is suspect at once, whatever came before it; a record since then says otherwise.
  if (linkLostMs !== undefined && linkLostMs >= recordHeardMs) {
    return nowMs - linkLostMs >= nodeLimits.goneMs ? "gone" : "suspect";
  }
  // Renewed each third of its life: after half of it one renewal is missed.
  return silentMs < signs.lifeMs / 2 ? "live" : "suspect";
}

function bySilence(silentMs: number): Presence {
  if (silentMs >= nodeLimits.goneMs) return "gone";
  return silentMs < nodeLimits.suspectMs ? "live" : "suspect";
}

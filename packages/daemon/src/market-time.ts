/**
 * Market time of a node that was told no beginning: the time of day, and at other speeds counted from the beginning of
 * the UTC year, so that daemons started at different moments agree on the slot they live in.
 */
export function commonMarketMs(speed: number, nowMs: number): number {
  const yearStartMs = Date.UTC(new Date(nowMs).getUTCFullYear(), 0, 1);
  return speed === 1 ? nowMs : yearStartMs + speed * (nowMs - yearStartMs);
}

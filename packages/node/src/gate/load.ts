/** What all peers together may send: as the node fills up, the least urgent is refused first. */

import { limits, ProtocolError } from "@gridmesh/protocol";
import type { WritePriority } from "../network/stream-types.ts";

/** Share of the bucket that a class leaves to those above it. */
const RESERVED: Readonly<Record<WritePriority, number>> = { critical: 0, high: 0.1, normal: 0.25, low: 0.5 };

/** One bucket for the whole node. */
export class NodeLoad {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  /** @param nowMs - monotonic milliseconds; the bucket starts full */
  constructor(nowMs: number, perSecond: number = limits.nodeMessagesPerSecond) {
    this.#perSecond = perSecond;
    // A second of silence is saved up for the second after.
    this.#burst = perSecond * 2;
    this.#tokens = this.#burst;
    this.#atMs = nowMs;
  }

  /** Counts one message. @throws OVERLOADED with `data.retry_after_ms`. */
  admit(priority: WritePriority, nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = Math.max(this.#atMs, nowMs);
    this.#tokens = Math.min(this.#burst, this.#tokens + (passedMs * this.#perSecond) / 1_000);
    const needed = this.#burst * RESERVED[priority] + 1;
    if (this.#tokens >= needed) {
      this.#tokens -= 1;
      return;
    }
    const waitMs = Math.ceil(((needed - this.#tokens) * 1_000) / this.#perSecond);
    throw new ProtocolError("OVERLOADED", "this node is busy", { data: { retry_after_ms: waitMs } });
  }
}

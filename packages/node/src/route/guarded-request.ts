import { nodeLimits } from "../limits.ts";
import type { AskedLine } from "./agent-line.ts";
import type { ChannelMode } from "./channel.ts";
import type { Expiring } from "./expiry.ts";

export interface GuardedRequestOptions {
  readonly line: AskedLine;
  readonly mode: ChannelMode;
  /** Monotonic ms. */
  readonly beganMs: number;
  readonly onExpire: (asked: GuardedRequest) => void;
}

/** A request on its way through a channel, until it is answered, given up or too late. */
export class GuardedRequest implements Expiring {
  readonly line: AskedLine;
  readonly beganMs: number;
  endMs: number;
  place = -1;
  /** Characters of the question and its answers. */
  bytes: number;
  /** Gives its place back. */
  leave: (() => void) | undefined;
  readonly #limitMs: number;
  readonly #onExpire: (asked: GuardedRequest) => void;

  constructor({ line, mode, beganMs, onExpire }: GuardedRequestOptions) {
    this.line = line;
    this.beganMs = beganMs;
    this.bytes = line.text.length;
    this.#limitMs = limitOf(line, mode);
    this.endMs = beganMs + this.#limitMs;
    this.#onExpire = onExpire;
  }

  renew(nowMs: number): void {
    this.endMs = Math.min(nowMs + this.#limitMs, this.beganMs + nodeLimits.callTimeoutMaxMs);
  }

  expire(): void {
    this.#onExpire(this);
  }
}

/** Who listens waits as long as it likes; in a session a person may be asked in between. */
function limitOf({ leftMs }: AskedLine, mode: ChannelMode): number {
  if (mode === "listen") return Infinity;
  const usualMs = mode === "session" ? nodeLimits.callTimeoutMaxMs : nodeLimits.callTimeoutMs;
  return Math.min(leftMs ?? usualMs, nodeLimits.callTimeoutMaxMs);
}

/** What one peer makes a node write is bounded: it must not fill the disk, nor hide what others do. */

import type { LogFields } from "@gridmesh/node";

const LINES_PER_SECOND = 10;
/** Of so many peers and events lines are counted; those counted for longest are forgotten. */
const MAX_KEYS = 1_024;

/** Ten lines a second of each event and code about one peer; the first after that tells how many were left out. */
export class LogPace {
  readonly #monotonicMs: () => number;
  readonly #counts = new Map<string, { readonly second: number; lines: number }>();

  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
  }

  /** The fields to write; undefined for a line too many. */
  admit(event: string, fields: LogFields): LogFields | undefined {
    const { peer, code } = fields;
    if (peer === undefined || peer === null) return fields;
    const key = `${event} ${String(code)} ${String(peer)}`;
    const second = Math.floor(this.#monotonicMs() / 1_000);
    const known = this.#counts.get(key);
    if (known?.second === second) {
      known.lines += 1;
      return known.lines <= LINES_PER_SECOND ? fields : undefined;
    }
    this.#counts.delete(key);
    const [oldest] = this.#counts.keys();
    if (this.#counts.size >= MAX_KEYS && oldest !== undefined) this.#counts.delete(oldest);
    this.#counts.set(key, { second, lines: 1 });
    const leftOut = (known?.lines ?? 0) - LINES_PER_SECOND;
    return leftOut > 0 ? { ...fields, leftOut } : fields;
  }
}

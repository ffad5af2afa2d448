/** What peers did wrong, in points that fade; enough of them is a ban. */

import type { ErrorCode } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { StateStore, StoredOffence } from "../store/types.ts";

export interface Offences {
  /** Adds an error that somebody caused; true when that is too much. */
  note(subject: string, code: ErrorCode): boolean;
  /** Points as of now. */
  points(subject: string): number;
  forget(subject: string): void;
  /** Moves the points of one subject to another. */
  succeed(from: string, to: string): void;
  /** Writes what waits. */
  close(): void;
}

const POINTS: Partial<Readonly<Record<ErrorCode, number>>> = {
  MESSAGE_MALFORMED: 5,
  SCHEMA_INVALID: 5,
  NONCE_INVALID: 5,
  RECORD_INVALID: 5,
  ENCODING_UNSUPPORTED: 5,
  RATE_LIMITED: 5,
  RECIPIENT_WRONG: 5,
  SIGNATURE_INVALID: 10,
  IDENTITY_MISMATCH: 10,
  BINDING_INVALID: 10,
  FRAME_TOO_LARGE: 10,
  CHECKSUM_MISMATCH: 10,
  DECOMPRESSION_LIMIT: 20,
  EQUIVOCATION: 100,
};
const BAN_AT = 45;
const HALF_LIFE_MS = 600_000;
/** After six half-lives nothing of a ban's worth is left. */
const KEPT_MS = 6 * HALF_LIFE_MS;
const SUBJECTS_KEPT = 10_000;
/** Offences reach the disk together, at most this long after they happened. */
const BATCH_MS = 1_000;

interface Account {
  code: string;
  points: number;
  /** Monotonic. */
  atMs: number;
  /** Over-rate counts once a second. */
  lastRateMs: number;
}

export function createOffences(store: StateStore, clock: Clock, onFatal: (error: unknown) => void): Offences {
  return new Accounts(store, clock, onFatal);
}

class Accounts implements Offences {
  readonly #store: StateStore;
  readonly #clock: Clock;
  readonly #onFatal: (error: unknown) => void;
  readonly #accounts = new Map<string, Account>();
  readonly #changed = new Set<string>();
  #timer: Disposable | undefined;

  constructor(store: StateStore, clock: Clock, onFatal: (error: unknown) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#onFatal = onFatal;
    // Wall times of before become monotonic ones, which never jump.
    const shiftMs = this.#wallShiftMs();
    for (const row of store.offences(clock.nowMs() - KEPT_MS).slice(-SUBJECTS_KEPT)) {
      const atMs = Math.min(row.atMs - shiftMs, clock.monotonicMs());
      this.#accounts.set(row.subject, { code: row.code, points: row.points, atMs, lastRateMs: -Infinity });
    }
  }

  points(subject: string): number {
    const account = this.#accounts.get(subject);
    return account === undefined ? 0 : faded(account, this.#clock.monotonicMs());
  }

  note(subject: string, code: ErrorCode): boolean {
    const points = POINTS[code];
    if (points === undefined) return false;
    const nowMs = this.#clock.monotonicMs();
    const mine = this.#accountOf(subject, nowMs);
    if (code === "RATE_LIMITED") {
      if (nowMs - mine.lastRateMs < 1_000) return false;
      mine.lastRateMs = nowMs;
    }
    mine.points = faded(mine, nowMs) + points;
    mine.atMs = nowMs;
    mine.code = code;
    this.#touch(subject);
    // Ten of five points within a minute have faded to just above the bar.
    return mine.points >= BAN_AT + 0.5;
  }

  forget(subject: string): void {
    if (this.#accounts.delete(subject)) this.#touch(subject);
  }

  succeed(from: string, to: string): void {
    const points = this.points(from);
    const code = this.#accounts.get(from)?.code;
    if (code === undefined || points === 0) return;
    const nowMs = this.#clock.monotonicMs();
    const heir = this.#accountOf(to, nowMs);
    heir.points = faded(heir, nowMs) + points;
    heir.atMs = nowMs;
    heir.code = code;
    this.#touch(to);
    this.forget(from);
  }

  close(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const shiftMs = this.#wallShiftMs();
    const batch = [...this.#changed].map((subject): StoredOffence => {
      const account = this.#accounts.get(subject);
      // A row so old is forgotten at the next start.
      if (account === undefined) return { subject, code: "", points: 0, atMs: 0 };
      return { subject, code: account.code, points: account.points, atMs: account.atMs + shiftMs };
    });
    this.#changed.clear();
    if (batch.length === 0) return;
    try {
      this.#store.saveOffences(batch);
    } catch (error) {
      this.#onFatal(error);
    }
  }

  #touch(subject: string): void {
    this.#changed.add(subject);
    this.#timer ??= this.#clock.timer(BATCH_MS, () => this.close());
  }

  #accountOf(subject: string, nowMs: number): Account {
    const known = this.#accounts.get(subject);
    if (known !== undefined) return known;
    const oldest = this.#accounts.keys().next();
    // Keys cost nothing: whoever makes new ones must not fill memory or disk.
    if (this.#accounts.size >= SUBJECTS_KEPT && !oldest.done) this.forget(oldest.value);
    const fresh = { code: "", points: 0, atMs: nowMs, lastRateMs: -Infinity };
    this.#accounts.set(subject, fresh);
    return fresh;
  }

  #wallShiftMs(): number {
    return this.#clock.nowMs() - this.#clock.monotonicMs();
  }
}

function faded({ points, atMs }: Account, nowMs: number): number {
  return points * 0.5 ** (Math.max(0, nowMs - atMs) / HALF_LIFE_MS);
}

/** Offences and bans: what a peer may do before nobody listens to it any more. */

import { type ErrorCode, ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { StateStore, StoredBan } from "../store/types.ts";

export interface Bans {
  /** Notes an error that a peer caused; true when this one banned it. */
  offence(peerId: string, code: ErrorCode): boolean;
  /** @throws PEER_BANNED with `data.retry_after_ms`. */
  check(peerId: string): void;
  banned(peerId: string): boolean;
  /** The error facts of a ban: `data.retry_after_ms`. */
  left(peerId: string): { readonly data: { readonly retry_after_ms: number } };
  /** Bans by hand, or for a time other than the usual. */
  ban(peerId: string, code: ErrorCode, forMs?: number): void;
  lift(peerId: string): void;
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
  DECOMPRESSION_LIMIT: 20,
  EQUIVOCATION: 100,
};
const BAN_AT = 45;
const HALF_LIFE_MS = 600_000;
const EQUIVOCATION_BAN_MS = 30 * 86_400_000;
/** Strikes halve after so long without one. */
const STRIKE_REST_MS = 7 * 86_400_000;
const SUBJECTS_KEPT = 10_000;

interface Account {
  points: number;
  atMs: number;
  /** Over-rate counts once a second. */
  lastRateMs: number;
}

/** @param onFatal - told of a disk that fails: a peer's offence is met deep in its stream, where nobody waits */
export function createBans(
  store: StateStore,
  clock: Clock,
  onFatal: (error: unknown) => void = (error) => {
    throw error;
  },
): Bans {
  const bans = new Map(store.bans().map((ban) => [ban.subject, ban]));
  const accounts = new Map<string, Account>();

  const banned = (peerId: string) => (bans.get(peerId)?.untilMs ?? 0) > clock.nowMs();
  const left = (peerId: string) => ({
    data: { retry_after_ms: Math.max(0, (bans.get(peerId)?.untilMs ?? 0) - clock.nowMs()) },
  });
  const written = writing(onFatal);
  const lift = (peerId: string) => {
    bans.delete(peerId);
    written(() => store.removeBan(peerId));
  };
  const ban = (peerId: string, code: ErrorCode, forMs?: number) => {
    const nowMs = clock.nowMs();
    const before = bans.get(peerId);
    const lasts = lasting(before, code, nowMs);
    const untilMs = nowMs + (forMs ?? lasts.forMs);
    const row = { subject: peerId, code, sinceMs: nowMs, untilMs, strikes: lasts.strikes };
    const oldest = bans.keys().next();
    // Keys cost nothing: whoever makes new ones must not fill the disk.
    if (before === undefined && bans.size >= SUBJECTS_KEPT && !oldest.done) lift(oldest.value);
    bans.set(peerId, row);
    accounts.delete(peerId);
    written(() => store.saveBan(row));
  };

  return {
    banned,
    ban,
    offence(peerId, code) {
      const points = POINTS[code];
      if (points === undefined || banned(peerId)) return false;
      const nowMs = clock.monotonicMs();
      const mine = accountOf(accounts, peerId, nowMs);
      if (code === "RATE_LIMITED") {
        if (nowMs - mine.lastRateMs < 1_000) return false;
        mine.lastRateMs = nowMs;
      }
      mine.points = mine.points * 0.5 ** ((nowMs - mine.atMs) / HALF_LIFE_MS) + points;
      mine.atMs = nowMs;
      // Ten of five points within a minute have decayed to just above the bar.
      if (mine.points < BAN_AT + 0.5) return false;
      ban(peerId, code);
      return true;
    },
    left,
    check(peerId) {
      if (banned(peerId)) throw new ProtocolError("PEER_BANNED", "banned for what it sent", left(peerId));
    },
    lift,
  };
}

function accountOf(accounts: Map<string, Account>, peerId: string, nowMs: number): Account {
  const known = accounts.get(peerId);
  if (known !== undefined) return known;
  const oldest = accounts.keys().next();
  if (accounts.size >= SUBJECTS_KEPT && !oldest.done) accounts.delete(oldest.value);
  const fresh = { points: 0, atMs: nowMs, lastRateMs: -Infinity };
  accounts.set(peerId, fresh);
  return fresh;
}

/** How long a ban lasts after the one before, and which in a row it is. */
function lasting(
  before: StoredBan | undefined,
  code: ErrorCode,
  nowMs: number,
): { readonly forMs: number; readonly strikes: number } {
  const restMs = before === undefined ? 0 : nowMs - before.untilMs;
  const carried =
    before === undefined ? 0 : before.strikes >> Math.max(0, Math.floor(restMs / STRIKE_REST_MS));
  const usualMs = Math.min(nodeLimits.banMs * 2 ** carried, nodeLimits.banMaxMs);
  return { forMs: code === "EQUIVOCATION" ? EQUIVOCATION_BAN_MS : usualMs, strikes: carried + 1 };
}

function writing(onFatal: (error: unknown) => void): (act: () => void) => void {
  return (act) => {
    try {
      act();
    } catch (error) {
      onFatal(error);
    }
  };
}

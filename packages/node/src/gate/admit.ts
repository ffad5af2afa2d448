/** Bans: whom nobody listens to for a while, kept over restarts. */

import { type ErrorCode, ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { BanKind, StateStore, StoredBan } from "../store/types.ts";
import { isNear, kindOf, netOf } from "./addresses.ts";
import { createFloods } from "./floods.ts";
import { createOffences } from "./offences.ts";

/** A ban that is in force. */
type Ban = StoredBan;

interface BanTerms {
  /** Default: by code and by how often. */
  readonly forMs?: number | undefined;
  /** Default `node`. */
  readonly by?: string | undefined;
  /** What proves it; told with the ban, kept by whoever found it. */
  readonly evidence?: Uint8Array | undefined;
}

/** Told of a new ban and its proof, or of one that was lifted by hand. */
type BanListener = (subject: string, ban: Ban | undefined, evidence: Uint8Array | undefined) => void;

export interface Bans {
  /** Notes an error that a peer or signer caused; true when this one banned it. */
  offence(subject: string, code: ErrorCode): boolean;
  /** @throws PEER_BANNED with `data.retry_after_ms`. */
  check(subject: string): void;
  banned(subject: string): boolean;
  /** Is this address banned, or the /24 or /64 it belongs to? */
  bannedIp(ip: string): boolean;
  /** The error facts of a ban: `data.retry_after_ms`. */
  left(subject: string): { readonly data: { readonly retry_after_ms: number } };
  /** Bans at once. @throws INVALID_PARAMS when the subject is nothing that can be banned. */
  ban(subject: string, code: ErrorCode, terms?: BanTerms): void;
  /** What stands against one subject stands against the other as well: its key was handed over. */
  succeed(from: string, to: string): void;
  /** Ends a ban; false when there was none. */
  lift(subject: string): boolean;
  /** A connection from this address was refused for coming too fast; enough of them ban it, at most for an hour. */
  flood(ip: string): void;
  /** In force, newest first. */
  list(): readonly Ban[];
  /** Offence points as of now, negative standing. */
  points(subject: string): number;
  /** Told of each new ban, and with undefined of each that was lifted by hand. */
  onChange(fn: BanListener): Disposable;
  /** Writes what waits. */
  close(): void;
}

export interface BanOptions {
  /** Told of a disk that fails: a peer's offence is met deep in its stream, where nobody waits. */
  readonly onFatal?: ((error: unknown) => void) | undefined;
  /** Addresses of bootstrap and other chosen peers: never banned. */
  readonly isChosen?: ((ip: string) => boolean) | undefined;
}

/** Whoever bans where nobody else is named. */
const OWN = "node";
const DAY_MS = 86_400_000;
const EQUIVOCATION_BAN_MS = 30 * DAY_MS;
/** Strikes halve after so long without one. */
const STRIKE_REST_MS = 7 * DAY_MS;
/** So many banned addresses of one net ban the net. */
const ADDRESSES_OF_A_NET = 8;

export function createBans(store: StateStore, clock: Clock, options: BanOptions = {}): Bans {
  return new BanTable(store, clock, options);
}

class BanTable implements Bans {
  readonly #store: StateStore;
  readonly #clock: Clock;
  readonly #options: BanOptions;
  /** In order of their beginning. */
  readonly #bans: Map<string, Ban>;
  readonly #offences: ReturnType<typeof createOffences>;
  readonly #floods = createFloods();
  readonly #listeners = new Set<BanListener>();

  constructor(store: StateStore, clock: Clock, options: BanOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
    this.#bans = new Map(store.bans().map((ban) => [ban.subject, ban]));
    this.#offences = createOffences(store, clock, (error) => this.#fatal(error));
    while (this.#bans.size > nodeLimits.bans) this.#dropOldest();
  }

  offence(subject: string, code: ErrorCode): boolean {
    if (this.banned(subject) || !this.#offences.note(subject, code)) return false;
    this.ban(subject, code);
    return true;
  }

  check(subject: string): void {
    if (!this.banned(subject)) return;
    throw new ProtocolError("PEER_BANNED", "banned for what it sent", this.left(subject));
  }

  banned(subject: string): boolean {
    return (this.#bans.get(subject)?.untilMs ?? 0) > this.#clock.nowMs();
  }

  bannedIp(ip: string): boolean {
    if (this.#isSpared(ip)) return false;
    return this.banned(ip) || this.banned(netOf(ip));
  }

  left(subject: string): { readonly data: { readonly retry_after_ms: number } } {
    const untilMs = this.#bans.get(subject)?.untilMs ?? 0;
    return { data: { retry_after_ms: Math.max(0, untilMs - this.#clock.nowMs()) } };
  }

  ban(subject: string, code: ErrorCode, terms: BanTerms = {}): void {
    const kind = this.#kindOf(subject);
    const isAddress = kind === "ip" || kind === "net";
    const before = this.#bans.get(subject);
    const sinceMs = this.#clock.nowMs();
    const strikes = strikesLeft(before, sinceMs) + 1;
    const usualMs = code === "EQUIVOCATION" ? EQUIVOCATION_BAN_MS : usualFor(strikes);
    const longestMs = isAddress ? nodeLimits.ipBanMaxMs : Number.POSITIVE_INFINITY;
    const untilMs = sinceMs + Math.min(terms.forMs ?? usualMs, longestMs);
    // Keys cost nothing: whoever makes new ones must not fill the disk.
    if (before === undefined && this.#bans.size >= nodeLimits.bans) this.#dropOldest(kind);
    this.#enter({ subject, kind, code, sinceMs, untilMs, strikes, by: terms.by ?? OWN }, terms.evidence);
  }

  /** @throws INVALID_PARAMS. */
  #kindOf(subject: string): BanKind {
    const kind = kindOf(subject);
    const [ip = ""] = kind === "ip" || kind === "net" ? subject.split("/") : [];
    if (kind === undefined || (ip !== "" && this.#isSpared(ip))) {
      throw new ProtocolError("INVALID_PARAMS", `"${subject.slice(0, 64)}" cannot be banned`);
    }
    return kind;
  }

  #enter(ban: Ban, evidence: Uint8Array | undefined): void {
    const { subject } = ban;
    this.#bans.delete(subject);
    this.#bans.set(subject, ban);
    this.#offences.forget(subject);
    this.#write(() => this.#store.saveBan(ban));
    for (const fn of this.#listeners) fn(subject, ban, evidence);
  }

  succeed(from: string, to: string): void {
    this.#offences.succeed(from, to);
    const ban = this.#bans.get(from);
    if (ban === undefined || ban.untilMs <= (this.#bans.get(to)?.untilMs ?? 0)) return;
    if (!this.#bans.has(to) && this.#bans.size >= nodeLimits.bans) this.#dropOldest();
    this.#enter({ ...ban, subject: to }, undefined);
  }

  lift(subject: string): boolean {
    const was = this.banned(subject);
    this.#remove(subject);
    this.#offences.forget(subject);
    if (was) for (const fn of this.#listeners) fn(subject, undefined, undefined);
    return was;
  }

  flood(ip: string): void {
    if (this.#isSpared(ip) || this.bannedIp(ip)) return;
    if (!this.#floods.note(ip, this.#clock.monotonicMs())) return;
    this.ban(ip, "RATE_LIMITED");
    const net = netOf(ip);
    const ofNet = this.list().filter(({ kind, subject }) => kind === "ip" && netOf(subject) === net);
    if (ofNet.length >= ADDRESSES_OF_A_NET) this.ban(net, "RATE_LIMITED");
  }

  list(): readonly Ban[] {
    return [...this.#bans.values()].filter(({ subject }) => this.banned(subject)).reverse();
  }

  points(subject: string): number {
    return this.#offences.points(subject);
  }

  onChange(fn: BanListener): Disposable {
    this.#listeners.add(fn);
    return { [Symbol.dispose]: () => this.#listeners.delete(fn) };
  }

  close(): void {
    this.#offences.close();
  }

  #isSpared(ip: string): boolean {
    return isNear(ip) || this.#options.isChosen?.(ip) === true;
  }

  /** Of the same kind, and none a person made, where there is one: agents' keys are made faster than peers come. */
  #dropOldest(kind?: BanKind): void {
    const bans = [...this.#bans.values()];
    const alike = bans.filter((ban) => ban.kind === kind);
    const oldest = alike.find(({ by }) => by === OWN) ?? alike[0] ?? bans[0];
    if (oldest !== undefined) this.#remove(oldest.subject);
  }

  #remove(subject: string): void {
    if (this.#bans.delete(subject)) this.#write(() => this.#store.removeBan(subject));
  }

  #write(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#fatal(error);
    }
  }

  #fatal(error: unknown): void {
    if (this.#options.onFatal === undefined) throw error;
    this.#options.onFatal(error);
  }
}

function usualFor(strikes: number): number {
  return Math.min(nodeLimits.banMs * 2 ** (strikes - 1), nodeLimits.banMaxMs);
}

/** Strikes of before that still count: half of them go with every seven quiet days. */
function strikesLeft(before: Ban | undefined, nowMs: number): number {
  if (before === undefined) return 0;
  const rests = Math.max(0, Math.floor((nowMs - before.untilMs) / STRIKE_REST_MS));
  return before.strikes >> Math.min(rests, 31);
}

/**
 * Which key came in whose place: handovers that others told, each proven by both keys, and what a key promised of its
 * successor. Of two successors neither is followed; of a promise the first that was seen counts.
 */

import {
  agentIdFromPeerId,
  canonicalBytes,
  type Continuity,
  type ContinuityChain,
  extendChain,
  isProtocolError,
  keyFromAgentId,
  keyHash,
  openContinuity,
  parseCanonical,
  peerIdFromKey,
  type VerifyEngine,
} from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { Bans } from "../gate/admit.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { StateStore, StoredSuccession } from "../store/types.ts";
import { type Dispute, Disputes } from "./disputes.ts";

/** A handover that is in force, or, with `undone`, one that is followed no more. */
export interface Succession {
  readonly subject: "node" | "agent";
  /** agent_ids. */
  readonly oldId: string;
  readonly newId: string;
  /** PeerIds of the same keys. */
  readonly oldPeerId: string;
  readonly newPeerId: string;
  readonly undone: boolean;
}

/** What became of a handover: `kept` waits for its day; `forked` is the first rival, `refused` not to be believed. */
type Taken = "followed" | "kept" | "known" | "forked" | "refused";

export interface Successions extends Disposable {
  /** Notes what a key promised of its successor. */
  promise(agentId: string, nextKeyHash: string): void;
  /** Takes a handover whose signatures held. */
  take(handover: Continuity): Taken;
  /** The PeerId that stands for this one now; itself where no other came. */
  currentPeerId(peerId: string): string;
  /** Was the handover of this own key told to all? */
  isTold(oldId: string): boolean;
  markTold(oldId: string): void;
  /** Successions that are disputed, newest last. */
  disputes(): readonly Dispute[];
  onChange(fn: (succession: Succession) => void): Disposable;
}

export interface SuccessionsOptions {
  readonly network: string;
  readonly engine: VerifyEngine;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly bans: Bans;
  readonly onFatal: (error: unknown) => void;
  /** Does this node rely on this peer? A dispute about it is never crowded out. */
  readonly isRelied?: ((peerId: string) => boolean) | undefined;
}

interface Row extends Omit<StoredSuccession, "handover" | "rival"> {
  readonly handover: Continuity | undefined;
  readonly rival: Continuity | undefined;
}

const DAY_MS = 86_400_000;
const COMPROMISED_MS = 30 * DAY_MS;
/** No key is handed over more often; only so many handovers before one are looked at. */
const CHAIN_LENGTH = 64;
/** Wall time may be set: it is looked at again after this. */
const LONGEST_WAIT_MS = 3_600_000;

export function createSuccessions(options: SuccessionsOptions): Successions {
  return new SuccessionBook(options);
}

class SuccessionBook implements Successions {
  readonly #options: SuccessionsOptions;
  /** By agent_id of the old key, in order of news. */
  readonly #rows = new Map<string, Row>();
  /** The old key of each new one, of handovers that are not disputed. */
  readonly #before = new Map<string, string>();
  readonly #disputes: Disputes;
  readonly #listeners = new Set<(succession: Succession) => void>();
  /** By agent_id of the old key: who waits for the day of a handover. */
  readonly #timers = new Map<string, Disposable>();

  constructor(options: SuccessionsOptions) {
    this.#options = options;
    const { clock, bans, store, isRelied = () => false } = options;
    this.#disputes = new Disputes({ clock, isBanned: (subject) => bans.banned(subject), isRelied });
    for (const stored of store.successions(clock.nowMs() - nodeLimits.successionKeptMs)) this.#recall(stored);
  }

  /** Proven again: a state file is no witness. */
  #recall(stored: StoredSuccession): void {
    try {
      const handover = this.#opened(stored.handover);
      const rival = this.#opened(stored.rival);
      const row: Row = { ...stored, handover, rival };
      this.#rows.set(row.oldId, row);
      if (handover !== undefined && rival === undefined) this.#before.set(handover.new_id, row.oldId);
      if (handover !== undefined && rival !== undefined)
        this.#disputes.forked(handover, { rival, banned: banNameOf(row, handover) });
      else if (handover !== undefined && !row.followed) this.#followInTime(handover);
    } catch (error) {
      // Of another network's name, before the home got its present one.
      this.#options.log.debug("succession.forgotten", String(error), { agentId: stored.oldId });
    }
  }

  #opened(bytes: Uint8Array | undefined): Continuity | undefined {
    if (bytes === undefined) return undefined;
    const { network, engine, clock } = this.#options;
    const nowS = Math.floor(clock.nowMs() / 1_000);
    return openContinuity(parseCanonical(bytes), { network, engine, nowS });
  }

  promise(agentId: string, nextKeyHash: string): void {
    const row = this.#rows.get(agentId);
    const nowMs = this.#options.clock.nowMs();
    if (row?.promised !== undefined || row?.handover !== undefined) {
      // Written once a day: it is forgotten so long after the last time.
      if (nowMs - row.atMs > DAY_MS) this.#save({ ...row, atMs: nowMs });
      return;
    }
    const promised = this.#promiseOf(agentId) ?? nextKeyHash;
    this.#save({ ...(row ?? emptyRow(agentId)), promised, atMs: nowMs });
  }

  /** What the handover to this key promised, else what the key told itself. */
  #promiseOf(agentId: string): string | undefined {
    const before = this.#before.get(agentId);
    const told = before === undefined ? undefined : this.#rows.get(before)?.handover?.next_key_hash;
    return told ?? this.#rows.get(agentId)?.promised;
  }

  take(handover: Continuity): Taken {
    const { old_id: oldId, new_id: newId } = handover;
    const row = this.#rows.get(oldId) ?? emptyRow(oldId);
    if (row.rival !== undefined) return "known";
    const promised = this.#promiseOf(oldId);
    if (promised !== undefined && keyHash(keyFromAgentId(newId)) !== promised) {
      this.#disputes.refused(handover);
      return this.#refuse(handover, "another key was promised");
    }
    try {
      const before = this.#chainTo(oldId);
      if (extendChain(before, handover) === before) return "known";
      if (this.#before.has(newId))
        return this.#refuse(handover, "it came in the place of another key before");
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      if (error.code === "EQUIVOCATION") return this.#fork({ ...row, rival: handover });
      return this.#refuse(handover, error.message);
    }
    this.#before.set(newId, oldId);
    this.#save({ ...row, handover, atMs: this.#options.clock.nowMs() });
    return this.#followInTime(handover) ? "followed" : "kept";
  }

  #refuse({ old_id: oldId, new_id: newId }: Continuity, why: string): Taken {
    this.#options.log.warn("succession.refused", `${newId} does not follow ${oldId}: ${why}`, {
      agentId: oldId,
    });
    return "refused";
  }

  /** Every handover that is known before and behind this key. */
  #chainTo(agentId: string): ContinuityChain {
    const ids = [agentId];
    for (
      let id = this.#before.get(agentId);
      id !== undefined && ids.length < CHAIN_LENGTH && !ids.includes(id);
      id = this.#before.get(id)
    ) {
      ids.unshift(id);
    }
    const links = ids.flatMap((id) => this.#rows.get(id)?.handover ?? []);
    return { firstId: ids[0] ?? agentId, links, nextKeyHash: this.#rows.get(ids[0] ?? agentId)?.promised };
  }

  #followInTime(handover: Continuity): boolean {
    const row = this.#rows.get(handover.old_id);
    if (row?.handover !== handover || row.rival !== undefined) return false;
    const { clock } = this.#options;
    const waitMs = handover.not_before * 1_000 - clock.nowMs();
    if (waitMs > 0) {
      const timer = clock.timer(Math.min(waitMs, LONGEST_WAIT_MS), () => this.#followInTime(handover));
      this.#endWait(row.oldId);
      this.#timers.set(row.oldId, timer);
      return false;
    }
    this.#endWait(row.oldId);
    const succession = successionOf(handover, false);
    const { oldId, newId, oldPeerId, newPeerId } = succession;
    const { bans } = this.#options;
    bans.succeed(oldId, newId);
    bans.succeed(oldPeerId, newPeerId);
    // Whoever else has the old key speaks for nobody any more.
    if (handover.reason === "compromise") {
      bans.ban(banNameOf(row, handover), "IDENTITY_MISMATCH", { forMs: COMPROMISED_MS });
    }
    this.#disputes.settled(oldId);
    this.#save({ ...row, followed: true });
    this.#options.log.info("succession.followed", `${newPeerId} came in the place of ${oldPeerId}`, {
      peer: newPeerId,
      agentId: newId,
      reason: handover.reason,
    });
    for (const fn of this.#listeners) fn(succession);
    return true;
  }

  #endWait(oldId: string): void {
    this.#timers.get(oldId)?.[Symbol.dispose]();
    this.#timers.delete(oldId);
  }

  /** Whoever holds the old key signed twice: its owner, or a thief beside it. */
  #fork(row: Row): Taken {
    const { handover, rival, oldId } = row;
    if (handover === undefined || rival === undefined) return "refused";
    const { bans, log, clock } = this.#options;
    this.#before.delete(handover.new_id);
    this.#endWait(oldId);
    this.#save({ ...row, followed: false, atMs: clock.nowMs() });
    const banned = banNameOf(row, handover);
    this.#disputes.forked(handover, { rival, banned });
    log.warn("succession.disputed", `${oldId} was handed over twice`, {
      agentId: oldId,
      code: "EQUIVOCATION",
    });
    const evidence = Buffer.concat([handover, rival].map(({ message }) => canonicalBytes(message)));
    if (!bans.banned(banned)) bans.ban(banned, "EQUIVOCATION", { evidence });
    if (row.followed) for (const fn of this.#listeners) fn(successionOf(handover, true));
    return "forked";
  }

  currentPeerId(peerId: string): string {
    let id: string;
    try {
      id = agentIdFromPeerId(peerId);
    } catch {
      return peerId;
    }
    const seen = new Set<string>();
    for (let next = this.#next(id); next !== undefined && !seen.has(next); next = this.#next(id)) {
      seen.add(next);
      id = next;
    }
    return seen.size === 0 ? peerId : peerIdFromKey(keyFromAgentId(id));
  }

  #next(id: string): string | undefined {
    const row = this.#rows.get(id);
    return row?.followed === true ? row.handover?.new_id : undefined;
  }

  isTold(oldId: string): boolean {
    return this.#rows.get(oldId)?.told === true;
  }

  markTold(oldId: string): void {
    const row = this.#rows.get(oldId);
    if (row !== undefined) this.#save({ ...row, told: true });
  }

  disputes(): readonly Dispute[] {
    return this.#disputes.list();
  }

  onChange(fn: (succession: Succession) => void): Disposable {
    this.#listeners.add(fn);
    return { [Symbol.dispose]: () => this.#listeners.delete(fn) };
  }

  #save(row: Row): void {
    const { oldId, handover, rival } = row;
    this.#rows.delete(oldId);
    this.#rows.set(oldId, row);
    try {
      while (this.#rows.size > nodeLimits.successions) this.#forgetOne();
      this.#options.store.saveSuccession({ ...row, handover: bytesOf(handover), rival: bytesOf(rival) });
    } catch (error) {
      this.#options.onFatal(error);
    }
  }

  /** Keys cost nothing: those that never greeted have half of the places, whoever talks of them. */
  #forgetOne(): void {
    const rows = [...this.#rows.values()];
    const strange = rows.filter(isStrange);
    const least =
      strange.length > nodeLimits.successions / 2 ? strange[0] : rows.find((row) => !isStrange(row));
    if (least === undefined) return;
    this.#rows.delete(least.oldId);
    this.#endWait(least.oldId);
    if (least.handover !== undefined) this.#before.delete(least.handover.new_id);
    this.#options.store.removeSuccession(least.oldId);
  }

  [Symbol.dispose](): void {
    for (const oldId of this.#timers.keys()) this.#endWait(oldId);
    this.#listeners.clear();
  }
}

/** A key that never greeted here, and is none of our own. */
function isStrange({ promised, told }: Row): boolean {
  return promised === undefined && !told;
}

/** What a ban names: the peer where it was met, else the key, which has fewer places among bans. */
function banNameOf({ promised }: Row, { subject, old_id: oldId }: Continuity): string {
  return subject === "node" && promised !== undefined ? peerIdFromKey(keyFromAgentId(oldId)) : oldId;
}

function emptyRow(oldId: string): Row {
  const none = { promised: undefined, handover: undefined, rival: undefined };
  return { oldId, ...none, followed: false, told: false, atMs: 0 };
}

function bytesOf(handover: Continuity | undefined): Uint8Array | undefined {
  return handover === undefined ? undefined : canonicalBytes(handover.message);
}

function successionOf({ subject, old_id: oldId, new_id: newId }: Continuity, undone: boolean): Succession {
  const [oldPeerId, newPeerId] = [oldId, newId].map((id) => peerIdFromKey(keyFromAgentId(id))) as [
    string,
    string,
  ];
  return { subject, oldId, newId, oldPeerId, newPeerId, undone };
}

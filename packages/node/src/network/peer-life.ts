/** What happens to a peer: known → waiting → dialing → linked → lost → waiting, or parked. */

import type { Clock, Random } from "../clock.ts";
import type { Log } from "../log.ts";
import type { DialQueue } from "./dial-queue.ts";
import type { KnownPeers } from "./known-peers.ts";
import { classOf, type PeerEntry, type PeerTable } from "./peer-table.ts";
import { attemptsOf } from "./peer-view.ts";
import { courtesyMs, hurriedMs, redialMs, sightedMs } from "./redial.ts";
import type { Link, NetworkEvent, Transport } from "./transport.ts";

/** A link that stands this long was a good one. */
const HELD_MS = 10_000;
/** Links in a row that did not. */
const CUT_OFTEN = 3;
/** A timer this late says that our own loop is behind; it is given so long to catch up. */
const LATE_MS = 50;
const AGAIN_MS = 1_000;
const MAX_DELAYS = 3;
/** As a transport words it. */
const NO_ANSWER = "no answer in time";

export interface PeerLifeOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly table: PeerTable;
  readonly book: KnownPeers;
  /** Is another neighbour wanted? */
  readonly wantsMore: () => boolean;
  /** A link stands that did not before. */
  readonly onLinked: () => void;
}

/** Moves peers from state to state; whom to dial is decided above, how is the queue's. */
export class PeerLife {
  readonly #options: PeerLifeOptions;
  readonly #dials: DialQueue;
  #running = true;

  constructor(options: PeerLifeOptions, dials: DialQueue) {
    this.#options = options;
    this.#dials = dials;
  }

  stop(): void {
    this.#running = false;
    for (const entry of this.#options.table.entries) {
      entry.timer?.[Symbol.dispose]();
      if (entry.state === "linked") this.#countUptime(entry);
    }
  }

  /** Writes the time of standing links into the book: a node that is killed writes nothing at its end. */
  noteUptimes(): void {
    for (const entry of this.#options.table.entries) if (entry.state === "linked") this.#noteUptime(entry);
  }

  /** A neighbour just heard of: the tie-break decides who dials. */
  meet(entry: PeerEntry | undefined): void {
    if (entry?.peerId === undefined || entry.state !== "known" || entry.addresses.length === 0) return;
    if (!this.#options.wantsMore()) return;
    this.#wait(entry, sightedMs(this.#options.transport.peerId, entry.peerId, this.#options.random));
  }

  /** Dials now. */
  begin(entry: PeerEntry): void {
    const { transport, table } = this.#options;
    if (entry.state === "linked" || entry.state === "dialing" || entry.state === "parked") return;
    if (entry.peerId === transport.peerId) return table.remove(entry);
    const link = transport.links().find(({ peerId }) => peerId === entry.peerId);
    if (link === undefined) this.#dials.add(entry);
    else this.linked(entry, link);
  }

  /** Dials in a moment; of two that come to it together one goes ahead. */
  hurry(entry: PeerEntry): void {
    const { transport, random } = this.#options;
    if (entry.state === "linked" || entry.state === "dialing" || entry.state === "parked") return;
    this.#wait(entry, hurriedMs(transport.peerId, entry.peerId, random));
  }

  /** Nobody is waited for any longer. */
  endWaits(): void {
    for (const entry of this.#options.table.entries) if (entry.state === "waiting") this.hurry(entry);
  }

  park(entry: PeerEntry, forMs: number): void {
    // Only the operator ends what the operator began.
    if (entry.state === "parked" && entry.parkedUntilMs === Number.POSITIVE_INFINITY) return;
    if (entry.state === "linked") this.#countUptime(entry);
    entry.timer?.[Symbol.dispose]();
    entry.state = "parked";
    entry.parkedUntilMs = this.#options.clock.monotonicMs() + forMs;
    if (Number.isFinite(forMs)) this.#wait(entry, forMs);
  }

  unpark(entry: PeerEntry): void {
    if (entry.state !== "parked") return;
    entry.timer?.[Symbol.dispose]();
    entry.state = "known";
    entry.parkedUntilMs = 0;
  }

  /** A dial of ours holds. */
  dialled(entry: PeerEntry, link: Link): void {
    const { transport, table } = this.#options;
    if (entry.state === "parked") {
      void transport.hangUp(link.peerId, "parked");
      return;
    }
    if (table.entries.has(entry)) {
      table.identify(entry, link.peerId);
      return this.linked(entry, link);
    }
    const known = table.note({ peerId: link.peerId, addresses: entry.addresses }, "manual");
    if (known === undefined) return;
    this.unpark(known);
    this.linked(known, link);
  }

  dialFailed(entry: PeerEntry, error: unknown): void {
    const { log, book, table } = this.#options;
    entry.attempts = attemptsOf(error);
    for (const { address } of entry.attempts) {
      entry.misses.set(address, (entry.misses.get(address) ?? 0) + 1);
    }
    const reason = entry.attempts[0]?.reason ?? String(error);
    log.debug("dial-failed", reason, { peer: entry.peerId, address: entry.addresses[0] });
    if (entry.peerId !== undefined) book.failed(entry.peerId);
    if (entry.state === "dialing" && table.entries.has(entry)) this.#retry(entry);
  }

  linked(entry: PeerEntry, link: Link): void {
    const { book, clock, onLinked } = this.#options;
    entry.timer?.[Symbol.dispose]();
    entry.dueMs = undefined;
    entry.attempts = [];
    entry.misses.clear();
    if (entry.state !== "linked") entry.linkedSinceMs = entry.countedMs = clock.monotonicMs();
    entry.state = "linked";
    if (entry.peerId !== undefined && !link.inbound) book.reached(entry.peerId, link.address);
    this.#dials.linked(entry, link);
    onLinked();
  }

  /** False for a link that was cut at once, again and again: whoever cut it will do so once more. */
  lost(event: NetworkEvent): boolean {
    const { table, log, transport, random } = this.#options;
    const entry = event.peerId === undefined ? undefined : table.get(event.peerId);
    log.debug("unlink", event.reason ?? "closed", { peer: event.peerId });
    if (entry === undefined || entry.state !== "linked") return true;
    // A link that was cut at once counts as a failed dial: else two that disagree would dial for ever.
    const held = this.#countUptime(entry) >= HELD_MS;
    entry.fails = held ? 0 : entry.fails + 1;
    const theirId = entry.peerId;
    table.anonymise(entry);
    // It had to make room: it may come again, we do not ask for it.
    const ms = event.reason === "pruned" ? undefined : redialMs(classOf(entry), entry.fails, random);
    const courtesy = courtesyMs(transport.peerId, entry.isAnchor ? undefined : theirId);
    if (ms === undefined) table.remove(entry);
    else this.#wait(entry, ms + courtesy);
    return held || entry.fails < CUT_OFTEN;
  }

  #retry(entry: PeerEntry): void {
    const ownAddress = entry.attempts.some(({ reason }) => reason === "the address is our own");
    const ms = redialMs(classOf(entry), entry.fails, this.#options.random);
    // Without an answer while our own loop stood still: that is no failure of theirs.
    const isOurs = this.#dials.isBusy && entry.attempts.every(({ reason }) => reason === NO_ANSWER);
    if (!isOurs) entry.fails += 1;
    // Left to the book; sighting it again starts anew.
    if (ownAddress || ms === undefined) return this.#options.table.remove(entry);
    this.#wait(entry, ms);
  }

  #wait(entry: PeerEntry, ms: number, delays = 0): void {
    if (!this.#running) return;
    const { clock, wantsMore } = this.#options;
    entry.timer?.[Symbol.dispose]();
    if (entry.state !== "parked") entry.state = "waiting";
    entry.dueMs = clock.nowMs() + ms;
    const dueMs = clock.monotonicMs() + ms;
    entry.timer = clock.timer(ms, () => {
      // A machine this busy may not have seen yet that the other side dialled.
      const isLate = clock.monotonicMs() - dueMs > LATE_MS && entry.state === "waiting";
      const waitsOn = isLate && delays < MAX_DELAYS && classOf(entry) === "neighbour";
      if (waitsOn) return this.#wait(entry, AGAIN_MS, delays + 1);
      this.unpark(entry);
      if (classOf(entry) !== "neighbour" || wantsMore()) return this.begin(entry);
      if (entry.state === "waiting") entry.state = "known";
    });
  }

  /** Writes the rest of the link's time into the book and returns the whole. */
  #countUptime(entry: PeerEntry): number {
    const nowMs = this.#options.clock.monotonicMs();
    const heldMs = nowMs - (entry.linkedSinceMs ?? nowMs);
    this.#noteUptime(entry);
    entry.linkedSinceMs = undefined;
    return heldMs;
  }

  #noteUptime(entry: PeerEntry): void {
    const nowMs = this.#options.clock.monotonicMs();
    const freshMs = nowMs - (entry.countedMs ?? nowMs);
    entry.countedMs = nowMs;
    if (entry.peerId !== undefined) this.#options.book.linkedFor(entry.peerId, freshMs);
  }
}

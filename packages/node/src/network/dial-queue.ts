import { isProtocolError, ProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import type { PeerEntry } from "./peer-table.ts";
import type { Link, Transport } from "./transport.ts";
import { type Waiter, waitFor } from "./waiting.ts";

export const DIAL_MS = 5_000;
const MAX_DIALS = 8;
/** While dials are under way our own loop is looked at this often. */
const LAG_CHECK_MS = 100;
/** Handshakes cost time of the processor: a loop this late has enough of them, one later still has too many. */
const LATE_MS = 50;
const VERY_LATE_MS = 200;

export interface DialQueueOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Is the dial still wanted now that its turn has come, and so many others are under way? */
  readonly wanted: (entry: PeerEntry, underWay: number) => boolean;
  /** Its addresses as they should be tried. */
  readonly addresses: (entry: PeerEntry) => readonly string[];
  readonly onLink: (entry: PeerEntry, link: Link) => void;
  readonly onFailure: (entry: PeerEntry, error: unknown) => void;
}

/** Every dial of the node, eight at once and one per peer; whoever waits here is in the state "dialing". */
export class DialQueue implements Disposable {
  readonly #options: DialQueueOptions;
  readonly #waiting: PeerEntry[] = [];
  readonly #waiters = new Map<PeerEntry, Set<Waiter<Link>>>();
  readonly #underWay = new Set<PeerEntry>();
  #over = false;
  #limit = MAX_DIALS;
  #check: Disposable | undefined;
  #started = 0;
  #failed = 0;

  constructor(options: DialQueueOptions) {
    this.#options = options;
  }

  get counts(): { readonly started: number; readonly failed: number } {
    return { started: this.#started, failed: this.#failed };
  }

  /** Is our own loop so late that a dial without an answer proves nothing? */
  get isBusy(): boolean {
    return this.#limit < MAX_DIALS;
  }

  add(entry: PeerEntry): void {
    if (this.#underWay.has(entry) || this.#waiting.includes(entry)) return;
    this.#take(entry);
    this.#waiting.push(entry);
    this.#pump();
  }

  /**
   * The link, dialled before all that only might be; a dial under way is joined.
   * @throws PEER_UNREACHABLE with `data.attempts`, CALL_CANCELLED.
   */
  async dial(entry: PeerEntry, wait: Wait): Promise<Link> {
    if (this.#over) throw unreachable("the node stops", entry);
    try {
      return await waitFor<Link>(this.#options.clock, wait, (waiter) => {
        const waiters = this.#waiters.get(entry) ?? new Set();
        this.#waiters.set(entry, waiters.add(waiter));
        if (!this.#underWay.has(entry)) {
          const at = this.#waiting.indexOf(entry);
          if (at >= 0) this.#waiting.splice(at, 1);
          this.#take(entry);
          this.#waiting.unshift(entry);
          this.#pump();
        }
        return () => {
          waiters.delete(waiter);
          if (waiters.size === 0 && this.#waiters.get(entry) === waiters) this.#waiters.delete(entry);
        };
      });
    } catch (error) {
      if (!isProtocolError(error) || error.code !== "CALL_TIMEOUT") throw error;
      throw unreachable("no answer in time", entry);
    }
  }

  /** The peer is linked, by whomever: nobody waits for a dial any longer. */
  linked(entry: PeerEntry, link: Link): void {
    for (const waiter of this.#takeWaiters(entry)) waiter.resolve(link);
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#check?.[Symbol.dispose]();
    for (const entry of this.#waiters.keys()) this.#refuse(entry, "the node stops");
  }

  #take(entry: PeerEntry): void {
    entry.timer?.[Symbol.dispose]();
    entry.dueMs = undefined;
    entry.state = "dialing";
  }

  #pump(): void {
    while (!this.#over && this.#underWay.size < MAX_DIALS) {
      const entry = this.#next();
      if (entry === undefined) return;
      this.#watchLag();
      this.#underWay.add(entry);
      this.#started += 1;
      void this.#dial(entry).finally(() => {
        this.#underWay.delete(entry);
        this.#pump();
      });
    }
  }

  /** The first whose turn it is; those that the dials under way may make needless stay. */
  #next(): PeerEntry | undefined {
    for (const entry of this.#waiting.slice()) {
      const isAsked = this.#waiters.has(entry);
      if (entry.state === "dialing" && !isAsked && this.#underWay.size >= this.#limit) continue;
      const isNeeded = isAsked || this.#options.wanted(entry, this.#underWay.size);
      if (entry.state === "dialing" && !isNeeded && this.#options.wanted(entry, 0)) continue;
      this.#waiting.splice(this.#waiting.indexOf(entry), 1);
      if (entry.state !== "dialing") {
        // Linked, parked or forgotten meanwhile.
        this.#refuse(entry, "we stay away from this peer");
      } else if (isNeeded) return entry;
      else entry.state = "known";
    }
    return undefined;
  }

  /** Fewer dials at once while our own loop is late, until it is not. */
  #watchLag(): void {
    if (this.#check !== undefined) return;
    const { clock } = this.#options;
    const dueMs = clock.monotonicMs() + LAG_CHECK_MS;
    this.#check = clock.timer(LAG_CHECK_MS, () => {
      this.#check = undefined;
      const lateMs = clock.monotonicMs() - dueMs;
      this.#limit = lateMs > VERY_LATE_MS ? 1 : lateMs > LATE_MS ? 2 : Math.min(MAX_DIALS, 2 * this.#limit);
      if (this.#underWay.size + this.#waiting.length === 0) return;
      this.#watchLag();
      this.#pump();
    });
  }

  async #dial(entry: PeerEntry): Promise<void> {
    const { transport, addresses, onLink, onFailure } = this.#options;
    const peerId = entry.anonymous ? undefined : entry.peerId;
    try {
      const link = await transport.dial({ peerId, addresses: addresses(entry) }, { timeoutMs: DIAL_MS });
      if (this.#over) return;
      onLink(entry, link);
      this.linked(entry, link);
    } catch (error) {
      this.#failed += 1;
      if (this.#over) return;
      onFailure(entry, error);
      for (const waiter of this.#takeWaiters(entry)) waiter.reject(error);
    }
  }

  #refuse(entry: PeerEntry, why: string): void {
    for (const waiter of this.#takeWaiters(entry)) waiter.reject(unreachable(why, entry));
  }

  #takeWaiters(entry: PeerEntry): readonly Waiter<Link>[] {
    const waiters = [...(this.#waiters.get(entry) ?? [])];
    this.#waiters.delete(entry);
    return waiters;
  }
}

function unreachable(why: string, entry: PeerEntry): ProtocolError {
  return new ProtocolError("PEER_UNREACHABLE", why, { data: { attempts: [...entry.attempts] } });
}

/** Who goes first when not everything can go at once: classes of messages, and a queue that starves none. */

import type { JsonValue } from "./json.ts";
import { limits } from "./limits.ts";

/** Most urgent first. */
export const priorities = ["critical", "high", "normal", "low"] as const;
export type Priority = (typeof priorities)[number];

/** Types that are not `normal`. Critical: the life of the connection, of a lease, of the system. */
const CLASSES: ReadonlyMap<string, Priority> = new Map<string, Priority>([
  ["hello", "critical"],
  ["hello_ack", "critical"],
  ["heartbeat", "critical"],
  ["error_response", "critical"],
  ["task_cancel", "critical"],
  ["task_ack", "critical"],
  ["task_heartbeat", "critical"],
  ["ext:security.alert", "critical"],
  ["trade_send", "high"],
  ["trade_query", "high"],
  ["trade_orders", "high"],
  ["task_cancel_ack", "high"],
  ["task_attach", "high"],
  ["task_award", "high"],
  ["task_bid", "high"],
  ["task_input", "high"],
  ["task_input_required", "high"],
  // An auction's messages have deadlines.
  ["order_commit", "high"],
  ["order_receipt", "high"],
  ["gate_close", "high"],
  ["order_reveal", "high"],
  ["clearing_result", "high"],
  ["clearing_ack", "high"],
  ["void_vote", "high"],
  ["vote_lock", "high"],
  ["vote_report", "high"],
  ["vote_proposal", "high"],
  ["clearing_final", "high"],
  ["fraud_proof", "high"],
  ["bootstrap_response", "low"],
  ["peer_introduction", "low"],
  ["capability_advertisement", "low"],
  ["task_offer", "low"],
  ["data_open", "low"],
  ["data_open_ack", "low"],
]);

/** Critical for what they are, whoever sends them; anything else critical is so only from allow-listed signers. */
const ALWAYS_CRITICAL: ReadonlySet<string> = new Set([
  "hello",
  "hello_ack",
  "heartbeat",
  "error_response",
  "task_cancel",
  "task_ack",
  "task_heartbeat",
]);

export interface PriorityFacts {
  /** Is the signer on this node's allow list? */
  readonly isAllowListed: boolean;
  /** The class the message claims for its work (`task_definition.priority`), or its extension registered. */
  readonly claimed?: JsonValue | undefined;
}

/** The class of a message; a stranger's critical is high. */
export function priorityOf(type: string, facts: PriorityFacts): Priority {
  const known = CLASSES.get(type) ?? "normal";
  const claimed = priorities.find((one) => one === facts.claimed) ?? known;
  if (claimed !== "critical" || ALWAYS_CRITICAL.has(type) || facts.isAllowListed) return claimed;
  return "high";
}

/** Bounds of a queue; default those of what waits for one peer. */
export interface PriorityBounds {
  readonly messages: number;
  readonly bytes: number;
  /** An entry rises by one class, up to high, each time it waited so long. */
  readonly riseMs: number;
}

/** What did not fit. */
export interface Overflow<Item> {
  /** No longer in the queue, or never let in; oldest first. To each caller OVERLOADED. */
  readonly dropped: readonly Item[];
  /** Full of critical entries: nothing can be dropped, so the connection is to be closed. */
  readonly isFull: boolean;
}

interface Entry<Item> {
  readonly item: Item;
  readonly bytes: number;
  readonly atMs: number;
}

interface Lane<Item> {
  /** In order of arrival; read from `head` on. */
  entries: Entry<Item>[];
  head: number;
}

/** Turns of high, normal and low while all three wait. */
const SHARES = { high: 8, normal: 4, low: 1 } as const;
type Shared = keyof typeof SHARES;
const SHARED: readonly Shared[] = ["high", "normal", "low"];
/** Turns of others after each critical one, while others wait: a critical one in five. */
const BETWEEN_CRITICAL = 4;

/**
 * Critical entries first, but one in five at most while others wait; high, normal and low 8 : 4 : 1; whoever waits
 * rises. Times are monotonic milliseconds that the caller hands in.
 */
export class PriorityQueue<Item> {
  readonly #bounds: PriorityBounds;
  readonly #lanes: Readonly<Record<Priority, Lane<Item>>> = {
    critical: emptyLane(),
    high: emptyLane(),
    normal: emptyLane(),
    low: emptyLane(),
  };
  #size = 0;
  #bytes = 0;
  #sinceCritical = BETWEEN_CRITICAL;
  /** Turns owed to each class: the one owed most goes, so that shares hold over any few turns. */
  readonly #owed: Record<Shared, number> = { high: 0, normal: 0, low: 0 };

  constructor(bounds: Partial<PriorityBounds> = {}) {
    this.#bounds = {
      messages: bounds.messages ?? limits.queuedMessages,
      bytes: bounds.bytes ?? limits.queuedBytes,
      riseMs: bounds.riseMs ?? limits.priorityRiseMs,
    };
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Entries of one class as they were queued. */
  sizeOf(priority: Priority): number {
    const lane = this.#lanes[priority];
    return lane.entries.length - lane.head;
  }

  /** Queues an item; makes room by dropping the oldest low, then normal ones, and for a critical one high ones. */
  push(
    item: Item,
    at: { readonly priority: Priority; readonly bytes: number; readonly nowMs: number },
  ): Overflow<Item> {
    const { priority, bytes, nowMs } = at;
    const dropped: Item[] = [];
    this.#append(priority, { item, bytes, atMs: nowMs });
    const victims: readonly Priority[] =
      priority === "critical" ? ["low", "normal", "high"] : ["low", "normal"];
    for (const victim of victims) {
      while (this.#isOver() && this.sizeOf(victim) > 0) dropped.push(this.#take(victim).item);
    }
    if (!this.#isOver()) return { dropped, isFull: false };
    // Only what may not be dropped is left: the newcomer stays out.
    dropped.push(this.#takeNewest(priority).item);
    return { dropped, isFull: priority === "critical" };
  }

  /** The next to go; undefined when nothing waits. */
  shift(nowMs: number): Item | undefined {
    const waiting = this.#waiting(nowMs);
    const others = SHARED.filter((name) => waiting[name] !== undefined);
    if (this.sizeOf("critical") > 0 && (others.length === 0 || this.#sinceCritical >= BETWEEN_CRITICAL)) {
      this.#sinceCritical = 0;
      return this.#take("critical").item;
    }
    const next = this.#turn(others);
    const lane = next === undefined ? undefined : waiting[next];
    if (lane === undefined) return undefined;
    this.#sinceCritical = Math.min(this.#sinceCritical + 1, BETWEEN_CRITICAL);
    return this.#take(lane).item;
  }

  /** Takes everything out, most urgent class first. */
  clear(): Item[] {
    const items: Item[] = [];
    for (const name of priorities) while (this.sizeOf(name) > 0) items.push(this.#take(name).item);
    return items;
  }

  /** For each class the lane whose oldest entry stands for it now: entries rise by waiting, the oldest goes first. */
  #waiting(nowMs: number): Partial<Record<Shared, Shared>> {
    const found: Partial<Record<Shared, Shared>> = {};
    SHARED.forEach((name, rank) => {
      const head = this.#headOf(name);
      if (head === undefined) return;
      const rises = Math.floor(Math.max(0, nowMs - head.atMs) / this.#bounds.riseMs);
      const now = SHARED[Math.max(0, rank - rises)] ?? "high";
      const rival = found[now];
      const rivalMs = rival === undefined ? Number.POSITIVE_INFINITY : (this.#headOf(rival)?.atMs ?? 0);
      if (head.atMs < rivalMs) found[now] = name;
    });
    return found;
  }

  #turn(others: readonly Shared[]): Shared | undefined {
    let total = 0;
    let chosen: Shared | undefined;
    for (const name of SHARED) {
      // A class that does not wait is owed nothing later.
      if (!others.includes(name)) this.#owed[name] = 0;
    }
    for (const name of others) {
      this.#owed[name] += SHARES[name];
      total += SHARES[name];
      if (chosen === undefined || this.#owed[name] > this.#owed[chosen]) chosen = name;
    }
    if (chosen !== undefined) this.#owed[chosen] -= total;
    return chosen;
  }

  #isOver(): boolean {
    return this.#size > this.#bounds.messages || this.#bytes > this.#bounds.bytes;
  }

  #headOf(priority: Priority): Entry<Item> | undefined {
    const lane = this.#lanes[priority];
    return lane.entries[lane.head];
  }

  #append(priority: Priority, entry: Entry<Item>): void {
    this.#lanes[priority].entries.push(entry);
    this.#size += 1;
    this.#bytes += entry.bytes;
  }

  #take(priority: Priority): Entry<Item> {
    const lane = this.#lanes[priority];
    const entry = lane.entries[lane.head];
    if (entry === undefined) throw new TypeError(`nothing waits in ${priority}`);
    lane.head += 1;
    // Compacts when half is past, so that each entry moves about once.
    if (lane.head > 32 && lane.head * 2 > lane.entries.length) {
      lane.entries = lane.entries.slice(lane.head);
      lane.head = 0;
    }
    return this.#left(entry);
  }

  #takeNewest(priority: Priority): Entry<Item> {
    const entry = this.#lanes[priority].entries.pop();
    if (entry === undefined) throw new TypeError(`nothing waits in ${priority}`);
    return this.#left(entry);
  }

  #left(entry: Entry<Item>): Entry<Item> {
    this.#size -= 1;
    this.#bytes -= entry.bytes;
    return entry;
  }
}

function emptyLane<Item>(): Lane<Item> {
  return { entries: [], head: 0 };
}

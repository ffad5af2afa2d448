import type { Connection } from "@libp2p/interface";
import type { Clock } from "../../clock.ts";
import type { Link } from "../transport.ts";
import { linkOf } from "./streams.ts";

interface Entry {
  /** With the monotonic time at which each opened, in that order. */
  readonly connections: Map<Connection, number>;
  /** Of several the one that carries what is new. */
  preferred: Connection | undefined;
  readonly openedAtMs: number;
  readonly openedAtMonotonicMs: number;
  lastByteMs: number;
}

export interface Twin {
  readonly connection: Connection;
  readonly ageMs: number;
}

/** Within this, a second connection comes of two that dialled each other, not of one that came back. */
const YOUNG_MS = 5_000;
/** Further apart, the later one is of a peer that came back, and the earlier may be dead. */
const TWIN_MS = 15_000;
/** An outbound connection that stands so long was let in over there. */
const ACCEPTED_MS = 1_000;

/** The connections of every peer as one link each: the one preferred, else the oldest direct one, else the oldest. */
export class LinkTable {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True when this is the peer's first connection. */
  add(connection: Connection): boolean {
    const peerId = connection.remotePeer.toString();
    const known = this.#entries.get(peerId);
    const openedAtMonotonicMs = this.#clock.monotonicMs();
    if (known !== undefined) {
      known.connections.set(connection, openedAtMonotonicMs);
      return false;
    }
    const nowMs = this.#clock.nowMs();
    this.#entries.set(peerId, {
      connections: new Map([[connection, openedAtMonotonicMs]]),
      preferred: undefined,
      openedAtMs: nowMs,
      openedAtMonotonicMs,
      lastByteMs: nowMs,
    });
    return true;
  }

  /** True when this was the peer's last connection. */
  remove(connection: Connection): boolean {
    const peerId = connection.remotePeer.toString();
    const entry = this.#entries.get(peerId);
    if (entry?.connections.delete(connection) !== true || entry.connections.size > 0) return false;
    this.#entries.delete(peerId);
    return true;
  }

  touch(peerId: string): void {
    const entry = this.#entries.get(peerId);
    if (entry !== undefined) entry.lastByteMs = this.#clock.nowMs();
  }

  /** The connection that carries new streams: the one preferred, else the oldest, of direct ones where there are any. */
  connectionTo(peerId: string): Connection | undefined {
    const open = this.#open(peerId);
    const preferred = this.#entries.get(peerId)?.preferred;
    if (preferred !== undefined && open.includes(preferred)) return preferred;
    return open.find(isDirect) ?? open[0];
  }

  /** New streams go over this one as long as it stands. */
  prefer(connection: Connection): void {
    const entry = this.#entries.get(connection.remotePeer.toString());
    if (entry?.connections.has(connection) === true) entry.preferred = connection;
  }

  /** Direct connections to this peer that opened with its newest one, oldest first: more than one where two dialled each other. */
  twins(peerId: string): readonly Twin[] {
    const nowMs = this.#clock.monotonicMs();
    const direct = this.#open(peerId).filter(isDirect);
    const opened = this.#entries.get(peerId)?.connections;
    const twins = direct.map((connection) => ({
      connection,
      ageMs: nowMs - (opened?.get(connection) ?? nowMs),
    }));
    const youngestMs = twins.at(-1)?.ageMs ?? 0;
    return twins.filter(({ ageMs }) => ageMs - youngestMs <= TWIN_MS);
  }

  connections(peerId?: string): readonly Connection[] {
    const entries = peerId === undefined ? [...this.#entries.values()] : [this.#entries.get(peerId)];
    return entries.flatMap((entry) => [...(entry?.connections.keys() ?? [])]);
  }

  link(peerId: string): Link | undefined {
    const entry = this.#entries.get(peerId);
    const connection = this.connectionTo(peerId);
    if (entry === undefined || connection === undefined) return undefined;
    return linkOf(connection, { openedAtMs: entry.openedAtMs, lastByteMs: entry.lastByteMs });
  }

  all(): readonly Link[] {
    return [...this.#entries.keys()].flatMap((peerId) => this.link(peerId) ?? []);
  }

  /**
   * Has a direct connection to this peer only just opened, one that both sides keep? Of two that dialled each other the
   * lower PeerId's dial wins; an outbound one may yet be turned down over there.
   */
  isYoung(peerId: string, self: string): boolean {
    const entry = this.#entries.get(peerId);
    if (entry === undefined || this.#clock.monotonicMs() - entry.openedAtMonotonicMs >= YOUNG_MS)
      return false;
    const nowMs = this.#clock.nowMs();
    return this.#open(peerId).some((connection) => {
      const { direction, timeline } = connection;
      const stands = direction === "inbound" || self < peerId || nowMs - timeline.open > ACCEPTED_MS;
      return stands && isDirect(connection);
    });
  }

  has(peerId: string): boolean {
    return this.#entries.has(peerId);
  }

  get size(): number {
    return this.#entries.size;
  }

  #open(peerId: string): readonly Connection[] {
    const entry = this.#entries.get(peerId);
    return [...(entry?.connections.keys() ?? [])].filter(({ status }) => status === "open");
  }
}

function isDirect({ direct, limits }: Connection): boolean {
  return direct && limits === undefined;
}

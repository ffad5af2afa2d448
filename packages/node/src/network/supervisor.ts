/** Finds peers and keeps links: every dial of this node begins here. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import { DIAL_MS, DialQueue } from "./dial-queue.ts";
import { type Explorer, explorer } from "./explorer.ts";
import { type Isolation, isolation } from "./isolation.ts";
import { watchLiveness } from "./liveness.ts";
import { classOf, type PeerEntry, peerIdIn, PeerTable } from "./peer-table.ts";
import { attemptsOf, view } from "./peer-view.ts";
import { courtesyMs, redialMs, sightedMs } from "./redial.ts";
import type { PeerView, Supervisor, SupervisorOptions, SupervisorState } from "./supervisor-types.ts";
import { TimerSet } from "./timer-set.ts";
import type { Link, NetworkEvent, PeerHint, Transport } from "./transport.ts";
import { watchWake } from "./wake.ts";

/** How long a peer that moved is looked for. */
const FIND_MS = 2_000;
const MIN_LINKS = 4;
const TARGET_LINKS = 12;
const SAVE_MS = 60_000;
/** A link that stands this long was a good one. */
const HELD_MS = 10_000;

export function createSupervisor(options: SupervisorOptions): Supervisor {
  return new LinkSupervisor(options);
}

class LinkSupervisor implements Supervisor {
  readonly #options: SupervisorOptions;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #table: PeerTable;
  readonly #explorer: Explorer;
  readonly #isolation: Isolation;
  readonly #dials: DialQueue;
  readonly #undo = new DisposableStack();
  #running = false;
  #seeking = true;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#transport = options.transport;
    this.#clock = options.clock;
    this.#table = new PeerTable(options.knownPeers);
    this.#explorer = explorer({
      transport: options.transport,
      clock: options.clock,
      wanted: () => this.#running && this.#wantsMore(),
    });
    this.#dials = new DialQueue({
      transport: options.transport,
      wanted: (entry) => classOf(entry) !== "neighbour" || this.#wantsMore(),
      onLink: (entry, link) => this.#onDialled(entry, link),
      onFailure: (entry, error) => this.#onDialFailed(entry, error),
    });
    this.#isolation = isolation({
      clock: options.clock,
      candidates: (count) => options.knownPeers.best(count, (peerId) => this.#isBusy(peerId)),
      tryPeer: (hint) => {
        const entry = this.#table.note(hint, "manual");
        if (entry !== undefined) this.#begin(entry);
      },
    });
  }

  async start(): Promise<void> {
    const { bootstrap, staticPeers = [], knownPeers, log } = this.#options;
    await knownPeers.load();
    this.#running = true;
    this.#undo.use(this.#transport.on("link", (event) => this.#onLink(event)));
    this.#undo.use(this.#transport.on("unlink", (event) => this.#onUnlink(event)));
    this.#undo.use(this.#transport.on("sighted", (event) => this.#onSighted(event)));
    this.#undo.use(this.#transport.on("addresses", () => this.#endWaits()));
    this.#undo.use(watchLiveness({ transport: this.#transport, clock: this.#clock, log }));
    this.#undo.use(this.#dials);
    this.#undo.use(this.#explorer);
    this.#undo.use(this.#isolation);
    const timers = this.#undo.use(new TimerSet(this.#clock));
    timers.every(SAVE_MS, () => {
      knownPeers.save().catch((error: unknown) => log.warn("book", String(error)));
    });
    watchWake(this.#clock, timers, () => this.#endWaits());
    this.#isolation.begin();
    for (const link of this.#transport.links()) this.#onLink({ peerId: link.peerId });
    for (const address of bootstrap) this.#begin(this.#table.anchor(address, "bootstrap"));
    for (const address of staticPeers) this.#begin(this.#table.anchor(address, "static"));
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#undo.dispose();
    for (const entry of this.#table.entries) {
      entry.timer?.[Symbol.dispose]();
      if (entry.state === "linked") this.#countUptime(entry);
    }
    await this.#options.knownPeers.save();
  }

  peers(): readonly PeerView[] {
    const links = new Map(this.#transport.links().map((link) => [link.peerId, link]));
    return [...this.#table.entries].map((entry) => view(entry, links.get(entry.peerId ?? "")));
  }

  async connect(target: string, wait: Wait = { timeoutMs: DIAL_MS }): Promise<Link> {
    const isAddress = target.startsWith("/");
    const peerId = isAddress ? peerIdIn(target) : target;
    const entry = peerId === undefined ? undefined : this.#table.get(peerId);
    if (entry !== undefined) this.#unpark(entry);
    if (peerId !== undefined && !isAddress) return await this.reach(peerId, wait);
    return await this.#dialNow({ peerId, addresses: [target, ...(entry?.addresses ?? [])] }, wait);
  }

  async reach(peerId: string, wait: Wait = { timeoutMs: DIAL_MS }): Promise<Link> {
    const known = this.#transport.links().find((link) => link.peerId === peerId);
    if (known !== undefined) return known;
    const entry = this.#table.get(peerId);
    if (entry?.state === "parked") throw new ProtocolError("PEER_UNREACHABLE", "we stay away from this peer");
    const addresses = entry?.addresses ?? [];
    if (addresses.length > 0) {
      try {
        return await this.#dialNow({ peerId, addresses }, wait);
      } catch (error) {
        // It may have moved: the DHT could know where to.
        const moved = await this.#transport
          .findPeer(peerId, { ...wait, timeoutMs: FIND_MS })
          .catch(() => undefined);
        const fresh = moved?.addresses.filter((address) => !addresses.includes(address)) ?? [];
        if (fresh.length === 0) throw error;
        return await this.#dialNow({ peerId, addresses: fresh }, wait);
      }
    }
    return await this.#dialNow(await this.#transport.findPeer(peerId, wait), wait);
  }

  async disconnect(peerId: string): Promise<void> {
    await this.park(peerId, Number.POSITIVE_INFINITY, "disconnected by the operator");
  }

  async park(peerId: string, forMs: number, reason: string): Promise<void> {
    const entry = this.#table.note({ peerId, addresses: [] }, "manual");
    if (entry !== undefined) {
      entry.timer?.[Symbol.dispose]();
      entry.state = "parked";
      entry.parkedUntilMs = this.#clock.monotonicMs() + forMs;
      if (Number.isFinite(forMs)) this.#wait(entry, forMs);
    }
    await this.#transport.hangUp(peerId, reason);
  }

  introduce(hint: PeerHint): void {
    if (hint.peerId === this.#transport.peerId || hint.addresses.length === 0) return;
    this.#meet(this.#table.note(hint, "introduction"));
  }

  partner(peerId: string, why: string): Disposable {
    const entry = this.#table.note({ peerId, addresses: [] }, "manual");
    const reason = Symbol(why);
    entry?.partners.add(reason);
    if (entry !== undefined && entry.state !== "linked" && entry.state !== "parked") this.#begin(entry);
    return { [Symbol.dispose]: () => entry?.partners.delete(reason) };
  }

  state(): SupervisorState {
    return {
      links: this.#transport.links().length,
      seeking: this.#seeking,
      isolatedSinceMs: this.#isolation.sinceMs,
      dials: this.#dials.counts,
      anchors: this.peers().filter(({ peerClass }) => peerClass === "anchor"),
    };
  }

  async #dialNow(
    to: { readonly peerId: string | undefined; readonly addresses: readonly string[] },
    wait: Wait,
  ): Promise<Link> {
    const link = await this.#transport.dial(to, wait);
    const entry = this.#table.note({ peerId: link.peerId, addresses: to.addresses }, "manual");
    if (entry !== undefined) {
      this.#unpark(entry);
      this.#linked(entry, link.inbound ? undefined : link.address);
    }
    return link;
  }

  #wantsMore(): boolean {
    const links = this.#transport.links().length;
    if (links >= (this.#options.targetLinks ?? TARGET_LINKS)) this.#seeking = false;
    if (links < (this.#options.minLinks ?? MIN_LINKS)) this.#seeking = true;
    return this.#seeking;
  }

  #onSighted(event: NetworkEvent): void {
    const { peerId, addresses = [] } = event;
    if (peerId === undefined || peerId === this.#transport.peerId) return;
    const isNew = this.#table.get(peerId) === undefined;
    this.#meet(this.#table.note({ peerId, addresses }, "dht"));
    if (isNew) this.#explorer.hurry();
  }

  /** A neighbour just heard of: the tie-break decides who dials. */
  #meet(entry: PeerEntry | undefined): void {
    if (entry?.peerId === undefined || entry.state !== "known" || !this.#wantsMore()) return;
    this.#wait(entry, sightedMs(this.#transport.peerId, entry.peerId, this.#options.random));
  }

  /** Dials now. */
  #begin(entry: PeerEntry): void {
    if (entry.state === "linked" || entry.state === "dialing" || entry.state === "parked") return;
    if (entry.peerId === this.#transport.peerId) return this.#table.remove(entry);
    const isLinked = this.#transport.links().some(({ peerId }) => peerId === entry.peerId);
    if (isLinked) this.#linked(entry, undefined);
    else this.#dials.add(entry);
  }

  #onDialled(entry: PeerEntry, link: Link): void {
    if (entry.state === "parked") {
      void this.#transport.hangUp(link.peerId, "parked");
      return;
    }
    this.#table.identify(entry, link.peerId);
    this.#linked(entry, link.inbound ? undefined : link.address);
  }

  #onDialFailed(entry: PeerEntry, error: unknown): void {
    const { log, knownPeers } = this.#options;
    entry.attempts = attemptsOf(error);
    const reason = entry.attempts[0]?.reason ?? String(error);
    log.debug("dial-failed", reason, { peer: entry.peerId, address: entry.addresses[0] });
    if (entry.peerId !== undefined) knownPeers.failed(entry.peerId);
    if (entry.state === "dialing") this.#retry(entry);
  }

  #retry(entry: PeerEntry): void {
    const ownAddress = entry.attempts.some(({ reason }) => reason === "the address is our own");
    const ms = redialMs(classOf(entry), entry.fails, this.#options.random);
    entry.fails += 1;
    // Left to the book; sighting it again starts anew.
    if (ownAddress || ms === undefined) return this.#table.remove(entry);
    this.#wait(entry, ms);
  }

  #wait(entry: PeerEntry, ms: number): void {
    if (!this.#running) return;
    entry.timer?.[Symbol.dispose]();
    if (entry.state !== "parked") entry.state = "waiting";
    entry.dueMs = this.#clock.nowMs() + ms;
    entry.timer = this.#clock.timer(ms, () => {
      this.#unpark(entry);
      if (classOf(entry) !== "neighbour" || this.#wantsMore()) return this.#begin(entry);
      if (entry.state === "waiting") entry.state = "known";
    });
  }

  #unpark(entry: PeerEntry): void {
    if (entry.state !== "parked") return;
    entry.state = "known";
    entry.parkedUntilMs = 0;
  }

  #onLink(event: NetworkEvent): void {
    const { peerId } = event;
    if (peerId === undefined) return;
    const link = this.#transport.links().find((other) => other.peerId === peerId);
    const entry = this.#table.note({ peerId, addresses: [] }, "inbound");
    if (entry === undefined) return;
    if (entry.state === "parked") {
      void this.#transport.hangUp(peerId, "parked");
      return;
    }
    this.#linked(entry, link === undefined || link.inbound ? undefined : link.address);
  }

  #linked(entry: PeerEntry, address: string | undefined): void {
    const { knownPeers } = this.#options;
    entry.timer?.[Symbol.dispose]();
    entry.dueMs = undefined;
    entry.attempts = [];
    if (entry.state !== "linked") entry.linkedSinceMs = this.#clock.monotonicMs();
    entry.state = "linked";
    if (entry.peerId !== undefined && address !== undefined) knownPeers.reached(entry.peerId, address);
    this.#isolation.end();
    this.#explorer.hurry();
  }

  #onUnlink(event: NetworkEvent): void {
    const entry = event.peerId === undefined ? undefined : this.#table.get(event.peerId);
    this.#options.log.debug("unlink", event.reason ?? "closed", { peer: event.peerId });
    if (entry !== undefined && entry.state === "linked") {
      // A link that was cut at once counts as a failed dial: else two that disagree would dial for ever.
      entry.fails = this.#countUptime(entry) < HELD_MS ? entry.fails + 1 : 0;
      const theirId = entry.peerId;
      this.#table.anonymise(entry);
      const ms = redialMs(classOf(entry), entry.fails, this.#options.random);
      const courtesy = courtesyMs(this.#transport.peerId, entry.isAnchor ? undefined : theirId);
      if (ms === undefined) this.#table.remove(entry);
      else this.#wait(entry, ms + courtesy);
    }
    if (this.#wantsMore()) {
      for (const known of this.#table.entries) this.#meet(known);
      this.#explorer.hurry();
    }
    if (this.#transport.links().length > 0) return;
    this.#isolation.begin();
    this.#endWaits();
  }

  /** Writes the link's time into the book and returns it. */
  #countUptime(entry: PeerEntry): number {
    const nowMs = this.#clock.monotonicMs();
    const heldMs = nowMs - (entry.linkedSinceMs ?? nowMs);
    entry.linkedSinceMs = undefined;
    if (entry.peerId !== undefined) this.#options.knownPeers.linkedFor(entry.peerId, heldMs);
    return heldMs;
  }

  /** The world changed: nobody is waited for any longer. */
  #endWaits(): void {
    for (const entry of this.#table.entries) {
      if (entry.state !== "waiting") continue;
      const courtesy = entry.isAnchor ? 0 : courtesyMs(this.#transport.peerId, entry.peerId);
      this.#wait(entry, this.#options.random.below(251) + courtesy);
    }
  }

  #isBusy(peerId: string): boolean {
    const state = this.#table.get(peerId)?.state;
    return peerId === this.#transport.peerId || (state !== undefined && state !== "known");
  }
}

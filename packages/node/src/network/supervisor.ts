/** Finds peers and keeps links: every dial of this node begins here. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import { isLearnable, peerIdIn } from "./addresses.ts";
import { DIAL_MS, DialQueue } from "./dial-queue.ts";
import { type Explorer, explorer } from "./explorer.ts";
import { type Growth, growth } from "./growth.ts";
import { type Isolation, isolation } from "./isolation.ts";
import { type Liveness, watchLiveness } from "./liveness.ts";
import { PeerLife } from "./peer-life.ts";
import { classOf, type PeerEntry, PeerTable } from "./peer-table.ts";
import { view } from "./peer-view.ts";
import { anchorPlaces } from "./profiles.ts";
import { toPrune } from "./pruner.ts";
import type { PeerView, Supervisor, SupervisorOptions, SupervisorState } from "./supervisor-types.ts";
import { TimerSet } from "./timer-set.ts";
import type { Link, NetworkEvent, PeerHint, Transport } from "./transport.ts";
import { systemInterfaces, watchChanges } from "./wake.ts";

/** How long a peer that moved is looked for. */
const FIND_MS = 2_000;
const MIN_LINKS = 4;
const TARGET_LINKS = 12;
const MAX_LINKS = 128;
const SAVE_MS = 60_000;
const SEEK_MS = 10_000;

export function createSupervisor(options: SupervisorOptions): Supervisor {
  return new LinkSupervisor(options);
}

class LinkSupervisor implements Supervisor {
  readonly #options: SupervisorOptions;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #table: PeerTable;
  readonly #explorer: Explorer;
  readonly #growth: Growth;
  readonly #isolation: Isolation;
  readonly #dials: DialQueue;
  readonly #life: PeerLife;
  readonly #undo = new DisposableStack();
  #running = false;
  #seeking = true;

  constructor(options: SupervisorOptions) {
    const { transport, clock, random, knownPeers } = options;
    this.#options = options;
    this.#transport = transport;
    this.#clock = clock;
    this.#table = new PeerTable(knownPeers);
    const wantsMore = () => this.#running && this.#wantsMore(0);
    const wanted = () => this.#running && this.#wouldGrow() && !this.#hasCandidates();
    this.#explorer = explorer({ transport, clock, wanted });
    this.#growth = growth({
      clock,
      random,
      ownId: transport.peerId,
      wanted: () => this.#running && this.#wouldGrow(),
      candidates: () => [...this.#table.entries].filter(isCandidate),
      dial: (entry) =>
        this.#dials.dial(entry, { timeoutMs: DIAL_MS }).then(
          () => undefined,
          () => undefined,
        ),
    });
    this.#dials = new DialQueue({
      transport,
      clock,
      wanted: (entry, underWay) => classOf(entry) !== "neighbour" || this.#wantsMore(underWay),
      addresses: (entry) => this.#table.inOrder(entry),
      onLink: (entry, link) => this.#life.dialled(entry, link),
      onFailure: (entry, error) => this.#life.dialFailed(entry, error),
    });
    const onLinked = () => this.#onLinked();
    const life = { ...options, table: this.#table, book: knownPeers, wantsMore, onLinked };
    this.#life = new PeerLife(life, this.#dials);
    this.#isolation = isolation({
      clock,
      hasAnchors: () => [...this.#table.entries].some(({ isAnchor }) => isAnchor),
      candidates: (count) => knownPeers.best(count, (peerId) => this.#isBusy(peerId)),
      tryPeer: (hint) => {
        const entry = this.#table.note(hint, "manual");
        if (entry !== undefined) this.#life.hurry(entry);
      },
      lookAround: () => transport.lookAround?.(),
    });
  }

  async start(): Promise<void> {
    const { bootstrap, staticPeers = [], knownPeers, log } = this.#options;
    const { interfaces = systemInterfaces } = this.#options;
    await knownPeers.load();
    this.#running = true;
    const liveness = watchLiveness({ transport: this.#transport, clock: this.#clock, log });
    this.#undo.use(this.#transport.on("link", (event) => this.#onLink(event)));
    this.#undo.use(this.#transport.on("unlink", (event) => this.#onUnlink(event)));
    this.#undo.use(this.#transport.on("sighted", (event) => this.#onSighted(event)));
    this.#undo.use(this.#transport.on("addresses", () => this.#life.endWaits()));
    this.#undo.use(liveness);
    this.#undo.use(this.#dials);
    this.#undo.use(this.#explorer);
    this.#undo.use(this.#growth);
    this.#undo.use(this.#isolation);
    const timers = this.#undo.use(new TimerSet(this.#clock));
    timers.every(SAVE_MS, () => {
      this.#life.noteUptimes();
      knownPeers.save().catch((error: unknown) => log.warn("book", String(error)));
    });
    timers.every(SEEK_MS, () => this.#meetKnown());
    watchChanges({ clock: this.#clock, interfaces }, timers, {
      hurried: () => this.#transport.links().length === 0,
      onWake: (sleptMs) => this.#onChange(liveness, sleptMs),
      onInterfaces: () => this.#onChange(liveness, 0),
    });
    for (const link of this.#transport.links()) this.#onLink({ peerId: link.peerId });
    for (const address of bootstrap) this.#life.begin(this.#table.anchor(address, "bootstrap"));
    for (const address of staticPeers) this.#life.begin(this.#table.anchor(address, "static"));
    if (this.#transport.links().length === 0) this.#isolation.begin();
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#undo.dispose();
    this.#life.stop();
    await this.#options.knownPeers.save();
  }

  peers(): readonly PeerView[] {
    const nowMs = this.#clock.nowMs();
    const links = new Map(this.#transport.links().map((link) => [link.peerId, link]));
    return [...this.#table.entries].map((entry) => view(entry, links.get(entry.peerId ?? ""), nowMs));
  }

  async connect(target: string, wait: Wait = { timeoutMs: DIAL_MS }): Promise<Link> {
    const isAddress = target.startsWith("/");
    const peerId = isAddress ? peerIdIn(target) : target;
    const entry = peerId === undefined ? undefined : this.#table.get(peerId);
    if (entry !== undefined) this.#life.unpark(entry);
    if (peerId !== undefined && !isAddress) return await this.reach(peerId, wait);
    const known = peerId === undefined ? undefined : this.#linkTo(peerId);
    if (known !== undefined) return known;
    if (entry !== undefined) this.#table.addAddresses(entry, [target]);
    return await this.#dials.dial(entry ?? this.#table.visitor(target), wait);
  }

  async reach(peerId: string, wait: Wait = { timeoutMs: DIAL_MS }): Promise<Link> {
    const known = this.#linkTo(peerId);
    if (known !== undefined) return known;
    const entry = this.#table.get(peerId);
    if (entry?.state === "parked") throw new ProtocolError("PEER_UNREACHABLE", "we stay away from this peer");
    if (entry === undefined || entry.addresses.length === 0) {
      return await this.#dialHint(await this.#transport.findPeer(peerId, wait), wait);
    }
    try {
      return await this.#dials.dial(entry, wait);
    } catch (error) {
      // It may have moved: the DHT could know where to.
      const moved = await this.#transport
        .findPeer(peerId, { ...wait, timeoutMs: FIND_MS })
        .catch(() => undefined);
      const fresh = moved?.addresses.filter((address) => !entry.addresses.includes(address)) ?? [];
      if (fresh.length === 0) throw error;
      return await this.#dialHint({ peerId, addresses: fresh }, wait);
    }
  }

  async disconnect(peerId: string): Promise<void> {
    await this.park(peerId, Number.POSITIVE_INFINITY, "disconnected by the operator");
  }

  async park(peerId: string, forMs: number, reason: string): Promise<void> {
    const entry = this.#table.note({ peerId, addresses: [] }, "manual");
    if (entry !== undefined) this.#life.park(entry, forMs);
    await this.#transport.hangUp(peerId, reason);
  }

  introduce(hint: PeerHint): void {
    if (hint.peerId === this.#transport.peerId) return;
    const addresses = this.#learnable(hint.addresses);
    if (addresses.length === 0) return;
    this.#life.meet(this.#table.note({ peerId: hint.peerId, addresses }, "introduction"));
    this.#growth.hurry();
  }

  notice({ peerId, addresses }: PeerHint): void {
    const known = this.#learnable(addresses);
    if (peerId !== this.#transport.peerId && known.length > 0)
      this.#table.note({ peerId, addresses: known }, "dht");
  }

  partner(peerId: string, why: string): Disposable {
    const entry = this.#table.note({ peerId, addresses: [] }, "manual");
    const reason = Symbol(why);
    entry?.partners.add(reason);
    if (this.#running && entry?.state === "known" && entry.addresses.length > 0) this.#life.hurry(entry);
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

  #linkTo(peerId: string): Link | undefined {
    return this.#transport.links().find((link) => link.peerId === peerId);
  }

  async #dialHint(hint: PeerHint, wait: Wait): Promise<Link> {
    const entry = this.#table.note(hint, "dht");
    if (entry === undefined) throw new ProtocolError("PEER_UNREACHABLE", "too many peers are known");
    return this.#linkTo(hint.peerId) ?? (await this.#dials.dial(entry, wait));
  }

  /** What strangers told of a peer, without what a public network does not dial. */
  #learnable(addresses: readonly string[]): readonly string[] {
    return this.#options.learnsPrivate === false ? addresses.filter(isLearnable) : addresses;
  }

  /** Too few links: whoever is known is dialled now. @param underWay - dials that may become links yet */
  #wantsMore(underWay: number): boolean {
    const { minLinks = MIN_LINKS } = this.#options;
    return this.#wouldGrow() && this.#transport.links().length + underWay < minLinks;
  }

  /** From too few links until there are as many as one would like to have. */
  #wouldGrow(): boolean {
    const { minLinks = MIN_LINKS, targetLinks = TARGET_LINKS, maxLinks = MAX_LINKS } = this.#options;
    const links = this.#transport.links().length;
    // Whoever dials for more than it may keep parts from them at once, and dials again.
    const target = Math.min(targetLinks, maxLinks - anchorPlaces(maxLinks));
    if (links >= target) this.#seeking = false;
    if (links < Math.min(minLinks, target)) this.#seeking = true;
    return this.#seeking;
  }

  /** Is anybody left to dial, or about to be? */
  #hasCandidates(): boolean {
    return [...this.#table.entries].some(
      (entry) => isCandidate(entry) || (classOf(entry) === "neighbour" && isUnderWay(entry)),
    );
  }

  #onSighted(event: NetworkEvent): void {
    const { peerId, addresses = [], by } = event;
    if (peerId === undefined || peerId === this.#transport.peerId) return;
    const isNew = this.#table.get(peerId) === undefined;
    // Whom this network's own multicast names is near; the rest is hearsay.
    const hint = { peerId, addresses: by === "mdns" ? addresses : this.#learnable(addresses) };
    if (hint.addresses.length === 0) return;
    this.#life.meet(this.#table.note(hint, by ?? "dht"));
    if (isNew) this.#explorer.hurry();
    this.#growth.hurry();
  }

  #onLink(event: NetworkEvent): void {
    const link = event.peerId === undefined ? undefined : this.#linkTo(event.peerId);
    if (link === undefined) return;
    const entry = this.#table.note({ peerId: link.peerId, addresses: [] }, "inbound");
    if (entry === undefined) return;
    if (entry.state !== "parked") return this.#life.linked(entry, link);
    void this.#transport.hangUp(link.peerId, "parked");
  }

  #onLinked(): void {
    this.#isolation.end();
    this.#explorer.hurry();
    this.#growth.hurry();
    const { maxLinks = MAX_LINKS } = this.#options;
    const surplus = toPrune({
      links: this.#transport.links(),
      maxLinks,
      entryOf: (peerId) => this.#table.get(peerId),
      nowMs: this.#clock.nowMs(),
    });
    for (const { peerId } of surplus) void this.#transport.hangUp(peerId, "pruned");
  }

  #onUnlink(event: NetworkEvent): void {
    const hopeful = this.#life.lost(event);
    if (this.#running && this.#wouldGrow()) {
      this.#meetKnown();
      this.#explorer.hurry();
    }
    if (this.#transport.links().length > 0) return;
    this.#isolation.begin();
    // A banned node would else dial its only peer several times a second.
    if (hopeful) this.#life.endWaits();
  }

  /** Whoever was heard of while no link was wanted has another chance. */
  #meetKnown(): void {
    this.#growth.hurry();
    if (!this.#wantsMore(0)) return;
    for (const known of this.#table.entries) this.#life.meet(known);
  }

  /** The machine slept, or came to another network: nothing known of links holds any longer. */
  #onChange(liveness: Liveness, sleptMs: number): void {
    this.#life.endWaits();
    liveness.hurry(sleptMs);
  }

  #isBusy(peerId: string): boolean {
    const state = this.#table.get(peerId)?.state;
    return peerId === this.#transport.peerId || (state !== undefined && state !== "known");
  }
}

function isCandidate(entry: PeerEntry): boolean {
  return entry.state === "known" && classOf(entry) === "neighbour" && entry.addresses.length > 0;
}

function isUnderWay({ state }: PeerEntry): boolean {
  return state === "waiting" || state === "dialing";
}

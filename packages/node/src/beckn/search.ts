/** Finding offers: a need goes out on gossip, sellers answer by stream, the answers are gathered for a while. */

import {
  type BecknCatalog,
  type BecknContent,
  type BecknProfile,
  encodeBecknFrame,
  decodeRequestHeader,
  type BecknIntent,
  isProtocolError,
  ProtocolError,
} from "@gridmesh/protocol";
import type { Wait } from "../clock.ts";
import type { AgentRow } from "../registry/types.ts";
import { becknDigestOf } from "../gate/engine.ts";
import type { Asked } from "./asked.ts";
import type { Audit } from "./audit.ts";
import { publishedTo, UNSPOKEN_LINE } from "./cause.ts";
import { type Carrier, type Letter, signatureOf, signedHeader } from "./carrier.ts";
import { type BecknReceived, checkRequestDigest, profilesOf } from "./inbound.ts";
import { knownSellers, peersOf } from "./known-sellers.ts";
import { checkMandate } from "./mandate.ts";
import { bodyOf, newId, requestContext } from "./messages.ts";
import {
  type BecknPorts,
  FEW_MESH_PEERS,
  type LocalAgent,
  MAX_OFFERS_PER_SEARCH,
  QUIET_MS,
  REPEAT_SEARCH_MS,
} from "./ports.ts";
import type { Offer, SearchIntent } from "./types.ts";

interface SearchCounters {
  searchesPublished: number;
  searchesHeard: number;
  offersSent: number;
  offersReceived: number;
}

export interface SearchParts {
  readonly ports: BecknPorts;
  readonly carrier: Carrier;
  readonly audit: Audit;
  readonly topic: string;
  readonly asked: Pick<Asked, "note">;
  readonly counters: SearchCounters;
  /** Sellers of this node hear it as they would from gossip, which never brings back what we say. */
  readonly hearOwn: (frame: { readonly header: Uint8Array; readonly body: Uint8Array }) => void;
  /** Work nobody waits for; its failures are written down. */
  readonly background: (work: Promise<unknown>) => void;
  /** Aborted when the room closes. */
  readonly signal: AbortSignal;
}

/** What is looked for, and in which revision first; absent: the node's preferred one. */
export interface SearchWish {
  readonly intent: SearchIntent;
  readonly profile?: BecknProfile | undefined;
}

/** One need, from its publication to the end of its window. */
export class Search {
  readonly transactionId: string;
  readonly buyer: LocalAgent;
  readonly publishedAtMs: number;
  /** By the message_id of each publication, its body's digest. */
  readonly #published = new Map<string, string>();
  /** Revisions to ask in, one after the other. */
  readonly #profiles: readonly BecknProfile[];
  readonly #parts: SearchParts;
  readonly #intent: SearchIntent;
  readonly #queue: Offer[] = [];
  readonly #sellers = new Set<string>();
  #wake: () => void = () => undefined;
  #closed = false;
  #closedAtMs = 0;
  readonly #timers = new DisposableStack();
  #quiet: Disposable | undefined;

  constructor(parts: SearchParts, buyer: LocalAgent, wish: SearchWish) {
    const { intent, profile } = wish;
    const spoken = profilesOf(parts.ports);
    this.#parts = parts;
    this.#intent = intent;
    this.#profiles = profile === undefined ? spoken : [profile, ...spoken.filter((one) => one !== profile)];
    this.buyer = buyer;
    this.transactionId = newId(parts.ports);
    this.publishedAtMs = parts.ports.clock.monotonicMs();
  }

  /** Yields offers as they come; ends 500 ms after the newest, at `windowMs`, at 64, or when the signal aborts. */
  async *offers(options: Wait & { readonly windowMs: number }): AsyncGenerator<Offer> {
    const { clock } = this.#parts.ports;
    const close = () => this.close();
    const windowMs = Math.min(options.windowMs, options.timeoutMs ?? options.windowMs);
    this.#timers.use(clock.timer(windowMs, close));
    this.#timers.use(clock.timer(REPEAT_SEARCH_MS, () => this.#repeat()));
    options.signal?.addEventListener("abort", close, { once: true });
    try {
      this.#publish();
      for (;;) {
        const offer = this.#queue.shift();
        if (offer) yield offer;
        else if (this.#closed || options.signal?.aborted) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      options.signal?.removeEventListener("abort", close);
      this.close();
    }
  }

  /** Wall ms of its end; 0 before. */
  get closedAtMs(): number {
    return this.#closedAtMs;
  }

  /** Whether this was published for it. */
  asked(messageId: string): boolean {
    return this.#published.has(messageId);
  }

  /** A seller's answer; its first one counts, further ones are dropped. */
  take(received: BecknReceived, catalog: BecknCatalog): void {
    const { clock } = this.#parts.ports;
    const { context, sender, signerId, wire, digest } = received;
    checkRequestDigest(context, this.#published.get(context.messageId) ?? "");
    if (this.#closed || this.#sellers.has(signerId) || this.#sellers.size >= MAX_OFFERS_PER_SEARCH) return;
    if (catalog.seller !== context.bppId || signerId === this.buyer.agentId) {
      throw new ProtocolError("IDENTITY_MISMATCH", "the catalog is of another seller");
    }
    this.#sellers.add(signerId);
    const latencyMs = Math.round(clock.monotonicMs() - this.publishedAtMs);
    for (const offer of catalog.offers) {
      // Orders are of one slot here.
      if (offer.further) continue;
      this.#parts.counters.offersReceived++;
      this.#queue.push({
        transactionId: this.transactionId,
        offerId: offer.offerId,
        offerEpoch: offer.offerEpoch,
        seller: signerId,
        sellerPeerId: sender.peerId,
        profile: wire.profile,
        sellerName: sender.agent,
        sellerUri: context.bppUri ?? "",
        slot: offer.slot,
        availableMilliWh: offer.availableMilliWh,
        priceMicroPerKWh: offer.priceMicroPerKWh,
        currency: offer.currency,
        untilMs: offer.untilMs,
        digest,
        latencyMs,
      });
    }
    this.#quiet?.[Symbol.dispose]();
    this.#quiet = clock.timer(QUIET_MS, () => this.close());
    if (this.#sellers.size >= MAX_OFFERS_PER_SEARCH) this.close();
    else this.#wake();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closedAtMs = this.#parts.ports.clock.nowMs();
    this.#quiet?.[Symbol.dispose]();
    this.#timers.dispose();
    this.#wake();
  }

  #repeat(): void {
    if (!this.#closed && this.#sellers.size === 0) this.#publish();
  }

  #publish(): void {
    const { ports, audit, topic, asked, counters, background, hearOwn } = this.#parts;
    const { transactionId, buyer } = this;
    const messageId = newId(ports);
    // Whoever was silent may not speak the revision of the first publication.
    const profile = this.#profiles[this.#published.size % this.#profiles.length] ?? "beckn/2";
    checkMandate(ports, buyer, { action: "search" });
    const context = requestContext(ports, buyer, { action: "search", transactionId, messageId });
    const body = bodyOf(profile, context, this.#content());
    const letter = { profile, action: "search", messageId, body, signer: buyer.signer } as const;
    const header = signedHeader(letter, ports.clock.nowMs());
    this.#published.set(messageId, becknDigestOf(body));
    asked.note(messageId, signatureOf({ header }));
    const fields = { agent: buyer.name, transactionId };
    ports.log.info("trade.search", `--- DISPATCHING search to ${topic} ---`, fields);
    const sellers = this.#knownSellers();
    for (const row of sellers) {
      ports.log.debug("trade.search", `forwarding search to ${row.name}`, fields);
    }
    counters.searchesPublished++;
    const { meshPeers = 0 } = ports.transport.snapshot().topics.find((entry) => entry.topic === topic) ?? {};
    const few = meshPeers < FEW_MESH_PEERS;
    audit.noteMessage(context, publishedTo({ meshPeers, sellers: sellers.length }));
    background(ports.transport.publish(topic, encodeBecknFrame(decodeRequestHeader(header), body)));
    hearOwn({ header, body });
    if (few) this.#askDirectly(letter, sellers);
  }

  /** Few mesh peers may mean that gossip has not formed yet: sellers we know get the same bytes by stream. */
  #askDirectly(letter: Omit<Letter, "peerId" | "to">, sellers: readonly AgentRow[]): void {
    const { ports, audit, carrier, background, signal } = this.#parts;
    const { transactionId } = this;
    const peers = peersOf(sellers);
    for (const peerId of peers) {
      const sent = carrier.send({ ...letter, peerId, to: undefined }, { signal });
      background(
        sent.catch((error: unknown) => {
          // The one refusal that tells why nobody offers anything.
          if (isProtocolError(error) && error.code === "BECKN_DOMAIN_UNSUPPORTED") {
            audit.note(transactionId, {
              action: UNSPOKEN_LINE,
              from: "",
              to: peerId,
              verdict: letter.profile,
            });
          }
          throw error;
        }),
      );
    }
    ports.log.debug("trade.search", `search also sent to ${peers.length} sellers directly`);
  }

  #knownSellers(): readonly AgentRow[] {
    return knownSellers(this.#parts.ports, this.buyer.agentId);
  }

  #content(): BecknContent {
    const { slot, needMilliWh, maxPriceMicroPerKWh, currency, empty } = this.#intent;
    const intent: BecknIntent = { slot, needMilliWh, maxPriceMicroPerKWh, currency };
    return { kind: "intent", intent: empty === true ? undefined : intent };
  }
}

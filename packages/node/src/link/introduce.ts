/** How a node meets more than the peers it was told of: it asks, is told of others, and tells of them. */

import { type JsonObject, keyFromAgentId, ProtocolError, type Signer } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { PeerHint, Transport } from "../network/transport.ts";
import type { Draft, Received } from "../signed-exchange.ts";
import { createCandidates } from "./candidates.ts";
import type { LinkExchange, MessageHandler, Reply } from "./exchange.ts";
import { createPeerRecords, type PeerRecords } from "./peer-records.ts";
import { createPerPeer, type PerPeer } from "./per-peer.ts";

export interface IntroducerOptions {
  readonly network: string;
  readonly peerId: string;
  readonly transport: Transport;
  readonly exchange: LinkExchange;
  readonly signer: Signer;
  readonly clock: Clock;
  /** Searchable words of this node's agents. */
  readonly words: () => readonly string[];
  readonly protocols: readonly string[];
  /** Are addresses of LANs told and learnt? */
  readonly tellsPrivate: boolean;
  /** Is this node about to stop? It introduces nobody then. */
  readonly isDraining: () => boolean;
  /** Is this a peer whose trade is to introduce others? */
  readonly isAnchor: (peerId: string) => boolean;
  /** A peer that was named to us: a dial candidate, no more. */
  readonly onHint: (hint: PeerHint) => void;
  /** A peer that somebody named as a provider of a capability. */
  readonly onProvider: (hint: PeerHint, capability: string) => void;
}

/** Why a peer is named to another. */
type IntroductionReason = "bootstrap" | "capability" | "task_alternative" | "operator";

interface Introduction {
  /** PeerId of whoever is named. */
  readonly introduced: string;
  readonly reason: IntroductionReason;
  /** The word it was looked for under. */
  readonly capability?: string | undefined;
}

export interface Introducer extends Disposable {
  /**
   * Asks a greeted peer for others if it is an anchor or few that are linked were asked; at most once in ten seconds
   * each. @throws BOOTSTRAP_REFUSED, the call's codes.
   */
  meet(peerId: string): Promise<void>;
  /**
   * Names a linked peer to another; false when its record is not known here or the other was told enough.
   * @throws the call's codes.
   */
  introduce(to: string, introduction: Introduction, wait?: Wait): Promise<boolean>;
  /** Where a linked peer says it is, signed by it, in base64; undefined where it did not say or it is not to be told. */
  recordOf(peerId: string): string | undefined;
  /** What such a record says. @throws RECORD_INVALID: no record, or not signed by the peer it is of. */
  openRecord(text: string): Promise<PeerHint>;
}

interface BootstrapAnswer {
  readonly accepted: boolean;
  readonly reason?: string | undefined;
  readonly peers: readonly string[];
}

/** Where a request carries its sender's own record. */
const EXTRA = "gridmesh.peer_record";
const REQUEST_ADDRESSES = 16;

export function startIntroducer(options: IntroducerOptions): Introducer {
  const { exchange, clock, transport, tellsPrivate } = options;
  const records = createPeerRecords({ transport, tellsPrivate });
  const candidates = createCandidates(clock, options.onHint);
  const told = createPerPeer(clock, { count: nodeLimits.introductions, withinMs: 60_000 });
  const asker = new Asker(options, records, (hint) => {
    if (hint.peerId !== options.peerId) candidates.take(hint);
  });
  const stack = new DisposableStack();
  stack.use(exchange.handle("control", "bootstrap_request", answerer(options, records)));
  const heard = createPerPeer(clock, { count: nodeLimits.introductions, withinMs: 60_000 });
  stack.use(
    exchange.handle("control", "peer_introduction", async ({ from, message }) => {
      heard.take(from.peerId);
      const hint = await records.open(String(message["introduced"]));
      if (hint.peerId === options.peerId) return undefined;
      candidates.take(hint);
      const { reason, capability } = message;
      if (reason === "capability" && typeof capability === "string") options.onProvider(hint, capability);
      return undefined;
    }),
  );
  return {
    meet: (peerId) => asker.meet(peerId),
    introduce: (to, introduction, wait = {}) =>
      introduce(options, { records, told }, { to, introduction, wait }),
    recordOf: (peerId) => records.of(peerId),
    openRecord: (text) => records.open(text),
    [Symbol.dispose]: () => stack.dispose(),
  };
}

async function introduce(
  { exchange, signer, peerId }: IntroducerOptions,
  { records, told }: { readonly records: PeerRecords; readonly told: PerPeer },
  asked: { readonly to: string; readonly introduction: Introduction; readonly wait: Wait },
): Promise<boolean> {
  const { to, wait } = asked;
  const { introduced, reason, capability } = asked.introduction;
  const record = introduced === peerId || introduced === to ? undefined : records.of(introduced);
  if (record === undefined || !told.tryTake(to)) return false;
  const draft = {
    type: "peer_introduction",
    recipient_id: to,
    introduced: record,
    reason,
    ...(capability === undefined ? {} : { capability }),
  };
  await exchange.tell(to, "control", draft, { ...wait, signer });
  return true;
}

/** Asks few peers for others, anchors always, and others in place of those that went. */
class Asker {
  readonly #options: IntroducerOptions;
  readonly #records: PeerRecords;
  readonly #onHint: (hint: PeerHint) => void;
  /** Monotonic times of the last question. */
  readonly #askedMs = new Map<string, number>();
  /** Peers that answer, or have yet to. */
  readonly #asked = new Set<string>();

  constructor(options: IntroducerOptions, records: PeerRecords, onHint: (hint: PeerHint) => void) {
    this.#options = options;
    this.#records = records;
    this.#onHint = onHint;
  }

  async meet(peerId: string): Promise<void> {
    const { clock, isAnchor } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#dropUnlinked(nowMs);
    const lastMs = this.#askedMs.get(peerId);
    if (lastMs !== undefined && nowMs - lastMs < nodeLimits.bootstrapRequestMs) return;
    const enough = [...this.#asked].filter((one) => !isAnchor(one)).length >= nodeLimits.bootstrapAsked;
    if (enough && !isAnchor(peerId)) return;
    this.#askedMs.set(peerId, nowMs);
    this.#asked.add(peerId);
    try {
      await this.#ask(peerId);
    } catch (error) {
      this.#asked.delete(peerId);
      throw error;
    }
  }

  async #ask(peerId: string): Promise<void> {
    const { exchange, signer } = this.#options;
    const wait = { signer, timeoutMs: nodeLimits.bootstrapRequestMs };
    const draft = requestFor(this.#options, peerId, await this.#records.own());
    const received = await exchange.request(peerId, "control", draft, wait);
    const response = received.message as unknown as BootstrapAnswer;
    if (!response.accepted) {
      throw new ProtocolError("BOOTSTRAP_REFUSED", response.reason ?? "no reason given");
    }
    // One bad record does not spoil the others.
    const opened = await Promise.allSettled(response.peers.map((text) => this.#records.open(text)));
    for (const record of opened) if (record.status === "fulfilled") this.#onHint(record.value);
    const bad = opened.find((record) => record.status === "rejected");
    if (bad !== undefined) throw bad.reason;
  }

  /** What is known of peers that went is dropped: the next ones are asked in their place. */
  #dropUnlinked(nowMs: number): void {
    const linked = new Set(this.#options.transport.links().map((link) => link.peerId));
    for (const peerId of this.#asked) if (!linked.has(peerId)) this.#asked.delete(peerId);
    for (const [peerId, lastMs] of this.#askedMs) {
      if (!linked.has(peerId) && nowMs - lastMs >= nodeLimits.bootstrapRequestMs)
        this.#askedMs.delete(peerId);
    }
  }
}

function requestFor(options: IntroducerOptions, peerId: string, record: string): Draft {
  return {
    type: "bootstrap_request",
    recipient_id: peerId,
    capabilities: options.words().slice(0, nodeLimits.wordsPerAgent),
    public_key: Buffer.from(options.signer.publicKey).toString("base64"),
    network_info: {
      listen_addresses: options.transport.addresses().slice(0, REQUEST_ADDRESSES),
      supported_protocols: [...options.protocols],
    },
    extra: { [EXTRA]: record },
  };
}

/** Tells whoever asks of the peers that asked before and are still linked, newest first. */
function answerer(options: IntroducerOptions, records: PeerRecords): MessageHandler {
  const { signer, clock } = options;
  // Half the asker's own distance: its clock and ours are not the same.
  const asking = createPerPeer(clock, { count: 1, withinMs: nodeLimits.bootstrapRequestMs / 2 });
  return async (received: Received): Promise<Reply> => {
    const asker = received.from.peerId;
    asking.take(asker);
    checkAsker(received);
    const isRefused = options.isDraining();
    if (!isRefused) await keepShown(records, received);
    const own = isRefused ? [] : [await records.own()];
    const others = isRefused ? [] : records.others(asker);
    return {
      signer,
      draft: {
        type: "bootstrap_response",
        recipient_id: asker,
        accepted: !isRefused,
        ...(isRefused ? { reason: "draining" } : {}),
        network_id: options.network,
        observed_addr: received.from.address,
        peers: [...own, ...others].slice(0, nodeLimits.bootstrapPeers),
      },
    };
  };
}

/** The asker's own record, where it shows one: it must be its own, and hold what it says it listens on. @throws RECORD_INVALID. */
async function keepShown(records: PeerRecords, { from, message }: Received): Promise<void> {
  const text = (message["extra"] as JsonObject | undefined)?.[EXTRA];
  if (typeof text !== "string") return;
  const hint = await records.open(text);
  if (hint.peerId !== from.peerId) throw new ProtocolError("RECORD_INVALID", "the record of another peer");
  const { listen_addresses: listed } = message["network_info"] as {
    readonly listen_addresses: readonly string[];
  };
  const told = new Set(hint.addresses.map(withoutPeer));
  if (!listed.every((address) => told.has(withoutPeer(address)))) {
    throw new ProtocolError("RECORD_INVALID", "it listens where its record does not say");
  }
  records.keep({ text, hint });
}

function withoutPeer(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/u, "");
}

/** `public_key` must be the key in the signer's agent_id. @throws IDENTITY_MISMATCH. */
function checkAsker(received: Received): void {
  const shown = Buffer.from(String(received.message["public_key"]), "base64");
  if (!shown.equals(keyFromAgentId(received.signerId))) {
    throw new ProtocolError("IDENTITY_MISMATCH", "public_key is not the signer's");
  }
}

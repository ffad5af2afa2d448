/** How a node meets more than the peers it was told of: it asks, and is told of others. */

import {
  canonicalBytes,
  type JsonObject,
  keyFromAgentId,
  agentIdFromPeerId,
  parseCanonical,
  ProtocolError,
  signDocument,
  type Signer,
  verifyDocument,
  type VerifyEngine,
} from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { PeerHint, Transport } from "../network/transport.ts";
import type { Draft, Received } from "../signed-exchange.ts";
import type { LinkExchange, MessageHandler, Reply } from "./exchange.ts";

export interface IntroducerOptions {
  readonly network: string;
  readonly peerId: string;
  readonly transport: Transport;
  readonly exchange: LinkExchange;
  readonly signer: Signer;
  readonly engine: VerifyEngine;
  readonly clock: Clock;
  /** Searchable words of this node's agents. */
  readonly words: () => readonly string[];
  readonly protocols: readonly string[];
  /** Is this a peer whose trade is to introduce others? */
  readonly isAnchor: (peerId: string) => boolean;
  /** A peer that was named to us: a dial candidate, no more. */
  readonly onHint: (hint: PeerHint, by: string) => void;
}

export interface Introducer extends Disposable {
  /**
   * Asks a greeted peer for others if it is an anchor or few that are linked were asked; at most once in ten seconds
   * each. @throws the call's codes.
   */
  meet(peerId: string): Promise<void>;
}

interface BootstrapAnswer {
  readonly accepted: boolean;
  readonly reason?: string | undefined;
  readonly peers: readonly string[];
}

/** A peer's own word on where it is, signed by its key: nobody can move it elsewhere. */
const RECORD_TYPE = "peer_record";
const EXTRA = "gridmesh.peer";
const MAX_ADDRESSES = 8;

export function startIntroducer(options: IntroducerOptions): Introducer {
  const { exchange, signer, clock } = options;
  /** Monotonic times of the last question. */
  const askedMs = new Map<string, number>();
  /** Peers that answer, or have yet to. */
  const asked = new Set<string>();
  const listener = exchange.handle("control", "bootstrap_request", answerer(options));
  const ask = async (peerId: string): Promise<void> => {
    const wait = { signer, timeoutMs: nodeLimits.bootstrapRequestMs };
    const received = await exchange.request(peerId, "control", requestFor(options, peerId), wait);
    const response = received.message as unknown as BootstrapAnswer;
    if (!response.accepted)
      throw new ProtocolError("BOOTSTRAP_REFUSED", response.reason ?? "no reason given");
    for (const text of response.peers) {
      const hint = hintIn(recordIn(text), options);
      if (hint.peerId !== options.peerId) options.onHint(hint, peerId);
    }
  };
  /** What is known of peers that went is dropped: the next ones are asked in their place. */
  const dropUnlinked = (nowMs: number): void => {
    const linked = new Set(options.transport.links().map((link) => link.peerId));
    for (const peerId of asked) if (!linked.has(peerId)) asked.delete(peerId);
    for (const [peerId, lastMs] of askedMs) {
      if (!linked.has(peerId) && nowMs - lastMs >= nodeLimits.bootstrapRequestMs) askedMs.delete(peerId);
    }
  };
  return {
    async meet(peerId) {
      const nowMs = clock.monotonicMs();
      dropUnlinked(nowMs);
      const lastMs = askedMs.get(peerId);
      if (lastMs !== undefined && nowMs - lastMs < nodeLimits.bootstrapRequestMs) return;
      const enough = [...asked].filter((one) => !options.isAnchor(one)).length >= nodeLimits.bootstrapAsked;
      if (enough && !options.isAnchor(peerId)) return;
      askedMs.set(peerId, nowMs);
      asked.add(peerId);
      try {
        await ask(peerId);
      } catch (error) {
        asked.delete(peerId);
        throw error;
      }
    },
    [Symbol.dispose]: () => listener[Symbol.dispose](),
  };
}

function requestFor(options: IntroducerOptions, peerId: string): Draft {
  return {
    type: "bootstrap_request",
    recipient_id: peerId,
    capabilities: options.words().slice(0, nodeLimits.wordsPerAgent),
    public_key: Buffer.from(options.signer.publicKey).toString("base64"),
    network_info: {
      listen_addresses: options.transport.addresses().slice(0, 16),
      supported_protocols: [...options.protocols],
    },
    extra: { [EXTRA]: ownRecord(options) },
  };
}

/** Tells whoever asks of the peers that asked before and are still linked, newest first. */
function answerer(options: IntroducerOptions): MessageHandler {
  const { signer, clock, transport } = options;
  const records = new Map<string, JsonObject>();
  const answeredMs = new Map<string, number>();
  return (received: Received): Promise<Reply> => {
    const asker = received.from.peerId;
    limitRate(answeredMs, asker, clock.monotonicMs());
    checkAsker(received);
    const linked = new Set(transport.links().map((link) => link.peerId));
    for (const peerId of records.keys()) if (!linked.has(peerId)) records.delete(peerId);
    const shown = (received.message["extra"] as JsonObject | undefined)?.[EXTRA] as JsonObject | undefined;
    if (shown !== undefined && hintIn(shown, options).peerId === asker) {
      records.delete(asker);
      records.set(asker, shown);
    }
    const others = [...records].filter(([peerId]) => peerId !== asker).map(([, record]) => record);
    return Promise.resolve({
      signer,
      draft: {
        type: "bootstrap_response",
        recipient_id: asker,
        accepted: true,
        network_id: options.network,
        observed_addr: received.from.address,
        peers: [ownRecord(options), ...others.reverse()]
          .slice(0, nodeLimits.bootstrapPeers)
          .map((record) => Buffer.from(canonicalBytes(record)).toString("base64")),
      },
    });
  };
}

/** Half the asker's own distance: its clock and ours are not the same. @throws RATE_LIMITED. */
function limitRate(answeredMs: Map<string, number>, asker: string, nowMs: number): void {
  const lastMs = answeredMs.get(asker);
  if (lastMs !== undefined && nowMs - lastMs < nodeLimits.bootstrapRequestMs / 2) {
    throw new ProtocolError("RATE_LIMITED", "one bootstrap_request in ten seconds", {
      data: { retry_after_ms: Math.ceil(nodeLimits.bootstrapRequestMs - (nowMs - lastMs)) },
    });
  }
  answeredMs.set(asker, nowMs);
}

function ownRecord(options: IntroducerOptions): JsonObject {
  const { network, signer } = options;
  const fields = {
    agent_id: signer.agentId,
    addresses: options.transport.addresses().slice(0, MAX_ADDRESSES),
    issued_at: Math.floor(options.clock.nowMs() / 1000),
  };
  return signDocument(fields, { type: RECORD_TYPE, network, signer });
}

/** `public_key` must be the key in the signer's agent_id. @throws IDENTITY_MISMATCH. */
function checkAsker(received: Received): void {
  const shown = Buffer.from(String(received.message["public_key"]), "base64");
  if (!shown.equals(keyFromAgentId(received.signerId))) {
    throw new ProtocolError("IDENTITY_MISMATCH", "public_key is not the signer's");
  }
}

/** @throws RECORD_INVALID. */
function recordIn(text: string): JsonObject {
  const value = parseCanonical(Buffer.from(text, "base64"));
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ProtocolError("RECORD_INVALID", "a peer record is an object");
  }
  return value as JsonObject;
}

/** @throws RECORD_INVALID, SIGNATURE_INVALID, IDENTITY_MISMATCH. */
function hintIn(record: JsonObject, options: IntroducerOptions): PeerHint {
  const { network, engine } = options;
  verifyDocument(record, { type: RECORD_TYPE, network, engine, signerField: "agent_id" });
  const addresses = record["addresses"];
  const listed = Array.isArray(addresses) ? addresses.filter((one) => typeof one === "string") : [];
  const ids = new Set(listed.map((address) => /\/p2p\/([^/]+)$/.exec(address)?.[1]));
  const [peerId] = ids;
  const own = ids.size === 1 && peerId !== undefined && agentIdFromPeerId(peerId) === record["agent_id"];
  if (!own) throw new ProtocolError("RECORD_INVALID", "a peer record names its own addresses");
  return { peerId, addresses: listed.slice(0, MAX_ADDRESSES) };
}

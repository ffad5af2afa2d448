/** What a node remembers between two runs, apart from keys and the trade journal. */

import type { NonceRow } from "@gridmesh/protocol";

/** A peer worth dialling again; the network room gives the row its meaning. */
export interface StoredPeer {
  readonly peerId: string;
  readonly addresses: readonly { readonly address: string; readonly lastSuccessMs: number }[];
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly uptimeMs: number;
  readonly fails: number;
  readonly source: string;
}

/** What a ban names: a PeerId, an agent_id, an IP address, or a /24 or /64 of them. */
export type BanKind = "peer" | "agent" | "ip" | "net";

export interface StoredBan {
  readonly subject: string;
  readonly kind: BanKind;
  readonly code: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** How many bans in a row; each doubles the next. */
  readonly strikes: number;
  /** Who decided: `node` or `operator`. */
  readonly by: string;
}

/** What somebody has done that is no ban yet. */
export interface StoredOffence {
  readonly subject: string;
  /** The newest. */
  readonly code: string;
  /** As of `atMs`; half of them are forgotten every ten minutes. */
  readonly points: number;
  readonly atMs: number;
}

/** An agent's signed record as it was heard; after a restart a hint, to be verified again. */
export interface StoredRecord {
  readonly agentId: string;
  readonly message: Uint8Array;
  /** Wall ms. */
  readonly savedMs: number;
}

/** Two signed messages of one signer and number with other contents. */
export interface StoredEquivocation {
  readonly agentId: string;
  /** PeerId the second names. */
  readonly nodeId: string;
  /** Did that very node tell it? */
  readonly confirmed: boolean;
  readonly seq: number;
  /** Canonical bytes of the two messages. */
  readonly first: Uint8Array;
  readonly second: Uint8Array;
  /** Wall ms. */
  readonly atMs: number;
}

/** What is known of the key that comes after another one. */
export interface StoredSuccession {
  /** agent_id of the key that hands over. */
  readonly oldId: string;
  /** The hash it promised for its successor, as first seen. */
  readonly promised: string | undefined;
  /** The handover as it was signed. */
  readonly handover: Uint8Array | undefined;
  /** A second one to another key: neither is followed. */
  readonly rival: Uint8Array | undefined;
  /** Was what stood against the old key, and for it, moved to the new one? */
  readonly followed: boolean;
  /** Of an own key: was it told to all? */
  readonly told: boolean;
  /** Wall ms of the last news of it. */
  readonly atMs: number;
}

/** A process that an agent runs as. */
interface StoredChild {
  readonly pid: number;
  /** When it began, as the operating system tells it. */
  readonly startTime: string;
  readonly agent: string;
}

/** A Beckn message as it travelled, for who must prove it later. */
export interface StoredFrame {
  readonly transactionId: string;
  /** Wall ms. */
  readonly atMs: number;
  readonly direction: "in" | "out";
  readonly carrier: "gossip" | "stream";
  readonly peerId: string;
  readonly header: Uint8Array;
  readonly body: Uint8Array;
  readonly reply: { readonly header: Uint8Array; readonly body: Uint8Array } | undefined;
}

/** What was said of an order after it was made, as it was signed; one of each kind. */
export interface StoredWord {
  /** Own agent of that order. */
  readonly agentId: string;
  /** Buyer and order id. */
  readonly orderKey: string;
  /** `update`: what a seller agreed to; `rating`: what it was given; `rated`: what a buyer gave. */
  readonly kind: "update" | "rating" | "rated";
  /** agent_id of the other side. */
  readonly about: string;
  /** Of an update mWh, of a rating 1 to 5. */
  readonly value: number;
  readonly header: string;
  readonly body: string;
  /** Wall ms. */
  readonly atMs: number;
}

/** How a buyer chose among the answers to a search, as canonical JSON. */
export interface StoredChoice {
  readonly transactionId: string;
  readonly text: string;
  /** Wall ms. */
  readonly atMs: number;
}

/** Which Beckn messages stay; beyond each of these the oldest go. */
interface FramesKept {
  readonly sinceMs: number;
  readonly max: number;
  /** Of the whole store: others choose how long their messages are. */
  readonly maxBytes: number;
}

export interface StateStore {
  /** Of one transaction, oldest first. */
  frames(transactionId: string): readonly StoredFrame[];
  /** Those before `sinceMs` are forgotten, and the oldest beyond `max` or `maxBytes`. */
  saveFrames(batch: readonly StoredFrame[], keep: FramesKept): void;
  word(agentId: string, orderKey: string, kind: StoredWord["kind"]): StoredWord | undefined;
  /** In the place of what was there. */
  saveWord(word: StoredWord): void;
  choice(transactionId: string): StoredChoice | undefined;
  /** Those before `sinceMs` are forgotten. */
  saveChoice(choice: StoredChoice, sinceMs: number): void;
  /** How often, and with what sum, this agent rated another. */
  ratingsGiven(agentId: string, about: string): { readonly count: number; readonly sum: number };
  peers(): readonly StoredPeer[];
  /** Replaces the whole book. */
  savePeers(peers: readonly StoredPeer[]): void;
  /** Oldest first. */
  bans(): readonly StoredBan[];
  saveBan(ban: StoredBan): void;
  removeBan(subject: string): void;
  /** Offences since this wall time, oldest first; older ones are forgotten. */
  offences(sinceMs: number): readonly StoredOffence[];
  saveOffences(batch: readonly StoredOffence[]): void;
  /** Nonces still to be kept at this Unix second, oldest first; the others are forgotten. */
  nonces(nowS: number): readonly NonceRow[];
  saveNonces(batch: readonly NonceRow[]): void;
  /** The next number of a persisted counter, never below `atLeast` (1); written before it is returned. */
  nextSeq(counter: string, atLeast?: number): number;
  /** Those saved since this wall ms, newest first; older ones are forgotten. */
  records(sinceMs: number): readonly StoredRecord[];
  /** Each in the place of its agent's former one. */
  saveRecords(records: readonly StoredRecord[]): void;
  /** Oldest first. */
  equivocations(): readonly StoredEquivocation[];
  /** Keeps the newest `max`. */
  saveEquivocation(proof: StoredEquivocation, max: number): void;
  /** Those with news since this wall ms, oldest first; older ones are forgotten. */
  successions(sinceMs: number): readonly StoredSuccession[];
  /** In the place of what was known of that key. */
  saveSuccession(succession: StoredSuccession): void;
  removeSuccession(oldId: string): void;
  /** Processes that were not seen to end. */
  children(): readonly StoredChild[];
  saveChild(child: StoredChild): void;
  removeChild(pid: number): void;
  /** The agent_id this name had at its first start here. */
  agentId(name: string): string | undefined;
  rememberAgent(name: string, agentId: string): void;
  close(): void;
}

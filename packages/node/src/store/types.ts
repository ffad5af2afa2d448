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

export interface StoredBan {
  readonly subject: string;
  readonly code: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** How many bans in a row; each doubles the next. */
  readonly strikes: number;
}

export interface StateStore {
  peers(): readonly StoredPeer[];
  /** Replaces the whole book. */
  savePeers(peers: readonly StoredPeer[]): void;
  bans(): readonly StoredBan[];
  saveBan(ban: StoredBan): void;
  removeBan(subject: string): void;
  /** Nonces still to be kept at this Unix second, oldest first; the others are forgotten. */
  nonces(nowS: number): readonly NonceRow[];
  saveNonces(batch: readonly NonceRow[]): void;
  /** The next number of a persisted counter, from 1; written before it is returned. */
  nextSeq(counter: string): number;
  /** The agent_id this name had at its first start here. */
  agentId(name: string): string | undefined;
  rememberAgent(name: string, agentId: string): void;
  close(): void;
}

/** The state of a node without a home: gone with the process. */

import type { StateStore, StoredBan, StoredPeer } from "./types.ts";

export function memoryStore(): StateStore {
  let peers: readonly StoredPeer[] = [];
  const bans = new Map<string, StoredBan>();
  const counters = new Map<string, number>();
  const agents = new Map<string, string>();
  return {
    peers: () => peers,
    savePeers(next) {
      peers = [...next];
    },
    bans: () => [...bans.values()],
    saveBan(ban) {
      bans.delete(ban.subject);
      bans.set(ban.subject, ban);
    },
    removeBan(subject) {
      bans.delete(subject);
    },
    // Nothing outlives the process, and the tables of the gate have them already.
    offences: () => [],
    saveOffences() {},
    nonces: () => [],
    saveNonces() {},
    nextSeq(counter, atLeast = 1) {
      const next = Math.max((counters.get(counter) ?? 0) + 1, atLeast);
      counters.set(counter, next);
      return next;
    },
    // The registry has them already.
    records: () => [],
    saveRecords() {},
    equivocations: () => [],
    saveEquivocation() {},
    successions: () => [],
    saveSuccession() {},
    removeSuccession() {},
    agentId: (name) => agents.get(name),
    rememberAgent(name, agentId) {
      agents.set(name, agentId);
    },
    close() {},
  };
}

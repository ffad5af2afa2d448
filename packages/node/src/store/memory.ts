/** The state of a node without a home: gone with the process. */

import type { StateStore, StoredBan, StoredChoice, StoredFrame, StoredPeer, StoredWord } from "./types.ts";

/** Without a disk much less is kept. */
const MAX_FRAMES = 2_000;

export function memoryStore(): StateStore {
  let peers: readonly StoredPeer[] = [];
  const bans = new Map<string, StoredBan>();
  const counters = new Map<string, number>();
  const agents = new Map<string, string>();
  let frames: readonly StoredFrame[] = [];
  return {
    frames: (transactionId) => frames.filter((frame) => frame.transactionId === transactionId),
    saveFrames(batch, { sinceMs, max }) {
      const kept = [...frames, ...batch].filter(({ atMs }) => atMs >= sinceMs);
      frames = kept.slice(-Math.min(max, MAX_FRAMES));
    },
    ...memoryWords(),
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
    // They are ended before the process that keeps this list, or nobody is there to read it.
    children: () => [],
    saveChild() {},
    removeChild() {},
    agentId: (name) => agents.get(name),
    rememberAgent(name, agentId) {
      agents.set(name, agentId);
    },
    close() {},
  };
}

function memoryWords(): Pick<StateStore, "word" | "saveWord" | "ratingsGiven" | "choice" | "saveChoice"> {
  const choices = new Map<string, StoredChoice>();
  const words = new Map<string, StoredWord>();
  const keyOf = (agentId: string, orderKey: string, kind: string) => `${agentId} ${orderKey} ${kind}`;
  return {
    word: (...key) => words.get(keyOf(...key)),
    saveWord(word) {
      words.set(keyOf(word.agentId, word.orderKey, word.kind), word);
    },
    choice: (transactionId) => choices.get(transactionId),
    saveChoice(choice, sinceMs) {
      for (const [id, { atMs }] of choices) {
        if (atMs >= sinceMs && choices.size < MAX_FRAMES) break;
        choices.delete(id);
      }
      choices.set(choice.transactionId, choice);
    },
    ratingsGiven(agentId, about) {
      const given = [...words.values()].filter(
        (word) => word.kind === "rated" && word.agentId === agentId && word.about === about,
      );
      return { count: given.length, sum: given.reduce((sum, { value }) => sum + value, 0) };
    },
  };
}

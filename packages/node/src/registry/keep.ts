/** What a restart may find again: records are written down as hints, and verified again before anybody is told of them. */

import { parseCanonical } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import { isObject } from "../route/rpc-lines.ts";
import type { StateStore, StoredRecord } from "../store/types.ts";
import { answers, wordsOf } from "../words.ts";
import type { AgentRecord } from "./record.ts";

export interface RecordKeeperOptions {
  readonly store: Pick<StateStore, "records" | "saveRecords">;
  readonly clock: Clock;
  /** Verifies a record as it came. @throws the codes of the ladder. */
  readonly open: (bytes: Uint8Array) => AgentRecord;
  readonly take: (record: AgentRecord) => void;
  /** Records that are valid now. */
  readonly records: () => readonly AgentRecord[];
  /** The disk failed. */
  readonly onFatal: (error: unknown) => void;
}

export interface RecordKeeper extends Disposable {
  /** Nodes that offered the word before the restart, newest first. */
  remembered(word: string): readonly string[];
}

/** A record that is renewed unchanged is written again this seldom: as a hint it says the same. */
const SAVE_AGAIN_MS = 600_000;
const SAVED_AT_ONCE = 2_000;
const HINT_LIFE_MS = 24 * 3_600_000;
const HINTS = 1_000;
const HINTS_ASKED = 16;
const VERIFIED_AT_ONCE = 16;

interface Hint {
  readonly message: Uint8Array;
  readonly validUntilMs: number;
  readonly nodeId: string;
  readonly words: readonly string[];
}

export function keepRecords(options: RecordKeeperOptions): RecordKeeper {
  const { clock, store } = options;
  const saved = new Map<string, { readonly atMs: number; readonly words: string }>();
  const startMs = clock.nowMs();
  const before = store.records(startMs - HINT_LIFE_MS).flatMap(hintIn);
  const valid = before.filter(({ validUntilMs }) => validUntilMs > startMs);
  const hints = before.slice(0, HINTS).map(({ nodeId, words }) => ({ nodeId, words }));
  let ended = false;
  void takeAgain(options, valid, () => ended);
  const save = () => {
    const nowMs = clock.nowMs();
    const current = options.records();
    const fresh = current
      .filter(({ agentId, words, nodeId }) => {
        const last = saved.get(agentId);
        return last?.words !== `${nodeId} ${words.join(" ")}` || nowMs - last.atMs >= SAVE_AGAIN_MS;
      })
      .slice(0, SAVED_AT_ONCE);
    try {
      store.saveRecords(fresh.map(({ agentId, bytes }) => ({ agentId, message: bytes, savedMs: nowMs })));
    } catch (error) {
      options.onFatal(error);
    }
    for (const { agentId, words, nodeId } of fresh) {
      saved.set(agentId, { atMs: nowMs, words: `${nodeId} ${words.join(" ")}` });
    }
    if (saved.size <= nodeLimits.records) return;
    const known = new Set(current.map(({ agentId }) => agentId));
    for (const agentId of saved.keys()) if (!known.has(agentId)) saved.delete(agentId);
  };
  let next = clock.timer(nodeLimits.recordsSavedMs, function again() {
    save();
    next = clock.timer(nodeLimits.recordsSavedMs, again);
  });
  return {
    remembered(word) {
      const nodes = hints.filter(({ words }) => answers(words, word)).map(({ nodeId }) => nodeId);
      return [...new Set(nodes)].slice(0, HINTS_ASKED);
    },
    [Symbol.dispose]() {
      ended = true;
      next[Symbol.dispose]();
      save();
    },
  };
}

/** Those still valid, a few at a time: thousands of signatures would hold up the start. */
async function takeAgain(
  { open, take }: RecordKeeperOptions,
  before: readonly Hint[],
  ended: () => boolean,
): Promise<void> {
  for (const [at, { message }] of before.entries()) {
    if (at % VERIFIED_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    if (ended()) return;
    try {
      take(open(message));
    } catch {
      // Expired, or newer ones were heard meanwhile.
    }
  }
}

function hintIn({ message }: StoredRecord): readonly Hint[] {
  try {
    const parsed = parseCanonical(message);
    if (!isObject(parsed)) return [];
    const { binding, capabilities, valid_until: validUntil } = parsed;
    if (!isObject(binding) || !isObject(capabilities)) return [];
    const { peer_id: nodeId } = binding;
    if (typeof nodeId !== "string" || typeof validUntil !== "number") return [];
    return [{ message, validUntilMs: validUntil * 1_000, nodeId, words: wordsOf(capabilities) }];
  } catch {
    return [];
  }
}

/** Nonces of proven messages, kept over a restart: the filter before every effect's own id. */

import { type NonceRow, NonceTable } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { StateStore } from "../store/types.ts";

export interface NonceMemory {
  seen(senderId: string, nonce: string): boolean;
  /** @throws MESSAGE_REPLAYED, OVERLOADED. */
  add(senderId: string, nonce: string): void;
  /** Writes what waits now: before an effect that nothing else makes happen only once. */
  flush(): void;
  /** Writes what waits, then writes no more. */
  close(): void;
}

/** Rows reach the disk together, at most this long after their message. */
const BATCH_MS = 50;

export function createNonceMemory(
  store: StateStore,
  clock: Clock,
  onFatal: (error: unknown) => void,
): NonceMemory {
  const table = new NonceTable();
  table.restore(store.nonces(Math.floor(clock.nowMs() / 1000)));
  let batch: NonceRow[] = [];
  let timer: Disposable | undefined;
  const flush = () => {
    timer?.[Symbol.dispose]();
    timer = undefined;
    const rows = batch;
    batch = [];
    if (rows.length === 0) return;
    try {
      store.saveNonces(rows);
    } catch (error) {
      onFatal(error);
    }
  };
  return {
    seen: (senderId, nonce) => table.has(senderId, nonce),
    add(senderId, nonce) {
      batch.push(table.add(senderId, nonce, Math.floor(clock.nowMs() / 1000)));
      timer ??= clock.timer(BATCH_MS, flush);
    },
    flush,
    close: flush,
  };
}

/** Those who asked to be told. */

import type { Log } from "../log.ts";

export interface Audience<T> {
  add(fn: (news: T) => void): Disposable;
  tell(news: T): void;
}

/** One that fails keeps no news from the others. */
export function createAudience<T>(log: Log): Audience<T> {
  const listeners = new Set<(news: T) => void>();
  return {
    add(fn) {
      listeners.add(fn);
      return { [Symbol.dispose]: () => void listeners.delete(fn) };
    },
    tell(news) {
      for (const fn of listeners) {
        try {
          fn(news);
        } catch (error) {
          log.error("trade.listener", String(error));
        }
      }
    },
  };
}

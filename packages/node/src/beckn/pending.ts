/** Callbacks that are waited for, by the message_id of their request. */

import type { BecknCallbackAction } from "@gridmesh/protocol";
import { type BecknReceived, checkRequestDigest } from "./inbound.ts";

interface Expectation {
  readonly action: BecknCallbackAction;
  /** agent_id that must have signed it. */
  readonly seller: string;
  readonly transactionId: string;
  /** Of the request's body. */
  readonly digest: string;
}

export interface PendingCallbacks {
  /** Waits under this id until `settle` or disposal; disposal leaves the promise unsettled. */
  expect(
    messageId: string,
    expectation: Expectation,
  ): Disposable & { readonly callback: Promise<BecknReceived> };
  /**
   * Hands a callback to whoever waits; false when nobody does. Read tolerantly, one under a foreign message_id is taken
   * where it fits exactly one request. @throws BECKN_CONTEXT_INVALID when it answers another request than it says.
   */
  settle(received: BecknReceived): boolean;
}

export function createPending(): PendingCallbacks {
  const waiting = new Map<string, Expectation & { readonly resolve: (received: BecknReceived) => void }>();
  const guess = (received: BecknReceived) => {
    if (received.reading === "strict") return undefined;
    const { transactionId } = received.context;
    const fitting = [...waiting].filter(
      ([, entry]) => entry.transactionId === transactionId && fits(entry, received),
    );
    return fitting.length === 1 ? fitting[0]?.[0] : undefined;
  };
  return {
    expect(messageId, expectation) {
      const { promise, resolve } = Promise.withResolvers<BecknReceived>();
      const entry = { ...expectation, resolve };
      waiting.set(messageId, entry);
      return {
        callback: promise,
        [Symbol.dispose]() {
          if (waiting.get(messageId) === entry) waiting.delete(messageId);
        },
      };
    },
    settle(received) {
      const { context } = received;
      const messageId = waiting.has(context.messageId) ? context.messageId : guess(received);
      const entry = waiting.get(messageId ?? "");
      if (messageId === undefined || !entry || !fits(entry, received)) return false;
      checkRequestDigest(context, entry.digest);
      waiting.delete(messageId);
      entry.resolve(received);
      return true;
    },
  };
}

function fits(entry: Expectation, { context, signerId }: BecknReceived): boolean {
  return entry.action === context.action && entry.seller === signerId;
}

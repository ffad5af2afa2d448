/** Callbacks that are waited for, by the message_id of their request. */

import type { BecknCallbackAction } from "@gridmesh/protocol";
import type { BecknReceived } from "./inbound.ts";

interface Expectation {
  readonly action: BecknCallbackAction;
  /** agent_id that must have signed it. */
  readonly seller: string;
}

export interface PendingCallbacks {
  /** Waits under this id until `settle` or disposal; disposal leaves the promise unsettled. */
  expect(
    messageId: string,
    expectation: Expectation,
  ): Disposable & { readonly callback: Promise<BecknReceived> };
  /** Hands a callback to whoever waits; false when nobody does. */
  settle(received: BecknReceived): boolean;
}

export function createPending(): PendingCallbacks {
  const waiting = new Map<string, Expectation & { readonly resolve: (received: BecknReceived) => void }>();
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
      const { context, signerId } = received;
      const entry = waiting.get(context.messageId);
      if (!entry || entry.action !== context.action || entry.seller !== signerId) return false;
      waiting.delete(context.messageId);
      entry.resolve(received);
      return true;
    },
  };
}

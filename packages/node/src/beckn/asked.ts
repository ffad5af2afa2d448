/** Requests that left of late: what an answer of revision 2 binds its signature to. */

import { Recent } from "./policy.ts";

const MAX_REQUESTS = 10_000;
/** A request that is sent again is signed afresh. */
const MAX_SIGNATURES = 4;

/** Where a body says which request it answers; a hint alone, since nothing of the body is believed yet. */
const MESSAGE_ID = /"messageId"\s*:\s*"([\x21\x23-\x5b\x5d-\x7e]{1,128})"/;

export interface Asked {
  note(messageId: string, signature: string): void;
  /** Signatures of the request that this unread body seems to answer. */
  signaturesFor(body: Uint8Array): readonly string[];
}

export function createAsked(): Asked {
  const signatures = new Recent<readonly string[]>(MAX_REQUESTS);
  return {
    note(messageId, signature) {
      const known = signatures.get(messageId) ?? [];
      if (!known.includes(signature))
        signatures.set(messageId, [signature, ...known].slice(0, MAX_SIGNATURES));
    },
    signaturesFor(body) {
      const [, messageId] = MESSAGE_ID.exec(new TextDecoder().decode(body)) ?? [];
      return (messageId === undefined ? undefined : signatures.get(messageId)) ?? [];
    },
  };
}

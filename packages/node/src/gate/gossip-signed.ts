/** Topics whose messages are signed ones of our own, each type with its place. */

import { messageSchemas, type OpenedMessage, openEnvelope, type VerifyEngine } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { NonceMemory } from "./fresh.ts";
import type { GossipPurpose, GossipTopic } from "./gossip.ts";

export interface SignedGossipOptions {
  readonly purpose: GossipPurpose;
  readonly network: string;
  readonly engine: VerifyEngine;
  readonly clock: Clock;
  readonly nonces: NonceMemory;
  /** The types this topic is for. */
  readonly types: ReadonlySet<string>;
  /** @throws EQUIVOCATION, RECORD_OUTDATED, RECORD_EXPIRED … */
  readonly take: (opened: OpenedMessage, from: string) => void;
}

/** Messages to everybody: live, each nonce once. */
export function signedGossip(options: SignedGossipOptions): GossipTopic<OpenedMessage> {
  const { purpose, network, engine, clock, nonces, types, take } = options;
  const schemas = new Map([...messageSchemas].filter(([type]) => types.has(type)));
  return {
    purpose,
    take,
    open(data, admit) {
      const opened = openEnvelope(data, {
        network,
        engine,
        schemas,
        nowS: Math.floor(clock.nowMs() / 1000),
        isMine: (recipientId) => recipientId === "*",
        nonceSeen(signerId, nonce) {
          if (nonces.seen(signerId, nonce)) return true;
          admit(signerId);
          return false;
        },
      });
      nonces.add(opened.signerId, opened.nonce);
      return opened;
    },
  };
}

/** Own agents' records on the control streams: who is linked learns of a change without gossip, and of all after hello. */

import { isProtocolError, type SealedMessage } from "@gridmesh/protocol";
import type { LinkExchange } from "../link/exchange.ts";
import type { Log } from "../log.ts";

export interface PeerTellerOptions {
  readonly exchange: Pick<LinkExchange, "pass" | "sessions" | "onChannelEnd">;
  /** Records to tell after a hello. */
  readonly records: () => readonly SealedMessage[];
  readonly log: Log;
}

export interface PeerTeller extends Disposable {
  /** A hello with this peer is over: tells it all it was not told on this control stream. */
  greet(peerId: string): void;
  /** Tells every greeted peer; settles when it is written or failed everywhere. */
  tell(record: SealedMessage): Promise<void>;
}

export function createPeerTeller(options: PeerTellerOptions): PeerTeller {
  const { exchange, records, log } = options;
  /** By peer, then by agent_id: the record that was written last, or is about to be. */
  const told = new Map<string, Map<unknown, SealedMessage>>();
  const toldTo = (peerId: string): Map<unknown, SealedMessage> => {
    const known = told.get(peerId) ?? new Map<unknown, SealedMessage>();
    told.set(peerId, known);
    return known;
  };
  const pass = async (peerId: string, record: SealedMessage): Promise<void> => {
    const mine = toldTo(peerId);
    const { agent_id: agentId } = record;
    if (mine.get(agentId) === record) return;
    mine.set(agentId, record);
    try {
      await exchange.pass(peerId, record, {});
    } catch (error) {
      if (mine.get(agentId) === record) mine.delete(agentId);
      if (!isProtocolError(error)) throw error;
      // The next hello tells it again; a slow peer has gossip and its own fetch.
      log.debug("registry.untold", error.message, { peer: peerId, code: error.code });
    }
  };
  // What was written to a stream that ended may not have arrived.
  const ends = exchange.onChannelEnd(({ peerId, protocol }) => {
    if (protocol === "control") told.delete(peerId);
  });
  return {
    greet(peerId) {
      for (const record of records()) void pass(peerId, record);
    },
    async tell(record) {
      const greeted = exchange.sessions().filter((session) => session.agreement !== undefined);
      await Promise.all(greeted.map(({ peerId }) => pass(peerId, record)));
    },
    [Symbol.dispose]: () => ends[Symbol.dispose](),
  };
}

/** What is taken up again at a start and when a peer is back: own errands, and one question per counterparty. */

import { isProtocolError, MAX_QUERY_ORDERS } from "@gridmesh/protocol";
import { compareBooks } from "./agreement.ts";
import { type DeskContext, isState, type Party } from "./context.ts";
import { query } from "./conversation.ts";
import { proposeStatement } from "./proposals.ts";
import { counterpartyOf, pursueOrder, pursueStatement } from "./pursuit.ts";
import type { OrderHalf } from "./state.ts";

/** Everything an agent has under way, once its signer is at hand. */
export function resumeAgent(context: DeskContext, agentId: string): void {
  resume(context, [agentId], () => true);
  for (const imbalance of context.state.unreceipted) {
    if (imbalance.record.agent === agentId) pursueStatement(context, imbalance);
  }
}

/** Everything under way with a peer that is back. */
export function resumePeer(context: DeskContext, peerId: string): void {
  resume(context, context.hosted.keys(), (party) => party.peerId === peerId);
  context.sends.wake(peerId);
  reconcile(context, (party) => party.peerId === peerId);
}

/** Compares the books of every pair with something to compare: as often as peers are linked, and every ten minutes. */
function reconcile(context: DeskContext, concerns: (party: Party) => boolean): void {
  for (const agentId of context.hosted.keys()) {
    for (const [counterparty, { peerId }] of context.state.books.get(agentId)?.partners ?? []) {
      const party = { agentId, counterparty, peerId };
      if (peerId !== context.peerId && concerns(party)) reconcileWith(context, party);
    }
  }
}

/** The same for all counterparties, over and over; dispose it to end it. */
export function reconcileEvery(context: DeskContext, everyMs: number): Disposable {
  let timer: Disposable;
  const again = () => {
    timer = context.clock.timer(everyMs, () => {
      reconcile(context, () => true);
      again();
    });
  };
  again();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

/** Asked once: there will be another time. */
function reconcileWith(context: DeskContext, party: Party): void {
  const { agentId, counterparty, peerId } = party;
  context.sends.want({
    key: `${agentId} reconcile ${counterparty} ${peerId}`,
    peerId,
    async attempt() {
      try {
        await compareBooks(context, party);
        await proposeStatement(context, party);
      } catch (error) {
        if (!isProtocolError(error)) throw error;
        context.log.debug("trade.reconcile", `${counterparty}: ${error.code}`, { peer: peerId });
      }
      return true;
    },
  });
}

function resume(context: DeskContext, agentIds: Iterable<string>, concerns: (party: Party) => boolean): void {
  for (const agentId of agentIds) {
    const waiting = new Map<string, Party>();
    for (const half of context.state.books.get(agentId)?.open ?? []) {
      const party = counterpartyOf(half);
      if (!concerns(party)) continue;
      if (isState(half, "COMMITTED") && half.documents.trade_cancel === undefined)
        waiting.set(`${party.peerId} ${party.counterparty}`, party);
      else pursueOrder(context, half, 0);
    }
    for (const party of waiting.values()) askForDeliveries(context, party);
  }
}

/** The seller sends deliveries by itself; asking once covers what went lost while one side was away. */
function askForDeliveries(context: DeskContext, party: Party): void {
  const { agentId, counterparty, peerId } = party;
  context.sends.want({
    key: `${agentId} query ${counterparty} ${peerId}`,
    peerId,
    async attempt() {
      const orderIds = committedWith(context, party).map((half) => half.terms.orderId);
      if (orderIds.length === 0) return true;
      try {
        await query(context, party, orderIds.slice(0, MAX_QUERY_ORDERS));
      } catch (error) {
        // Neither answer decides anything: the holds stay until signed documents end them.
        const code = isProtocolError(error) ? error.code : undefined;
        if (code !== "ORDER_STATE" && code !== "ORDER_NOT_FOUND") throw error;
      }
      return true;
    },
  });
}

function committedWith(context: DeskContext, party: Party): readonly OrderHalf[] {
  const open = context.state.books.get(party.agentId)?.open ?? [];
  return [...open].filter((half) => isState(half, "COMMITTED") && half.terms.seller === party.counterparty);
}

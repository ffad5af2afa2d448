/** The vote's messages as the types that travel, and back. */

import type { MarketMessage } from "@gridmesh/protocol";
import type { VoteMessage } from "./messages.ts";

/** A message's type and its body beside the header. */
export type VoteWire =
  | { readonly type: "clearing_ack"; readonly body: MarketMessage<"clearing_ack"> }
  | { readonly type: "void_vote"; readonly body: MarketMessage<"void_vote"> }
  | { readonly type: "vote_lock"; readonly body: MarketMessage<"vote_lock"> }
  | { readonly type: "vote_report"; readonly body: MarketMessage<"vote_report"> }
  | { readonly type: "vote_proposal"; readonly body: MarketMessage<"vote_proposal"> }
  | { readonly type: "clearing_final"; readonly body: MarketMessage<"clearing_final"> };
export type VoteWireType = VoteWire["type"];

/** What every slot's vote says, as it is sent. */
export function voteToWire(message: VoteMessage): VoteWire {
  // The schemas are the same shapes; only their lists may be changed by whoever holds them.
  return wireOf(message) as unknown as VoteWire;
}

function wireOf(message: VoteMessage): { readonly type: VoteWireType; readonly body: object } {
  if (message.kind === "end") return { type: "clearing_final", body: { end: message.end } };
  const again = message.again === true ? { again: true } : {};
  if (message.kind === "lock") return { type: "vote_lock", body: { lock: message.lock, ...again } };
  if (message.kind === "proposal")
    return { type: "vote_proposal", body: { proposal: message.proposal, ...again } };
  if (message.kind === "report") {
    const { report, certificate } = message;
    return { type: "vote_report", body: { report, certificate, ...again } };
  }
  const type = message.vote.vote === "ack" ? "clearing_ack" : "void_vote";
  return { type, body: { vote: message.vote, ...again } };
}

/** The vote's message in a body that its schema has let through. */
export function voteFromWire(wire: VoteWire): VoteMessage {
  const isAgain = "again" in wire.body && wire.body.again === true;
  return { ...messageOf(wire), ...(isAgain ? { again: true } : {}) } as VoteMessage;
}

function messageOf({ type, body }: VoteWire): object {
  if (type === "vote_lock") return { kind: "lock", lock: body.lock };
  if (type === "vote_report") return { kind: "report", report: body.report, certificate: body.certificate };
  if (type === "vote_proposal") return { kind: "proposal", proposal: body.proposal };
  if (type === "clearing_final") return { kind: "end", end: body.end };
  return { kind: "vote", vote: body.vote };
}

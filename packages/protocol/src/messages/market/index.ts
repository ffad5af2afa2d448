/** Every message of the auction and of its vote, by type; the documents in them are signed by themselves. */

import * as z from "zod";
import { once } from "../../once.ts";
import { type MessageSchema, said } from "../schema.ts";
import { ballots, basics, MAX_MARKET_LIST, MAX_MARKET_ORDERS, statements } from "./fields.ts";
import { fraudProof } from "./fraud.ts";

const toAll = said("sender_id", ["gossip"]);
/** Also to the supervisor and both deputies, who answer with receipts, and to who asks again. */
const toOne = said("sender_id", ["gossip", "trade"]);

const auction = once(() => {
  const { slotId, hash, listCid } = basics();
  const { gate, receipt, result, reveal } = statements();
  return {
    order_commit: z.strictObject({
      slotId,
      rulesHash: hash,
      commitments: z.array(hash).min(1).max(MAX_MARKET_ORDERS),
    }),
    order_receipt: z.strictObject({ receipt }),
    gate_close: z.strictObject({
      gate,
      commitments: z.array(hash).max(MAX_MARKET_LIST).optional(),
      commitmentsCid: listCid,
    }),
    order_reveal: z.strictObject({ reveals: z.array(reveal).min(1).max(MAX_MARKET_ORDERS) }),
    clearing_result: z.strictObject({ result, ordersCid: listCid, tradesCid: listCid }),
    fraud_proof: z.strictObject({ proof: fraudProof() }),
  };
});

const voting = once(() => {
  const { hash } = basics();
  const { vote, lock, report, certificate, proposal, end } = ballots();
  const ack = vote.extend({ vote: z.literal("ack"), resultHash: hash });
  const nothing = vote.omit({ resultHash: true }).extend({ vote: z.literal("void") });
  /** Said before: who knows the end answers with it. */
  const again = z.boolean().optional();
  return {
    clearing_ack: z.strictObject({ vote: ack, again }),
    void_vote: z.strictObject({ vote: nothing, again }),
    vote_lock: z.strictObject({ lock, again }),
    vote_report: z.strictObject({ report, certificate, again }),
    vote_proposal: z.strictObject({ proposal, again }),
    clearing_final: z.strictObject({ end }),
  };
});

export const marketMessages = {
  order_commit: toOne(() => auction().order_commit),
  order_receipt: toOne(() => auction().order_receipt),
  gate_close: toAll(() => auction().gate_close),
  order_reveal: toOne(() => auction().order_reveal),
  clearing_result: toAll(() => auction().clearing_result),
  clearing_ack: toAll(() => voting().clearing_ack),
  void_vote: toAll(() => voting().void_vote),
  vote_lock: toAll(() => voting().vote_lock),
  vote_report: toAll(() => voting().vote_report),
  vote_proposal: toAll(() => voting().vote_proposal),
  clearing_final: toOne(() => voting().clearing_final),
  fraud_proof: toAll(() => auction().fraud_proof),
} satisfies Readonly<Record<string, MessageSchema>>;

type Bodies = ReturnType<typeof auction> & ReturnType<typeof voting>;
export type MarketMessageType = keyof Bodies;
/** The body of a message of that type. */
export type MarketMessage<Type extends MarketMessageType> = Readonly<z.infer<Bodies[Type]>>;

/** Mistakes in what is booked, kept and set aside. */

import { orderKey, signDocument, type TradePayment } from "@gridmesh/protocol";
import { apply } from "../../../trade/apply.ts";
import type { DeskContext } from "../../../trade/context.ts";
import { concludeOrder } from "../../../trade/orders.ts";
import type { OrderHalf } from "../../../trade/state.ts";
import { NETWORK } from "../node.ts";
import type { SeededBug } from "./bug.ts";

type Draft = Parameters<DeskContext["commit"]>[0];
type Emit = DeskContext["emit"];

const SOME_TIME_MS = 3_000;

/** Changes drafts of one kind before they are booked. */
function changing<K extends Draft["kind"]>(
  kind: K,
  change: (draft: Extract<Draft, { kind: K }>, context: DeskContext) => Draft,
): (context: DeskContext) => Partial<DeskContext> {
  return (context) => {
    const commit = context.commit.bind(context);
    return {
      commit: (draft) =>
        commit(draft.kind === kind ? change(draft as Extract<Draft, { kind: K }>, context) : draft),
    };
  };
}

/** Does something a while after an order came into a state. */
function later(
  kind: Parameters<Emit>[0],
  act: (half: OrderHalf, context: DeskContext) => { readonly afterMs: number; readonly run: () => void },
): (context: DeskContext) => Partial<DeskContext> {
  return (context) => {
    const emit = context.emit.bind(context);
    return {
      emit(told, half) {
        emit(told, half);
        if (told !== kind) return;
        const { afterMs, run } = act(half, context);
        context.clock.timer(afterMs, run);
      },
    };
  };
}

/** A refusal that the buyer never got. */
function releaseAlone(context: DeskContext, half: OrderHalf): void {
  if (half.state !== "HELD") return;
  const { buyer, orderId } = half.terms;
  const refusal = { accepted: false, reason: "OFFER_EXPIRED", contractId: "none" };
  const answer = { header: "", body: JSON.stringify(refusal) };
  concludeOrder(context, { buyer, orderId }, { decision: refusal, answer }).catch(() => {});
}

const rejectNotJournaled: SeededBug = {
  name: "reject-not-journaled",
  parts(context) {
    const { state, market } = context;
    const commit = context.commit.bind(context);
    return {
      commit(draft) {
        if (draft.kind !== "reject") return commit(draft);
        apply(state, { ...draft, seq: state.lastSeq + 1, atMs: market.nowMs() });
        state.lastSeq -= 1;
        const { buyer, orderId } = draft.terms;
        return Promise.resolve().then(
          () => void state.books.get(draft.agent)?.orders.delete(orderKey(buyer, orderId)),
        );
      },
    };
  },
};

const partialRestLost: SeededBug = {
  name: "partial-rest-lost",
  parts: changing("deliver", (draft) => ({ ...draft, quantityMilliWh: draft.deliveredMilliWh })),
};

const roundingDiffers: SeededBug = {
  name: "rounding-differs",
  parts: changing("receive", (draft, context) => {
    const signer = context.hosted.get(draft.agent)?.signer;
    const payment = draft.documents?.findLast((it): it is TradePayment => it.type === "trade_payment");
    const amountMicro = draft.amountMicro + 1;
    if (signer === undefined || payment === undefined || amountMicro > draft.heldMicro) return draft;
    const { signature: _signature, ...fields } = payment;
    const signing = { type: payment.type, network: NETWORK, signer };
    const signed = signDocument({ ...fields, amountMicro }, signing);
    const documents = draft.documents?.map((it) => (it === payment ? signed : it)) ?? [];
    return { ...draft, amountMicro, documents };
  }),
};

const feeNotHeld: SeededBug = {
  name: "fee-not-held",
  parts: changing("receive", (draft) => ({ ...draft, feesMicro: draft.feesMicro + 7 })),
};

const reservationSoldTwice: SeededBug = {
  name: "reservation-sold-twice",
  parts: ({ shelf }) => ({ shelf: { ...shelf, reservedByOthers: () => 0 } }),
};

const decisionForgotten: SeededBug = {
  name: "decision-forgotten-early",
  parts: later("rejected", (half, { state }) => ({
    afterMs: SOME_TIME_MS,
    run: () => void state.books.get(half.agentId)?.orders.delete(half.key),
  })),
};

const releasesOnTimeout: SeededBug = {
  name: "buyer-releases-on-timeout",
  parts: later("held", (half, context) => ({
    afterMs: 2 * SOME_TIME_MS,
    run: () => releaseAlone(context, half),
  })),
};

const expiryByBuyer: SeededBug = {
  name: "expiry-by-buyer-clock",
  parts: later("held", (half, context) => ({
    afterMs: half.terms.untilMs - context.market.nowMs() + 1,
    run: () => releaseAlone(context, half),
  })),
};

const voidByClock: SeededBug = {
  name: "void-by-clock",
  parts: later("accepted", (half, context) => ({
    afterMs: SOME_TIME_MS,
    run() {
      if (half.state !== "ACCEPTED") return;
      const { slotId, quantityMilliWh } = half.terms;
      const step = { agent: half.agentId, key: half.key, reason: "MARKET_CLOSED", slotId, quantityMilliWh };
      context.commit({ kind: "void", ...step }).catch(() => {});
    },
  })),
};

export const bookingBugs = [
  rejectNotJournaled,
  partialRestLost,
  roundingDiffers,
  feeNotHeld,
  reservationSoldTwice,
  decisionForgotten,
  releasesOnTimeout,
  expiryByBuyer,
  voidByClock,
] as const;

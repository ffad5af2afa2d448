/** An order made of one offer, each step on its own; what was left out is done by the next. */

import { type BecknOrder, ProtocolError } from "@gridmesh/protocol";
import type { Wait } from "../clock.ts";
import { startDeadline } from "../deadline.ts";
import { checkTime, draftOf, initialise, type PurchaseParts, select, settle } from "./order.ts";
import type { LocalAgent } from "./ports.ts";
import type { Talk } from "./requests.ts";
import type { BecknExchange, BuyStep, Offer, OfferOrder, OrderOptions } from "./types.ts";

/** Of each step. */
const STEP_MS = 20_000;

/** @throws INVALID_PARAMS for more than is offered, or nothing. */
export function orderOf(
  parts: PurchaseParts,
  buyer: LocalAgent,
  about: { readonly offer: Offer; readonly options: OrderOptions },
): OfferOrder {
  const { offer, options } = about;
  const {
    quantityMilliWh = offer.availableMilliWh,
    delivery = "slot",
    minFillMilliWh = quantityMilliWh,
  } = options;
  if (
    !Number.isSafeInteger(quantityMilliWh) ||
    quantityMilliWh < 1 ||
    quantityMilliWh > offer.availableMilliWh
  ) {
    throw new ProtocolError("INVALID_PARAMS", `${quantityMilliWh} mWh of ${offer.availableMilliWh} on offer`);
  }
  const slotEndMs = (offer.slot.startS + offer.slot.durationS) * 1_000;
  const untilMs = options.untilMs ?? offer.untilMs ?? slotEndMs;
  const draft = draftOf({ offer }, { quantityMilliWh, options: { delivery, untilMs } });
  const wish = { draft, options: { allOrNothing: minFillMilliWh === quantityMilliWh, minFillMilliWh } };
  let selected: BecknOrder | undefined;
  let initialised: BecknOrder | undefined;
  let begun = false;

  const step = async <Result>(wait: Wait, act: (talk: Talk) => Promise<Result>): Promise<Result> => {
    const signal = wait.signal ? AbortSignal.any([wait.signal, parts.signal]) : parts.signal;
    using deadline = startDeadline(parts.ports.clock, { ...wait, signal }, STEP_MS);
    return await act({ buyer, offer, deadline });
  };
  const selectIt = async (talk: Talk) => {
    initialised = undefined;
    return (selected = await select(parts, talk, wish));
  };
  const initialiseIt = async (talk: Talk) =>
    (initialised = await initialise(parts, talk, selected ?? (await selectIt(talk))));

  return {
    select: (wait = {}) => step(wait, selectIt),
    init: (wait = {}) => step(wait, initialiseIt),
    confirm: (wait = {}) =>
      step(wait, async (talk) => {
        // A second hold would be a second order.
        if (begun)
          throw new ProtocolError("ORDER_STATE", "confirmed before: node.beckn.orders tells how it stands");
        begun = true;
        try {
          const agreed = initialised ?? (await initialiseIt(talk));
          checkTime(parts, agreed);
          const done = await settle(parts, talk, agreed);
          if (done.orderId === "") begun = false;
          return done;
        } catch (error) {
          // Nothing is held yet: it may be tried again.
          begun = false;
          throw error;
        }
      }),
  };
}

/** What an owner sees of the orders that wait for a word. */
export function ownersSide(parts: PurchaseParts): Pick<BecknExchange, "waiting" | "approve" | "refuse"> {
  const { waiting } = parts;
  return {
    waiting: () => waiting.list(),
    approve: (id, wait = {}) => approve(parts, id, wait),
    refuse: (id) => waiting.take(id) !== undefined,
  };
}

async function approve(parts: PurchaseParts, id: string, wait: Wait): Promise<BuyStep> {
  const held = parts.waiting.take(id);
  if (held === undefined) throw new ProtocolError("ORDER_NOT_FOUND", `no order ${id} waits for its owner`);
  const { buyer, offer, agreed } = held;
  checkTime(parts, agreed);
  const signal = wait.signal ? AbortSignal.any([wait.signal, parts.signal]) : parts.signal;
  using deadline = startDeadline(parts.ports.clock, { ...wait, signal }, STEP_MS);
  return await settle(parts, { buyer, offer, deadline, approved: true }, agreed);
}

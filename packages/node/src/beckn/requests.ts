/** One request and its callback: ACK, then the answer by a stream of its own; one resend, then no more. */

import {
  type BecknCallbackAction,
  type BecknContent,
  type BecknOrder,
  type BecknRequestAction,
  isProtocolError,
  ProtocolError,
} from "@gridmesh/protocol";
import { type Deadline, startDeadline, until } from "../deadline.ts";
import { becknDigestOf } from "../gate/engine.ts";
import type { Audit } from "./audit.ts";
import type { Carrier } from "./carrier.ts";
import { errorOfFault } from "./faults.ts";
import type { BecknReceived } from "./inbound.ts";
import { checkMandate } from "./mandate.ts";
import { bodyOf, newId, requestContext } from "./messages.ts";
import type { PendingCallbacks } from "./pending.ts";
import type { BecknPorts, LocalAgent } from "./ports.ts";
import type { Offer } from "./types.ts";

export interface RequestParts {
  readonly ports: BecknPorts;
  readonly carrier: Carrier;
  readonly audit: Audit;
  readonly pending: PendingCallbacks;
}

/** The seller of a transaction: who it is and where it takes its messages. */
export type Partner = Pick<
  Offer,
  "transactionId" | "seller" | "sellerPeerId" | "sellerName" | "sellerUri" | "profile"
>;

/** A buyer talking to one seller. */
export interface Conversation {
  readonly buyer: LocalAgent;
  readonly offer: Partner;
  readonly deadline: Deadline;
  /** Market time of the gate; absent where no gate is near. */
  readonly untilMs?: number | undefined;
  /** No other seller is left to be tried in the time that this one does not use. */
  readonly last?: boolean | undefined;
}

/** … about one offer. */
export interface Talk extends Conversation {
  readonly offer: Offer;
  /** The buyer's owner has said yes to it. */
  readonly approved?: boolean | undefined;
  /** What this seller lacks is to be bought from the next. */
  readonly moreWanted?: boolean | undefined;
}

const SENDS = 2;
/** One answer may use up one of so many parts of the time left to the gate … */
const PARTS_OF_TIME_LEFT = 3;
/** … but is always waited for so long, wall ms. */
const MIN_ANSWER_MS = 150;

/** How long an answer may take without costing the next seller in rank its chance, wall ms. */
export function patienceMs(ports: BecknPorts, talk: Pick<Conversation, "untilMs" | "last">): number {
  const { market } = ports;
  if (talk.untilMs === undefined || market.paused) return Number.POSITIVE_INFINITY;
  const leftMs = (talk.untilMs - market.nowMs()) / market.speed;
  return Math.max(MIN_ANSWER_MS, talk.last === true ? leftMs : leftMs / PARTS_OF_TIME_LEFT);
}

export interface Question {
  readonly action: Exclude<BecknRequestAction, "search" | "confirm" | "publish">;
  readonly content: BecknContent;
}

/** Asks and waits for the callback's order. @throws as `askFor`. */
export async function ask(
  parts: RequestParts,
  talk: Conversation,
  question: { readonly action: Question["action"]; readonly content: BecknOrder | string },
): Promise<BecknOrder> {
  const { action, content } = question;
  const said: BecknContent =
    typeof content === "string" ? { kind: "orderId", orderId: content } : { kind: "order", order: content };
  return askFor(parts, talk, { action, content: said, read: orderOf });
}

/**
 * Asks and waits for the callback.
 * @param question.read - what is made of its content
 * @throws what a NACK or the callback's `error` says, BECKN_CALLBACK_MISSING, PEER_UNREACHABLE, CALL_TIMEOUT.
 */
export async function askFor<Result>(
  parts: RequestParts,
  talk: Conversation,
  question: Question & { readonly read: (content: BecknContent) => Result },
): Promise<Result> {
  const { ports, carrier, audit, pending } = parts;
  const { action, content, read } = question;
  const { buyer, offer, deadline } = talk;
  checkMandate(ports, buyer, { action });
  const messageId = newId(ports);
  const seller = { agentId: offer.seller, uri: offer.sellerUri };
  const context = requestContext(ports, buyer, {
    action,
    transactionId: offer.transactionId,
    messageId,
    seller,
  });
  const { profile, transactionId } = offer;
  const body = bodyOf(profile, context, content);
  const to = offer.seller;
  const letter = { profile, action, messageId, peerId: offer.sellerPeerId, body, signer: buyer.signer, to };
  const answerAction: BecknCallbackAction = `on_${action}`;
  const digest = becknDigestOf(body);
  const wanted = { action: answerAction, seller: to, transactionId, digest };
  using expected = pending.expect(messageId, wanted);
  const limitMs = Math.min(patienceMs(ports, talk), deadline.leftMs());
  using limit = startDeadline(ports.clock, { timeoutMs: limitMs, signal: deadline.signal }, limitMs);
  for (let sent = 0; sent < SENDS && limit.leftMs() > 0; sent++) {
    const acknowledged = carrier.send(letter, { signal: limit.signal, timeoutMs: limit.leftMs() }).then(
      () => audit.noteMessage(context, "ACK"),
      (error: unknown) => {
        audit.noteMessage(context, isProtocolError(error) ? error.code : "failed");
        throw error;
      },
    );
    // The callback comes by a stream of its own and need not be the second to arrive.
    const callback = Promise.race([expected.callback, acknowledged.then(() => expected.callback)]);
    const waitMs = Math.min(context.ttlMs, limit.leftMs());
    const answer = await answerWithin(ports, callback, { waitMs, deadline });
    if (answer) {
      try {
        const { content: told, wire } = answer;
        if (told.kind === "fault") throw errorOfFault(wire, told.fault);
        return read(told);
      } catch (error) {
        audit.noteMessage(answer.context, isProtocolError(error) ? error.code : "failed");
        throw error;
      }
    }
  }
  throw new ProtocolError("BECKN_CALLBACK_MISSING", `no ${answerAction} from ${offer.sellerName}`);
}

/** The callback, or undefined after `waitMs`. @throws when the whole purchase runs out of time. */
export async function answerWithin(
  ports: BecknPorts,
  callback: Promise<BecknReceived>,
  options: { readonly waitMs: number; readonly deadline: Deadline },
): Promise<BecknReceived | undefined> {
  using wait = startDeadline(
    ports.clock,
    { timeoutMs: options.waitMs, signal: options.deadline.signal },
    options.waitMs,
  );
  try {
    return await until(callback, wait.signal);
  } catch (error) {
    if (options.deadline.signal.aborted) throw options.deadline.signal.reason;
    if (isProtocolError(error) && error.code === "CALL_TIMEOUT") return undefined;
    throw error;
  }
}

/** @throws SCHEMA_INVALID. */
export function orderOf(content: BecknContent): BecknOrder {
  if (content.kind !== "order" || content.order.further)
    throw new ProtocolError("SCHEMA_INVALID", "the callback holds no order of one slot");
  return content.order;
}

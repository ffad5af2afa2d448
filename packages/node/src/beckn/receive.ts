/** What arrives: up the ladder, to the side it is for, and back as a signed ACK or NACK. */

import {
  type BecknContext,
  becknV1,
  type BecknWire,
  becknWire,
  callbackBinding,
  decodeRequestHeader,
  isCallback,
  isProtocolError,
  ProtocolError,
  signBeckn,
  toProtocolError,
} from "@gridmesh/protocol";
import type { Answers } from "./answers.ts";
import type { Asked } from "./asked.ts";
import type { Audit } from "./audit.ts";
import { type Carrier, type Frame, replyFrame, replyTo } from "./carrier.ts";
import type { Catalogs } from "./catalogs.ts";
import { concludeOrder } from "./decision.ts";
import type { Waiting } from "./mandate.ts";
import {
  addressee,
  type BecknReceived,
  checkSpoken,
  checkTtl,
  type Opened,
  openContext,
  senderUri,
  type Verified,
  verifyFrame,
} from "./inbound.ts";
import { answerOutside, isFinal, type OutsideRoom } from "./outside.ts";
import type { PendingCallbacks } from "./pending.ts";
import { type Policy, Recent } from "./policy.ts";
import { bodyOf, callbackContext } from "./messages.ts";
import { ACK_WAIT_MS, type BecknPorts, type LocalAgent } from "./ports.ts";
import type { Search } from "./search.ts";
import type { Callback } from "./seller-room.ts";
import type { Seller } from "./seller.ts";
import type { OutsideProgram, OutsideReply } from "./types.ts";

/** Callbacks kept so that a repeated request gets the same one again. */
const MAX_KEPT_CALLBACKS = 4_096;
const RETRY_FIRST_MS = 5_000;
const RETRY_MOST_MS = 300_000;
const CALLBACK_TRIES = 5;

export interface ReceiveParts {
  readonly ports: BecknPorts;
  readonly policy: Policy;
  readonly audit: Audit;
  readonly pending: PendingCallbacks;
  readonly seller: Seller;
  readonly answers: Answers;
  readonly searches: Recent<Search>;
  readonly asked: Asked;
  readonly catalogs: Catalogs;
  readonly waiting: Waiting;
  readonly carrier: Carrier;
  readonly outside: Pick<OutsideRoom, "programOf">;
  readonly background: (work: Promise<unknown>) => void;
  /** Aborted when the room closes. */
  readonly signal: AbortSignal;
}

interface Room extends ReceiveParts {
  readonly callbacks: Recent<Callback>;
  /** What programs outside said. */
  readonly answered: Recent<OutsideReply>;
  /** What they are being asked now. */
  readonly asking: Map<string, Promise<OutsideReply>>;
}

/** Answers one frame; never throws. */
export function createReceiver(
  parts: ReceiveParts,
): (frame: Frame, from: string, publicKey?: Uint8Array) => Promise<Frame> {
  const room: Room = {
    ...parts,
    callbacks: new Recent(MAX_KEPT_CALLBACKS),
    answered: new Recent(MAX_KEPT_CALLBACKS),
    asking: new Map(),
  };
  const { ports, policy, audit, outside } = parts;
  return async (frame, from, publicKey) => {
    let verified: Verified | undefined;
    let opened: Opened | undefined;
    let to: LocalAgent | undefined;
    try {
      if (from !== ports.peerId) policy.admit("stream", from);
      verified = verifyFrame(ports, frame, { publicKey, asked: room.asked });
      policy.admit("stream", verified.signerId);
      opened = opening(room, verified);
      const search = opened.context.action === "search";
      to = search ? ports.agents.sellers()[0] : addressee(ports, opened.context);
      const isPublishing = opened.context.action === "publish";
      const program = search || isPublishing || to === undefined ? undefined : outside.programOf(to.name);
      if (program !== undefined) return await passOn(room, { program, opened, to });
      checkSpoken(ports, verified);
      await take(room, opened, to);
      audit.noteMessage(opened.context, "ACK");
      return reply(ports, { frame, verified, opened, to });
    } catch (error) {
      const refusal = toProtocolError(error, "INTERNAL_ERROR");
      if (opened) audit.noteMessage(opened.context, refusal.code);
      logRefusal(ports, { refusal, error, opened });
      return reply(ports, { frame, verified, opened, to, refusal });
    }
  };
}

/** Programs outside judge by themselves how their partners write; agents of this node are as strict as it is. */
function opening({ ports, outside }: Room, verified: Verified): Opened {
  const reading = ports.settings?.inbound ?? "strict";
  try {
    return openContext(ports, verified, reading);
  } catch (error) {
    if (reading === "tolerant" || !isProtocolError(error)) throw error;
    const opened = openContext(ports, verified, "tolerant");
    if (outside.programOf(addressee(ports, opened.context).name) === undefined) throw error;
    return opened;
  }
}

/** Unseen and in time: what it means is for the program that stands behind the agent, and so is the answer. */
async function passOn(
  room: Room,
  about: {
    readonly program: OutsideProgram;
    readonly opened: Opened;
    readonly to: LocalAgent | undefined;
  },
): Promise<Frame> {
  const { ports, policy, audit, answered } = room;
  const { program, opened, to } = about;
  const { context, digest, signerId } = opened;
  const key = `${signerId} ${context.messageId} ${context.action}`;
  const seen = policy.seen(signerId, `${context.action} ${context.messageId}`, digest);
  if (seen === "other") throw new ProtocolError("ORDER_CONFLICT", "this id was used for another body");
  const binding = context.action === "confirm" || context.action === "on_confirm";
  if (seen === "new" && !binding) {
    policy.count(context.transactionId, signerId);
    if (context.action === "select") policy.open(context.transactionId, signerId);
    checkTtl(ports, context);
  }
  const reply = (seen === "same" && answered.get(key)) || (await askedOnce(room, program, opened));
  if (isFinal(reply)) {
    policy.remember(signerId, `${context.action} ${context.messageId}`, digest);
    answered.set(key, reply);
  }
  audit.noteMessage(context, `outside ${reply.status}`);
  return replyFrame({
    ...reply,
    signer: to?.signer,
    requestSignature: opened.authorization.signature,
    nowMs: ports.clock.nowMs(),
  });
}

/** A copy that comes meanwhile waits for the same answer. */
function askedOnce(
  { asking }: Pick<Room, "asking">,
  program: OutsideProgram,
  opened: Opened,
): Promise<OutsideReply> {
  const key = `${opened.signerId} ${opened.digest}`;
  const underWay = asking.get(key);
  if (underWay !== undefined) return underWay;
  const asked = answerOutside(program, opened).finally(() => asking.delete(key));
  asking.set(key, asked);
  return asked;
}

/** Unseen, in time, well-formed: only then does it reach its side. */
async function take(room: Room, opened: Opened, to: LocalAgent | undefined): Promise<void> {
  const { ports, policy, answers } = room;
  const { context, digest, signerId } = opened;
  const seen = policy.seen(signerId, context.messageId, digest);
  // The journal, not this table, tells whether a confirm is known: it also remembers across restarts.
  const binding = context.action === "confirm" || context.action === "on_confirm";
  if (!binding) checkRepeat(ports, context, seen);
  if (seen === "same" && repeated(room, opened, to)) return;
  if (!binding) {
    policy.count(context.transactionId, signerId);
    if (context.action === "select") policy.open(context.transactionId, signerId);
    checkTtl(ports, context);
  }
  if (context.action === "search") answers.hear(opened);
  else if (to) await takeFor(room, opened, to);
  policy.remember(signerId, context.messageId, digest);
}

/** @throws ORDER_CONFLICT, MESSAGE_REPLAYED where the owner wants no repeats. */
function checkRepeat(ports: BecknPorts, { messageId }: BecknContext, seen: "new" | "same" | "other"): void {
  if (seen === "other") throw new ProtocolError("ORDER_CONFLICT", "this id was used for another body");
  if (seen === "same" && ports.settings?.duplicates === "reject")
    throw new ProtocolError("MESSAGE_REPLAYED", `message ${messageId} is known`);
}

/** Whether a repeat needs nothing more: the same callback once more, or just the same ACK. */
function repeated(room: Room, opened: Opened, to: LocalAgent | undefined): boolean {
  const { action, messageId } = opened.context;
  if (action === "confirm" || action === "status") return false;
  const callback = room.callbacks.get(`${opened.signerId} ${messageId}`);
  if (callback && to) room.background(deliver(room, { callback, to, opened }));
  return true;
}

async function takeFor(room: Room, opened: Opened, to: LocalAgent): Promise<void> {
  const { action } = opened.context;
  const content = opened.wire.decodeContent(opened.json, opened.context, opened.reading);
  const received: BecknReceived = { ...opened, content, to, sender: senderUri(opened.context) };
  if (action === "publish") return publish(room, received);
  if (isCallback(action)) return takeCallback(room, received);
  const callback = await room.seller.answer(received);
  room.callbacks.set(`${opened.signerId} ${opened.context.messageId}`, callback);
  room.background(deliver(room, { callback, to, opened }));
}

/** What the program behind an agent has on offer: this node answers searches with it, and tells the program so. */
function publish(room: Room, received: BecknReceived): void {
  const { ports, outside } = room;
  const { to, wire, context, digest, signerId, authorization } = received;
  const program = outside.programOf(to.name);
  if (program === undefined || signerId !== to.agentId) {
    throw new ProtocolError(
      "UNAUTHORIZED",
      "catalogs are published by the program behind an agent of this node",
    );
  }
  const content = { kind: "published", results: room.catalogs.publish(received) } as const;
  const { profile } = wire;
  const reply = callbackContext(ports, to, { action: "on_publish", request: context, digest });
  const body = bodyOf(profile, reply, content);
  const binding = callbackBinding(profile, authorization.signature);
  const signed = signBeckn(body, to.signer, { ...binding, nowS: ports.clock.nowMs() / 1_000 });
  const message = { profile, action: "on_publish", authorization: signed, body } as const;
  room.background(program(message, { timeoutMs: ACK_WAIT_MS }));
}

/** @throws BECKN_ACTION_UNEXPECTED for an answer to what was not asked. */
async function takeCallback(room: Room, received: BecknReceived): Promise<void> {
  const { action } = received.context;
  if (action === "on_search") return takeOffers(room, received);
  if (action === "on_confirm") {
    await concludeOrder(room.ports, received);
    room.pending.settle(received);
    return;
  }
  if (!room.pending.settle(received) && !isNewsOfOwnOrder(room, received)) throw unexpected();
}

function takeOffers(room: Room, received: BecknReceived): void {
  const { context, content, to } = received;
  const search = room.searches.get(context.transactionId);
  if (!search?.asked(context.messageId) || search.buyer.agentId !== to.agentId) throw unexpected();
  if (content.kind === "openCatalog") {
    throw new ProtocolError("SCHEMA_INVALID", "the offers leave open what would bind");
  }
  if (content.kind === "catalog") search.take(received, content.catalog);
}

/** An on_status may come unasked, from the seller of an order of ours. */
function isNewsOfOwnOrder(room: Room, received: BecknReceived): boolean {
  const { context, content, signerId, to } = received;
  if (context.action !== "on_status" || content.kind !== "order") return false;
  const key = { buyer: to.agentId, orderId: content.order.orderId ?? "" };
  return room.ports.desk.order(to.agentId, key)?.counterparty === signerId;
}

function unexpected(): ProtocolError {
  return new ProtocolError("BECKN_ACTION_UNEXPECTED", "nothing was asked that this answers");
}

/** Sends a callback; an absent buyer is tried again while the callback still means something. */
async function deliver(
  room: Room,
  about: { readonly callback: Callback; readonly to: LocalAgent; readonly opened: Opened },
): Promise<void> {
  const { callback, to, opened } = about;
  const peerId = senderUri(opened.context).peerId;
  // A decision is kept for years and said again after restarts: its body names its request, and that must do.
  const answers = callback.action === "on_confirm" ? undefined : opened.authorization.signature;
  await deliverCallback(room, { callback, seller: to, peerId, buyer: opened.signerId, answers });
}

/** @throws nothing expected: what cannot be delivered is noted. */
export async function deliverCallback(
  parts: Pick<ReceiveParts, "ports" | "audit" | "carrier" | "signal">,
  mail: {
    readonly callback: Callback;
    readonly seller: LocalAgent;
    readonly peerId: string;
    readonly buyer: string;
    /** Signature of the request; absent for what nobody asked for. */
    readonly answers?: string | undefined;
  },
): Promise<void> {
  const { ports, audit, carrier, signal } = parts;
  const { callback, seller, peerId, buyer, answers } = mail;
  const { profile, action, context, body } = callback;
  const { messageId } = context;
  const letter = { profile, action, messageId, peerId, body, signer: seller.signer, to: buyer, answers };
  const endMs =
    action === "on_select" || action === "on_init" ? context.timestampMs + context.ttlMs : Infinity;
  let waitMs = RETRY_FIRST_MS;
  for (let tried = 1; ; tried++) {
    try {
      await carrier.send(letter, { signal });
      audit.noteMessage(context, "ACK");
      return;
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      audit.noteMessage(context, error.code);
      const fields = { agent: seller.name, transactionId: context.transactionId, code: error.code };
      ports.log.debug("trade.callback", `${action} not delivered: ${error.message}`, fields);
      const again = error.retryable && tried < CALLBACK_TRIES && !signal.aborted;
      if (!again || ports.clock.nowMs() + waitMs > endMs) return;
    }
    try {
      await ports.clock.sleep(waitMs, signal);
    } catch {
      return;
    }
    waitMs = Math.min(waitMs * 2, RETRY_MOST_MS);
  }
}

/** In the words of the request's own revision, as far as it could be read. */
function reply(
  ports: BecknPorts,
  about: {
    readonly frame: Frame;
    readonly verified: Verified | undefined;
    readonly opened: Opened | undefined;
    readonly to: LocalAgent | undefined;
    readonly refusal?: ProtocolError | undefined;
  },
): Frame {
  const { frame, verified, opened, to, refusal } = about;
  const { authorization, digest } = verified ?? {};
  return replyTo({
    wire: verified?.wire ?? wireOfFrame(frame),
    refusal,
    signer: to?.signer,
    request:
      authorization && digest !== undefined
        ? { signature: authorization.signature, digest, messageId: opened?.context.messageId }
        : undefined,
    nowMs: ports.clock.nowMs(),
  });
}

function wireOfFrame({ header }: Frame): BecknWire {
  try {
    return becknWire(decodeRequestHeader(header).profile) ?? becknV1;
  } catch {
    return becknV1;
  }
}

function logRefusal(
  ports: BecknPorts,
  about: { readonly refusal: ProtocolError; readonly error: unknown; readonly opened: Opened | undefined },
): void {
  const { refusal, error, opened } = about;
  const fields = { code: refusal.code, transactionId: opened?.context.transactionId };
  const text = `${opened?.context.action ?? "frame"} refused: ${refusal.message}`;
  if (isProtocolError(error)) ports.log.debug("beckn.refused", text, fields);
  else ports.log.error("beckn.failed", text, fields);
}

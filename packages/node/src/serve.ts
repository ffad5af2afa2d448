/**
 * The life of a signed message between two nodes, top to bottom: wire, decode, verify, fresh, admit, route, agent,
 * reply. Each step throws a ProtocolError or passes its value on; only this file logs and answers errors.
 */

import {
  type ErrorCode,
  errorResponseOf,
  type ErrorResponse,
  fromErrorResponse,
  ProtocolError,
  seal,
  type SealedMessage,
  type Signer,
  toProtocolError,
  uuidV7,
} from "@gridmesh/protocol";
import type { Clock, Random, Wait } from "./clock.ts";
import { type Deadline, startDeadline, until } from "./deadline.ts";
import type { Bans } from "./gate/admit.ts";
import { type Pacer, patiently } from "./gate/pace.ts";
import type { RateGate } from "./gate/rate-limit.ts";
import type { Verifier } from "./gate/verify.ts";
import { nodeLimits } from "./limits.ts";
import type { BindingBook } from "./link/bindings.ts";
import { bodiesOf, type Channel, channelLimits, CRITICAL, protocolIds, sendMessage } from "./link/channel.ts";
import type { Exchanged, LinkExchange, MessageHandler } from "./link/exchange.ts";
import { causeOf, endsLink, endsStream, isOfContent, isProven } from "./link/refusal.ts";
import { PeerSession } from "./link/session.ts";
import type { Log } from "./log.ts";
import type { MessageMeter } from "./message-meter.ts";
import type { Link, Transport } from "./network/transport.ts";
import type { Draft, Received, SignedExchange, SignedProtocol } from "./signed-exchange.ts";

export interface ServeOptions {
  readonly network: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The node's own key. */
  readonly signer: Signer;
  readonly bindings: BindingBook;
  readonly verifier: Verifier;
  readonly rates: RateGate;
  readonly pacer: Pacer;
  readonly bans: Bans;
  readonly meter: MessageMeter;
  /** Makes sure there is a link. @throws PEER_NOT_FOUND, PEER_UNREACHABLE. */
  readonly reach: (peerId: string, wait: Wait) => Promise<void>;
}

type SignedWait = Wait & { readonly signer: Signer };

interface By {
  readonly deadline: Deadline;
  readonly signer: Signer;
}

/** What is known of a message that failed. */
interface Failed {
  /** The message, or its bytes if it could not be opened. */
  readonly cause?: Uint8Array | Received["message"] | undefined;
  /** Its signer, once the signature held. */
  readonly signerId?: string | undefined;
}

const HANDLERS_PER_PEER = 16;
/** No node has so many links: some of these sessions are of peers that went. */
const SWEEP_ABOVE = 1_024;

/** Answers and asks over the control and trade streams; dispose it to end them all. */
export class Serve implements LinkExchange, Disposable {
  readonly #node: ServeOptions;
  readonly #handlers = new Map<string, MessageHandler>();
  readonly #greetings = new Set<string>();
  readonly #sessions = new Map<string, PeerSession>();
  readonly #endListeners = new Set<(channel: Channel) => void>();
  readonly #partings = new Set<(peerId: string, error: ProtocolError) => void>();
  readonly #listeners = new DisposableStack();

  constructor(options: ServeOptions) {
    this.#node = options;
    for (const protocol of ["control", "trade"] as const) {
      this.#listeners.use(
        options.transport.handle(protocolIds[protocol], channelLimits[protocol], (stream, from) => {
          const channel: Channel = { peerId: from.peerId, protocol, outbound: false, stream };
          this.session(from.peerId).accepted.set(protocol, channel);
          void this.#read(channel, from);
        }),
      );
    }
  }

  // wire: frames come one at a time, so a slow ladder slows its sender.
  async #read(channel: Channel, from: Link): Promise<void> {
    let ended = new ProtocolError("STREAM_RESET", "the stream ended");
    try {
      for await (const body of bodiesOf(channel)) await this.#climb(channel, from, body);
    } catch (error) {
      ended = toProtocolError(error, "STREAM_RESET");
      if (ended.code !== "STREAM_RESET") {
        this.#node.meter.refused(channel.protocol, 0, ended.code);
        await this.#refuse(channel, ended, {});
      }
    }
    this.#sessions.get(channel.peerId)?.lose(channel, ended);
    channel.stream
      .close({ timeoutMs: nodeLimits.errorFlushMs })
      .catch(() => channel.stream.reset("not closed"));
    for (const fn of this.#endListeners) fn(channel);
  }

  // admit (rate) → decode, verify, fresh → admit (hello) → route; the agent runs beside the next frame.
  async #climb(channel: Channel, from: Link, body: Uint8Array): Promise<void> {
    const { bans, rates, verifier, meter } = this.#node;
    let signerId: string | undefined;
    try {
      bans.check(channel.peerId);
      rates.admit(channel.peerId);
      const opened = verifier.open(body, channel.peerId);
      const { type, messageId, message } = opened;
      signerId = opened.signerId;
      bans.check(signerId);
      const received: Received = { type, messageId, message, signerId, from };
      const session = this.session(channel.peerId);
      const handler = this.#settle(session, received, opened.body)
        ? undefined
        : this.#route(session, channel.protocol, type);
      meter.accepted(channel.protocol, body.length);
      if (handler === undefined) return;
      void this.#run(channel, received, handler);
    } catch (error) {
      const known = toProtocolError(error, "INTERNAL_ERROR");
      meter.refused(channel.protocol, body.length, known.code);
      await this.#refuse(channel, known, { cause: body, signerId });
      if (endsStream(known.code)) throw new ProtocolError("STREAM_RESET", `ended by ${known.code}`);
    }
  }

  /** True when the message answers one of ours, or is an error: those are never answered. */
  #settle(session: PeerSession, received: Received, body: Readonly<Record<string, unknown>>): boolean {
    if (received.type === "error_response") {
      const response = body as unknown as ErrorResponse;
      const error = fromErrorResponse(response);
      const { peerId } = session;
      this.#node.log.debug("message.refused", `${error.code}: ${error.message}`, {
        peer: peerId,
        code: error.code,
      });
      if (response.original_message_id !== null) session.answer(response.original_message_id, error);
      return true;
    }
    const original = received.message["in_reply_to"];
    return typeof original === "string" && session.answer(original, received);
  }

  #route(session: PeerSession, protocol: SignedProtocol, type: string): MessageHandler {
    const handler = this.#handlers.get(keyOf(protocol, type));
    if (handler === undefined) throw new ProtocolError("TYPE_UNKNOWN", `${type} is not answered here`);
    if (!session.admitted && !this.#greetings.has(type))
      throw new ProtocolError("HELLO_REQUIRED", "no hello yet");
    if (session.inFlight >= HANDLERS_PER_PEER) {
      throw new ProtocolError("TOO_MANY_STREAMS", "too many messages under way", {
        data: { retry_after_ms: 200 },
      });
    }
    return handler;
  }

  // agent → reply
  async #run(channel: Channel, received: Received, handler: MessageHandler): Promise<void> {
    const session = this.session(channel.peerId);
    session.inFlight += 1;
    try {
      const reply = await handler(received);
      if (reply === undefined) return;
      using deadline = startDeadline(this.#node.clock, {}, nodeLimits.callTimeoutMs);
      await this.#paced(
        channel,
        { ...reply.draft, in_reply_to: received.messageId },
        { deadline, signer: reply.signer },
      );
      reply.afterwards?.();
    } catch (error) {
      const known = toProtocolError(error, "INTERNAL_ERROR");
      this.#node.meter.error(known.code);
      await this.#refuse(channel, known, { cause: received.message, signerId: received.signerId });
    } finally {
      session.inFlight -= 1;
    }
  }

  async #refuse(channel: Channel, error: ProtocolError, failed: Failed): Promise<void> {
    const { bans, log } = this.#node;
    const { peerId } = channel;
    const { code } = error;
    log[code === "INTERNAL_ERROR" ? "error" : "debug"]("message.error", `${code}: ${error.message}`, {
      peer: peerId,
      code,
    });
    const bannedNow = bans.offence(peerId, code);
    // Who signed it answers for what it says, also where it came through another of its node's agents.
    if (failed.signerId !== undefined && isOfContent(code)) bans.offence(failed.signerId, code);
    const told = bannedNow
      ? new ProtocolError("PEER_BANNED", `banned for ${code}`, bans.left(peerId))
      : error;
    if (this.#mayTell(peerId, code, failed) || bannedNow) {
      const sealed = this.#sealError(peerId, told, failed.cause);
      // A stream that cannot take the error is gone already.
      await this.#send(channel, sealed, { timeoutMs: nodeLimits.errorFlushMs }).catch(() => undefined);
    }
    if (!bannedNow && !endsLink(code)) return;
    await this.#leave(channel, told);
    if (!bannedNow) for (const fn of this.#partings) fn(peerId, error);
  }

  /** Nothing is proven before the signature held: errors to it are few, so that they amplify nothing. */
  #mayTell(peerId: string, code: ErrorCode, { cause, signerId }: Failed): boolean {
    // An error is never answered: two nodes whose clocks differ would refuse each other's refusals for ever.
    if (code === "STREAM_RESET" || causeOf(cause).type === "error_response") return false;
    return (signerId !== undefined && isProven(code)) || this.#node.rates.mayTellError(peerId);
  }

  /** Cutting the link at once would overtake the error: who reads it leaves by itself. */
  async #leave(channel: Channel, why: ProtocolError): Promise<void> {
    const { log, transport, clock } = this.#node;
    const { peerId, stream } = channel;
    log.warn("peer.refused", `${peerId}: ${why.message}`, { peer: peerId, code: why.code });
    await stream.closeWrite({ timeoutMs: nodeLimits.errorFlushMs }).catch(() => undefined);
    await Promise.race([stream.closed, clock.sleep(nodeLimits.errorFlushMs)]);
    await transport.hangUp(peerId, why.code);
  }

  #sealError(peerId: string, error: ProtocolError, cause: Failed["cause"]): SealedMessage {
    const { signer, network } = this.#node;
    const { id, network: theirs } = causeOf(cause);
    const draft = { type: "error_response", recipient_id: peerId, ...errorResponseOf(error, id) };
    // A node of another network can read this one error only under its own network's name.
    return this.#seal(draft, signer, error.code === "NETWORK_MISMATCH" ? (theirs ?? network) : network);
  }

  #seal(draft: Draft, signer: Signer, network: string = this.#node.network): SealedMessage {
    const { clock, random, bindings } = this.#node;
    const nowS = Math.floor(clock.nowMs() / 1000);
    return seal(draft, { network, signer, nowS, random, binding: bindings.of(signer.agentId) });
  }

  handle(protocol: SignedProtocol, type: string, on: MessageHandler): Disposable {
    this.#handlers.set(keyOf(protocol, type), on);
    return { [Symbol.dispose]: () => this.#handlers.delete(keyOf(protocol, type)) };
  }

  greet(type: string, on: MessageHandler): Disposable {
    this.#greetings.add(type);
    return this.handle("control", type, on);
  }

  async request(
    ...[peerId, protocol, draft, wait]: Parameters<SignedExchange["request"]>
  ): Promise<Received> {
    using deadline = startDeadline(this.#node.clock, wait, nodeLimits.callTimeoutMs);
    const channel = await this.#channelTo(peerId, protocol, deadline);
    const { answer } = await patiently(this.#node.clock, deadline.signal, () =>
      this.#asked(channel, draft, { deadline, signer: wait.signer }),
    );
    return answer;
  }

  async tell(...[peerId, protocol, draft, wait]: Parameters<SignedExchange["tell"]>): Promise<void> {
    using deadline = startDeadline(this.#node.clock, wait, nodeLimits.callTimeoutMs);
    const channel = await this.#channelTo(peerId, protocol, deadline);
    await this.#paced(channel, draft, { deadline, signer: wait.signer });
  }

  async pass(peerId: string, record: SealedMessage, wait: Wait): Promise<void> {
    using deadline = startDeadline(this.#node.clock, wait, nodeLimits.callTimeoutMs);
    const channel = await this.#channelTo(peerId, "control", deadline);
    await this.#node.pacer.turn(peerId, deadline.signal);
    await this.#send(channel, record, { timeoutMs: deadline.leftMs(), signal: deadline.signal });
  }

  async ask(channel: Channel, draft: Draft, wait: SignedWait): Promise<Exchanged> {
    using deadline = startDeadline(this.#node.clock, wait, nodeLimits.callTimeoutMs);
    return await this.#asked(channel, draft, { deadline, signer: wait.signer });
  }

  async #asked(channel: Channel, draft: Draft, by: By): Promise<Exchanged> {
    const { signal } = by.deadline;
    const session = this.session(channel.peerId);
    const message_id = uuidV7(this.#node.clock.nowMs(), this.#node.random);
    const answered = session.expect(message_id, channel);
    try {
      const sent = await this.#paced(channel, { ...draft, message_id }, by);
      return { sent, answer: await until(answered, signal) };
    } finally {
      session.giveUp(message_id);
    }
  }

  /** Seals when it is the message's turn, so that it leaves fresh. */
  async #paced(channel: Channel, draft: Draft, { deadline, signer }: By): Promise<SealedMessage> {
    const { pacer } = this.#node;
    const { signal } = deadline;
    if (CRITICAL.has(draft.type)) pacer.note(channel.peerId);
    else await pacer.turn(channel.peerId, signal);
    const sealed = this.#seal(draft, signer);
    await this.#send(channel, sealed, { timeoutMs: deadline.leftMs(), signal });
    return sealed;
  }

  async #send(channel: Channel, sealed: SealedMessage, wait: Wait): Promise<void> {
    this.#node.meter.sent(channel.protocol, await sendMessage(channel, sealed, wait));
  }

  /** Control has one stream for both directions; trade is opened by who sends. */
  async #channelTo(peerId: string, protocol: SignedProtocol, deadline: Deadline): Promise<Channel> {
    const { bans, transport, reach } = this.#node;
    const { signal } = deadline;
    bans.check(peerId);
    if (!transport.links().some((link) => link.peerId === peerId)) {
      await until(reach(peerId, { timeoutMs: deadline.leftMs(), signal }), signal);
    }
    const session = this.session(peerId);
    await until(session.greeted, signal);
    const accepted = session.accepted.get("control");
    if (protocol === "control" && accepted !== undefined && !session.opened.has("control")) return accepted;
    return until(this.openChannel(peerId, protocol, { timeoutMs: deadline.leftMs(), signal }), signal);
  }

  openChannel(peerId: string, protocol: SignedProtocol, wait: Wait): Promise<Channel> {
    const session = this.session(peerId);
    const known = session.opened.get(protocol);
    if (known !== undefined) return known;
    const opening = this.#open(peerId, protocol, wait);
    session.opened.set(protocol, opening);
    const drop = () => {
      if (session.opened.get(protocol) === opening) session.opened.delete(protocol);
    };
    opening.then((channel) => channel.stream.closed.then(drop), drop);
    return opening;
  }

  async #open(peerId: string, protocol: SignedProtocol, wait: Wait): Promise<Channel> {
    const { transport } = this.#node;
    const stream = await transport.open(peerId, protocolIds[protocol], wait);
    const channel: Channel = { peerId, protocol, outbound: true, stream };
    const link = transport.links().find((one) => one.peerId === peerId);
    if (link === undefined) throw new ProtocolError("STREAM_RESET", "the link went");
    void this.#read(channel, link);
    return channel;
  }

  session(peerId: string): PeerSession {
    const known = this.#sessions.get(peerId);
    if (known !== undefined) return known;
    if (this.#sessions.size >= SWEEP_ABOVE) this.#forgetUnlinked();
    const fresh = new PeerSession(peerId);
    this.#sessions.set(peerId, fresh);
    return fresh;
  }

  /** A message that was still on its way when its link went has left a session behind. */
  #forgetUnlinked(): void {
    const linked = new Set(this.#node.transport.links().map((link) => link.peerId));
    for (const peerId of this.#sessions.keys()) if (!linked.has(peerId)) this.forget(peerId);
  }

  sessions(): readonly PeerSession[] {
    return [...this.#sessions.values()];
  }

  onChannelEnd(fn: (channel: Channel) => void): Disposable {
    this.#endListeners.add(fn);
    return { [Symbol.dispose]: () => this.#endListeners.delete(fn) };
  }

  onParted(fn: (peerId: string, error: ProtocolError) => void): Disposable {
    this.#partings.add(fn);
    return { [Symbol.dispose]: () => this.#partings.delete(fn) };
  }

  forget(peerId: string): void {
    this.#sessions.get(peerId)?.end(new ProtocolError("STREAM_RESET", "the peer went"));
    this.#sessions.delete(peerId);
    this.#node.verifier.forget(peerId);
  }

  [Symbol.dispose](): void {
    this.#listeners.dispose();
    for (const peerId of this.#sessions.keys()) this.forget(peerId);
  }
}

function keyOf(protocol: SignedProtocol, type: string): string {
  return `${protocol} ${type}`;
}

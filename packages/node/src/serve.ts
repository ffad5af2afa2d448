/**
 * The life of a signed message between two nodes, top to bottom: wire, decode, verify, fresh, admit, route, agent,
 * reply. Each step throws a ProtocolError or passes its value on; only this file logs and answers errors.
 */

import {
  agentIdFromPeerId,
  type Codecs,
  decodeBody,
  type ErrorCode,
  errorResponseOf,
  type ErrorResponse,
  fromErrorResponse,
  type JsonValue,
  limits,
  type OpenedMessage,
  type Priority,
  priorityOf,
  ProtocolError,
  type SealedMessage,
  toProtocolError,
} from "@gridmesh/protocol";
import type { Wait } from "./clock.ts";
import { startDeadline } from "./deadline.ts";
import type { RateGate } from "./gate/rate-limit.ts";
import type { Verifier } from "./gate/verify.ts";
import { nodeLimits } from "./limits.ts";
import { type Channel, channelLimits, framesOf, protocolIds } from "./link/channel.ts";
import { theirsStays } from "./link/control-race.ts";
import type { AskOptions, Exchanged, LinkExchange, MessageHandler } from "./link/exchange.ts";
import type { Extensions } from "./link/extensions.ts";
import { Outbound, type OutboundOptions } from "./link/outbound.ts";
import { causeOf, endsLink, endsStream, isOfContent, isProven } from "./link/refusal.ts";
import { PeerSession } from "./link/session.ts";
import type { Log } from "./log.ts";
import type { Link } from "./network/transport.ts";
import type { Draft, Received, SignedExchange, SignedProtocol } from "./signed-exchange.ts";

export interface ServeOptions extends Omit<OutboundOptions, "classOf" | "sessionOf" | "read"> {
  readonly log: Log;
  readonly verifier: Verifier;
  readonly rates: RateGate;
  readonly extensions: Extensions;
  /** Is this signer's critical taken as such? A stranger's is high. */
  readonly isTrusted: (agentId: string) => boolean;
  /** The spellings of messages this node has loaded beside JSON. */
  readonly codecs: Codecs;
}

/** What is known of a message that failed. */
interface Failed {
  /** The message as far as it could be read, whether proven or not. */
  readonly cause?: JsonValue | undefined;
  /** Its signer, once the signature held. */
  readonly signerId?: string | undefined;
}

const HANDLERS_PER_PEER = 16;
/** No node has so many links: some of these sessions are of peers that went. */
const SWEEP_ABOVE = 1_024;

/** Answers and asks over the control and trade streams; dispose it to end them all. */
export class Serve implements LinkExchange, Disposable {
  readonly #node: ServeOptions;
  readonly #outbound: Outbound;
  readonly #handlers = new Map<string, MessageHandler>();
  readonly #greetings = new Set<string>();
  readonly #sessions = new Map<string, PeerSession>();
  readonly #endListeners = new Set<(channel: Channel) => void>();
  readonly #staleListeners = new Set<(peerId: string, timestampS: number) => void>();
  readonly #partings = new Set<(peerId: string, error: ProtocolError) => void>();
  readonly #listeners = new DisposableStack();

  constructor(options: ServeOptions) {
    this.#node = options;
    this.#outbound = new Outbound({
      ...options,
      classOf: (draft) => this.#classOf(draft.type, draft["extension_version"], true),
      sessionOf: (peerId) => this.session(peerId),
      read: (channel, link) => void this.#read(channel, link),
    });
    for (const protocol of ["control", "trade"] as const) {
      this.#listeners.use(
        options.transport.handle(protocolIds[protocol], channelLimits[protocol], (stream, from) => {
          const channel: Channel = { peerId: from.peerId, protocol, outbound: false, stream };
          if (this.#accept(channel)) void this.#read(channel, from);
        }),
      );
    }
  }

  /** Two may open a control stream at once: one of them stays, and a newer one of the same side replaces the older. */
  #accept(channel: Channel): boolean {
    const { peerId, protocol } = channel;
    const session = this.session(peerId);
    const older = session.accepted.get(protocol);
    const ours = protocol === "control" ? session.opened.get("control") : undefined;
    if (ours !== undefined) {
      if (!theirsStays(this.#node.transport.peerId, peerId)) {
        this.#end(channel);
        return false;
      }
      session.opened.delete("control");
      ours.then(
        (mine) => this.#end(mine),
        () => undefined,
      );
    }
    session.accepted.set(protocol, channel);
    if (protocol === "control" && older !== undefined) this.#end(older);
    return true;
  }

  #end({ stream }: Channel): void {
    stream.close({ timeoutMs: nodeLimits.errorFlushMs }).catch(() => stream.reset("not closed"));
  }

  // wire: frames come one at a time, so a slow ladder slows its sender.
  async #read(channel: Channel, from: Link): Promise<void> {
    let ended = new ProtocolError("STREAM_RESET", "the stream ended");
    try {
      for await (const frame of framesOf(channel)) await this.#climb(channel, from, frame);
    } catch (error) {
      ended = toProtocolError(error, "STREAM_RESET");
      if (ended.code !== "STREAM_RESET") {
        this.#node.meter.refused(channel.protocol, 0, ended.code);
        await this.#refuse(channel, ended, {});
      }
    }
    this.#sessions.get(channel.peerId)?.lose(channel, ended);
    this.#end(channel);
    for (const fn of this.#endListeners) fn(channel);
  }

  // admit (rate) → decode → admit (load) → verify, fresh → admit (hello) → route; the agent runs beside the next frame.
  async #climb(channel: Channel, from: Link, frame: Uint8Array): Promise<void> {
    const { bans, rates, meter } = this.#node;
    const { peerId, protocol } = channel;
    let cause: JsonValue | undefined;
    let signerId: string | undefined;
    try {
      bans.check(peerId);
      rates.admitPeer(peerId);
      const session = this.session(peerId);
      cause = decodeBody(frame, { form: session.reads(protocol), maxBytes: limits.controlFrameBytes });
      const opened = this.#prove(session, cause);
      signerId = opened.signerId;
      session.heardMs = this.#node.clock.monotonicMs();
      // Of a key that is handed over, the bans go with it.
      if (opened.type !== "key_continuity") bans.check(signerId);
      const { type, messageId, message, body } = opened;
      const received: Received = { type, messageId, message, body, signerId, from };
      const handler = this.#settle(session, received) ? undefined : this.#route(session, protocol, opened);
      meter.accepted(protocol, frame.length);
      if (handler !== undefined) void this.#run(channel, received, handler);
    } catch (error) {
      const known = toProtocolError(error, "INTERNAL_ERROR");
      meter.refused(protocol, frame.length, known.code);
      if (known.code === "MESSAGE_STALE") this.#readClock(peerId, cause);
      await this.#refuse(channel, known, { cause, signerId });
      if (endsStream(known.code)) throw new ProtocolError("STREAM_RESET", `ended by ${known.code}`);
    }
  }

  /** A busy node refuses the least urgent by what they claim to be, before it verifies them. */
  #prove(session: PeerSession, value: JsonValue): OpenedMessage {
    const { peerId } = session;
    const { type, extensionVersion } = causeOf(value);
    const isTrusted = this.#node.isTrusted(agentIdFromPeerId(peerId));
    this.#node.rates.load(this.#classOf(type, extensionVersion, isTrusted));
    // A greeting may come anew, in whatever version its sender prefers.
    const version = type === "hello" || type === "hello_ack" ? undefined : session.version;
    return this.#node.verifier.open(value, { peerId, version });
  }

  /** A heartbeat that comes from another time still tells how far that is. */
  #readClock(peerId: string, value: JsonValue | undefined): void {
    if (value === undefined || causeOf(value).type !== "heartbeat") return;
    try {
      const { timestamp } = this.#node.verifier.prove(value, peerId);
      for (const fn of this.#staleListeners) fn(peerId, timestamp);
    } catch {
      // Not even its signature holds: it was refused already.
    }
  }

  #classOf(type: unknown, extensionVersion: unknown, isAllowListed: boolean): Priority {
    const name = typeof type === "string" ? type : "";
    const claimed = this.#node.extensions.priorityOf(name, extensionVersion);
    return priorityOf(name, { isAllowListed, claimed });
  }

  /** True when the message answers one of ours, or is an error: those are never answered. */
  #settle(session: PeerSession, received: Received): boolean {
    if (received.type === "error_response") {
      const response = received.body as unknown as ErrorResponse;
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

  #route(session: PeerSession, protocol: SignedProtocol, opened: OpenedMessage): MessageHandler {
    const { type } = opened;
    const isExtension = type.startsWith("ext:");
    const handler = isExtension ? undefined : this.#handlers.get(keyOf(protocol, type));
    if (handler === undefined && !isExtension) {
      throw new ProtocolError("TYPE_UNKNOWN", `${type} is not answered here`);
    }
    if (!session.admitted && !this.#greetings.has(type)) {
      throw new ProtocolError("HELLO_REQUIRED", "no hello yet");
    }
    if (session.inFlight >= HANDLERS_PER_PEER) {
      throw new ProtocolError("TOO_MANY_STREAMS", "too many messages under way", {
        data: { retry_after_ms: 200 },
      });
    }
    return handler ?? this.#node.extensions.handlerOf(session.peerId, protocol, opened);
  }

  // agent → reply
  async #run(channel: Channel, received: Received, handler: MessageHandler): Promise<void> {
    const session = this.session(channel.peerId);
    session.inFlight += 1;
    try {
      const reply = await handler(received);
      if (reply === undefined) return;
      using deadline = startDeadline(this.#node.clock, {}, nodeLimits.callTimeoutMs);
      const draft = { ...reply.draft, in_reply_to: received.messageId };
      await this.#outbound.say(channel, draft, { deadline, signer: reply.signer });
      reply.afterwards?.();
    } catch (error) {
      const known = toProtocolError(error, "INTERNAL_ERROR");
      this.#node.meter.error(known.code);
      await this.#refuse(channel, known, {
        cause: received.message as JsonValue,
        signerId: received.signerId,
      });
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
      const { id, network } = causeOf(failed.cause);
      const own = code === "NETWORK_MISMATCH" ? { network } : {};
      const wait = { timeoutMs: nodeLimits.errorFlushMs, ...own };
      // A stream that cannot take the error is gone already.
      await this.#outbound.refuse(channel, errorResponseOf(told, id), wait).catch(() => undefined);
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

  handle(protocol: SignedProtocol, type: string, on: MessageHandler): Disposable {
    this.#handlers.set(keyOf(protocol, type), on);
    return { [Symbol.dispose]: () => this.#handlers.delete(keyOf(protocol, type)) };
  }

  greet(type: string, on: MessageHandler): Disposable {
    this.#greetings.add(type);
    return this.handle("control", type, on);
  }

  request(...asked: Parameters<SignedExchange["request"]>): Promise<Received> {
    return this.#outbound.request(...asked);
  }

  tell(...said: Parameters<SignedExchange["tell"]>): Promise<void> {
    return this.#outbound.tell(...said);
  }

  pass(peerId: string, record: SealedMessage, wait: Wait): Promise<void> {
    return this.#outbound.pass(peerId, record, wait);
  }

  ask(channel: Channel, draft: Draft, options: AskOptions): Promise<Exchanged> {
    return this.#outbound.ask(channel, draft, options);
  }

  openChannel(peerId: string, protocol: SignedProtocol): Promise<Channel> {
    return this.#outbound.open(peerId, protocol);
  }

  session(peerId: string): PeerSession {
    const known = this.#sessions.get(peerId);
    if (known !== undefined) return known;
    if (this.#sessions.size >= SWEEP_ABOVE) this.#forgetUnlinked();
    const fresh = new PeerSession(peerId, this.#node.codecs);
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

  onStale(fn: (peerId: string, timestampS: number) => void): Disposable {
    this.#staleListeners.add(fn);
    return { [Symbol.dispose]: () => this.#staleListeners.delete(fn) };
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

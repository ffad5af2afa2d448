/** What this node says: sealed when its turn comes, spelled as agreed, the most urgent first. */

import assert from "node:assert/strict";
import {
  canonicalize,
  encodeBody,
  type ErrorResponse,
  type Priority,
  ProtocolError,
  seal,
  type SealedMessage,
  type Signer,
  uuidV7,
} from "@gridmesh/protocol";
import type { Clock, Random, Wait } from "../clock.ts";
import { type Deadline, startDeadline, until } from "../deadline.ts";
import type { Bans } from "../gate/admit.ts";
import { type Pacer, patiently } from "../gate/pace.ts";
import { nodeLimits } from "../limits.ts";
import type { MessageMeter } from "../message-meter.ts";
import type { Link, Transport } from "../network/transport.ts";
import type { Draft, Received, SignedExchange, SignedProtocol } from "../signed-exchange.ts";
import type { BindingBook } from "./bindings.ts";
import { type Channel, protocolIds } from "./channel.ts";
import type { AskOptions, Exchanged } from "./exchange.ts";
import type { PeerSession } from "./session.ts";

export interface OutboundOptions {
  readonly network: string;
  /** Of a hello, and of whatever goes out before one. */
  readonly version: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  /** The node's own key. */
  readonly signer: Signer;
  readonly bindings: BindingBook;
  readonly pacer: Pacer;
  readonly bans: Bans;
  readonly meter: MessageMeter;
  readonly classOf: (draft: Draft) => Priority;
  readonly sessionOf: (peerId: string) => PeerSession;
  /** Begins to read a stream of ours. */
  readonly read: (channel: Channel, link: Link) => void;
  /** Makes sure there is a link. @throws PEER_NOT_FOUND, PEER_UNREACHABLE. */
  readonly reach: (peerId: string, wait: Wait) => Promise<void>;
}

interface By {
  readonly deadline: Deadline;
  readonly signer: Signer;
  readonly onSealed?: ((sealed: SealedMessage) => void) | undefined;
  readonly onAnswer?: AskOptions["onAnswer"];
}

/** What a header and a signature add to a draft, about. */
const HEADER_BYTES = 640;

export class Outbound implements Pick<SignedExchange, "request" | "tell"> {
  readonly #node: OutboundOptions;

  constructor(options: OutboundOptions) {
    this.#node = options;
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
    await this.say(channel, draft, { deadline, signer: wait.signer });
  }

  /** Sends a published record as it was signed. */
  async pass(peerId: string, record: SealedMessage, wait: Wait): Promise<void> {
    using deadline = startDeadline(this.#node.clock, wait, nodeLimits.callTimeoutMs);
    const channel = await this.#channelTo(peerId, "control", deadline);
    await this.#send(channel, record, deadline);
  }

  async ask(channel: Channel, draft: Draft, wait: AskOptions): Promise<Exchanged> {
    using deadline = startDeadline(this.#node.clock, wait, nodeLimits.callTimeoutMs);
    const { signer, onAnswer } = wait;
    return await this.#asked(channel, draft, { deadline, signer, onAnswer });
  }

  /** Seals when it is the message's turn, so that it leaves fresh. */
  async say(channel: Channel, draft: Draft, { deadline, signer, onSealed }: By): Promise<void> {
    const { signal } = deadline;
    const bytes = HEADER_BYTES + JSON.stringify(draft).length;
    const priority = this.#node.classOf(draft);
    await this.#node.pacer.send(channel.peerId, { priority, bytes, signal }, async () => {
      const { version } = this.#node.sessionOf(channel.peerId);
      const sealed = this.#seal(draft, signer, { version });
      onSealed?.(sealed);
      await this.#write(channel, sealed, { priority, deadline });
    });
  }

  /** Answers with an error; a node of another network reads it only under its own network's name. */
  async refuse(
    channel: Channel,
    response: ErrorResponse,
    options: Wait & { readonly network?: string | undefined },
  ): Promise<void> {
    using deadline = startDeadline(this.#node.clock, options, nodeLimits.errorFlushMs);
    const { signer } = this.#node;
    const { peerId } = channel;
    const { version } = this.#node.sessionOf(peerId);
    const draft = { type: "error_response", recipient_id: peerId, ...response };
    await this.#send(channel, this.#seal(draft, signer, { version, network: options.network }), deadline);
  }

  /** One opening for all who ask meanwhile: it has a time of its own, and nobody's cancelling ends it for the others. */
  open(peerId: string, protocol: SignedProtocol): Promise<Channel> {
    const session = this.#node.sessionOf(peerId);
    const known = session.opened.get(protocol);
    if (known !== undefined) return known;
    const opening = this.#open(peerId, protocol, { timeoutMs: nodeLimits.reachTimeoutMs });
    session.opened.set(protocol, opening);
    const drop = () => {
      if (session.opened.get(protocol) === opening) session.opened.delete(protocol);
    };
    opening.then((channel) => {
      void channel.stream.closed.then(drop);
      // Control has one stream for both sides, and keeps its way alive.
      if (protocol !== "control") void channel.stream.leaving.then(() => this.#leave(channel, drop));
    }, drop);
    return opening;
  }

  /** What is said from now on goes over another stream; this one ends once all is answered. */
  #leave(channel: Channel, drop: () => void): void {
    const { stream, peerId } = channel;
    drop();
    this.#node.sessionOf(peerId).retire(channel, () => {
      stream.close({ timeoutMs: nodeLimits.errorFlushMs }).catch(() => stream.reset("not closed"));
    });
  }

  async #open(peerId: string, protocol: SignedProtocol, wait: Wait): Promise<Channel> {
    const { transport } = this.#node;
    const stream = await transport.open(peerId, protocolIds[protocol], wait);
    const channel: Channel = { peerId, protocol, outbound: true, stream };
    const link = transport.links().find((one) => one.peerId === peerId);
    if (link === undefined) throw new ProtocolError("STREAM_RESET", "the link went");
    this.#node.read(channel, link);
    return channel;
  }

  async #asked(channel: Channel, draft: Draft, by: By): Promise<Exchanged> {
    const session = this.#node.sessionOf(channel.peerId);
    const message_id = uuidV7(this.#node.clock.nowMs(), this.#node.random);
    let sent: SealedMessage | undefined;
    const onSealed = (sealed: SealedMessage) => {
      sent = sealed;
    };
    const answered = session.expect(message_id, channel, (answer) => {
      if (sent !== undefined) by.onAnswer?.({ sent, answer });
    });
    try {
      await this.say(channel, { ...draft, message_id }, { ...by, onSealed });
      const answer = await until(answered, by.deadline.signal);
      assert(sent !== undefined, "a message is sealed before it is answered");
      return { sent, answer };
    } finally {
      session.giveUp(message_id);
    }
  }

  async #send(channel: Channel, sealed: SealedMessage, deadline: Deadline): Promise<void> {
    const { signal } = deadline;
    const priority = this.#node.classOf(sealed as unknown as Draft);
    const bytes = canonicalize(sealed).length;
    await this.#node.pacer.send(channel.peerId, { priority, bytes, signal }, () =>
      this.#write(channel, sealed, { priority, deadline }),
    );
  }

  async #write(
    channel: Channel,
    sealed: SealedMessage,
    { priority, deadline }: { readonly priority: Priority; readonly deadline: Deadline },
  ): Promise<void> {
    const { protocol, peerId, stream } = channel;
    const form = this.#node.sessionOf(peerId).sends(protocol);
    const content = encodeBody(sealed, { form });
    await stream.writeFrame(content, { timeoutMs: deadline.leftMs(), signal: deadline.signal, priority });
    this.#node.meter.sent(protocol, content.length);
  }

  #seal(
    draft: Draft,
    signer: Signer,
    as: { readonly version?: string | undefined; readonly network?: string | undefined },
  ): SealedMessage {
    const { clock, random, bindings, network, version } = this.#node;
    return seal(draft, {
      network: as.network ?? network,
      signer,
      nowS: Math.floor(clock.nowMs() / 1000),
      random,
      binding: bindings.of(signer.agentId),
      version: as.version ?? version,
    });
  }

  /** Control has one stream for both directions; trade is opened by who sends. */
  async #channelTo(peerId: string, protocol: SignedProtocol, deadline: Deadline): Promise<Channel> {
    const { bans, transport, reach, sessionOf } = this.#node;
    const { signal } = deadline;
    bans.check(peerId);
    if (!transport.links().some((link) => link.peerId === peerId)) {
      await until(reach(peerId, { timeoutMs: deadline.leftMs(), signal }), signal);
    }
    const session = sessionOf(peerId);
    await until(session.greeted, signal);
    const accepted = session.accepted.get("control");
    if (protocol === "control" && accepted !== undefined) return accepted;
    return until(this.open(peerId, protocol), signal);
  }
}

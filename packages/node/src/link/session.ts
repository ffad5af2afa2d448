/** What a node knows of one linked peer: its hello, its channels, the answers it still owes. */

import { type Agreement, ProtocolError } from "@gridmesh/protocol";
import type { Received, SignedProtocol } from "../signed-exchange.ts";
import type { Channel } from "./channel.ts";

interface Owed {
  readonly channel: Channel;
  readonly resolve: (answer: Received) => void;
  readonly reject: (error: unknown) => void;
}

/** One peer while it is linked. */
export class PeerSession {
  readonly peerId: string;
  /** Settles with the hello; rejects when the peer goes or refuses. */
  readonly greeted: Promise<Agreement>;
  /** Streams this node opened, or is opening. */
  readonly opened = new Map<SignedProtocol, Promise<Channel>>();
  /** Newest stream the peer opened. */
  readonly accepted = new Map<SignedProtocol, Channel>();
  /** Did a valid hello come from the peer, or its ack? Other messages wait for it. */
  admitted = false;
  /** Handlers under way for this peer. */
  inFlight = 0;
  /** Monotonic times at which the control stream was lost. */
  losses: readonly number[] = [];
  readonly #greeting = Promise.withResolvers<Agreement>();
  readonly #owed = new Map<string, Owed>();
  #agreement: Agreement | undefined;
  #ended: ProtocolError | undefined;

  constructor(peerId: string) {
    this.peerId = peerId;
    this.greeted = this.#greeting.promise;
    this.greeted.catch(() => undefined);
  }

  get agreement(): Agreement | undefined {
    return this.#agreement;
  }

  get ended(): ProtocolError | undefined {
    return this.#ended;
  }

  agree(agreement: Agreement): void {
    this.admitted = true;
    this.#agreement = agreement;
    this.#greeting.resolve(agreement);
  }

  /** The answer to a message of ours, by its id. */
  expect(messageId: string, channel: Channel): Promise<Received> {
    const { promise, resolve, reject } = Promise.withResolvers<Received>();
    this.#owed.set(messageId, { channel, resolve, reject });
    promise.catch(() => undefined);
    return promise;
  }

  /** True when somebody waited for it. */
  answer(messageId: string, outcome: Received | ProtocolError): boolean {
    const owed = this.#owed.get(messageId);
    if (owed === undefined) return false;
    this.#owed.delete(messageId);
    if (outcome instanceof ProtocolError) owed.reject(outcome);
    else owed.resolve(outcome);
    return true;
  }

  giveUp(messageId: string): void {
    this.#owed.delete(messageId);
  }

  /** A stream went: what was asked over it will not be answered. */
  lose(channel: Channel, error: ProtocolError): void {
    if (this.accepted.get(channel.protocol) === channel) this.accepted.delete(channel.protocol);
    for (const [messageId, owed] of this.#owed) {
      if (owed.channel !== channel) continue;
      this.#owed.delete(messageId);
      owed.reject(error);
    }
  }

  end(error: ProtocolError): void {
    this.#ended = error;
    this.#greeting.reject(error);
    for (const owed of this.#owed.values()) owed.reject(error);
    this.#owed.clear();
    this.opened.clear();
    this.accepted.clear();
  }
}

/** What a node knows of one linked peer: its hello, its channels, the answers it still owes. */

import {
  type Agreement,
  type Codecs,
  plainForm,
  ProtocolError,
  type WireForm,
  wireFormOf,
} from "@gridmesh/protocol";
import type { Received, SignedProtocol } from "../signed-exchange.ts";
import type { Channel } from "./channel.ts";

interface Owed {
  readonly channel: Channel;
  /** Called in the very step in which the answer is read, before the next frame is. */
  readonly onAnswer: ((answer: Received) => void) | undefined;
  readonly resolve: (answer: Received) => void;
  readonly reject: (error: unknown) => void;
}

type Forms = Readonly<Record<SignedProtocol, WireForm>>;
const plain: Forms = { control: plainForm, trade: plainForm };

/** One peer while it is linked. */
export class PeerSession {
  readonly peerId: string;
  /** Settles with the hello; rejects when the peer goes or refuses. */
  readonly greeted: Promise<Agreement>;
  /** Streams this node opened, or is opening. */
  readonly opened = new Map<SignedProtocol, Promise<Channel>>();
  /** Newest stream the peer opened. */
  readonly accepted = new Map<SignedProtocol, Channel>();
  /** Monotonic ms at which a proven message of this peer last came. */
  heardMs = Number.NEGATIVE_INFINITY;
  /** Handlers under way for this peer. */
  inFlight = 0;
  /** Monotonic times at which the control stream was lost. */
  losses: readonly number[] = [];
  readonly #codecs: Codecs;
  #admitted: Agreement | undefined;
  #reads: Forms = plain;
  #sends: Forms = plain;
  readonly #greeting = Promise.withResolvers<Agreement>();
  readonly #owed = new Map<string, Owed>();
  readonly #retired = new Map<Channel, () => void>();
  #agreement: Agreement | undefined;
  #ended: ProtocolError | undefined;

  /** @param codecs - the spellings this node has loaded beside JSON */
  constructor(peerId: string, codecs: Codecs = new Map()) {
    this.peerId = peerId;
    this.#codecs = codecs;
    this.greeted = this.#greeting.promise;
    this.greeted.catch(() => undefined);
  }

  get agreement(): Agreement | undefined {
    return this.#agreement;
  }

  get ended(): ProtocolError | undefined {
    return this.#ended;
  }

  /** The version both speak; undefined before the hello. */
  get version(): string | undefined {
    return this.#admitted?.selected_version;
  }

  /** What the peer may send from now on: it has said hello, or is about to read that we agree. */
  admit(agreement: Agreement): void {
    this.#admitted = agreement;
    this.#reads = this.#formsOf(agreement);
  }

  /** Did a valid hello come from the peer, or its ack? Other messages wait for it. */
  get admitted(): boolean {
    return this.#admitted !== undefined;
  }

  /** How what comes is spelled; plain JSON before the hello. */
  reads(protocol: SignedProtocol): WireForm {
    return this.#reads[protocol];
  }

  /** How what goes is spelled; plain JSON before both agree. */
  sends(protocol: SignedProtocol): WireForm {
    return this.#sends[protocol];
  }

  agree(agreement: Agreement): void {
    this.admit(agreement);
    this.#sends = this.#reads;
    this.#agreement = agreement;
    this.#greeting.resolve(agreement);
  }

  /** The control stream that stands, the peer's or ours. */
  get control(): Channel | Promise<Channel> | undefined {
    return this.accepted.get("control") ?? this.opened.get("control");
  }

  #formsOf({ features }: Agreement): Forms {
    return {
      control: wireFormOf(features, "control", this.#codecs),
      trade: wireFormOf(features, "trade", this.#codecs),
    };
  }

  /** The answer to a message of ours, by its id. */
  expect(messageId: string, channel: Channel, onAnswer?: (answer: Received) => void): Promise<Received> {
    const { promise, resolve, reject } = Promise.withResolvers<Received>();
    this.#owed.set(messageId, { channel, onAnswer, resolve, reject });
    promise.catch(() => undefined);
    return promise;
  }

  /** True when somebody waited for it. */
  answer(messageId: string, outcome: Received | ProtocolError): boolean {
    const owed = this.#owed.get(messageId);
    if (owed === undefined) return false;
    this.#owed.delete(messageId);
    if (outcome instanceof ProtocolError) {
      owed.reject(outcome);
      return true;
    }
    try {
      owed.onAnswer?.(outcome);
      owed.resolve(outcome);
    } catch (error) {
      owed.reject(error);
    }
    return true;
  }

  giveUp(messageId: string): void {
    this.#owed.delete(messageId);
    for (const [channel, end] of this.#retired) if (!this.#owes(channel)) this.#endRetired(channel, end);
  }

  /** Nothing more is said over this stream of ours; `end` is called once all that was asked over it is answered. */
  retire(channel: Channel, end: () => void): void {
    this.#retired.set(channel, end);
    if (!this.#owes(channel)) this.#endRetired(channel, end);
  }

  #endRetired(channel: Channel, end: () => void): void {
    this.#retired.delete(channel);
    end();
  }

  #owes(channel: Channel): boolean {
    for (const owed of this.#owed.values()) if (owed.channel === channel) return true;
    return false;
  }

  /** A stream went: what was asked over it will not be answered. */
  lose(channel: Channel, error: ProtocolError): void {
    this.#retired.delete(channel);
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
    this.#retired.clear();
    this.opened.clear();
    this.accepted.clear();
  }
}

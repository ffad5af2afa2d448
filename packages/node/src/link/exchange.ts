/** What the link room uses of the signed exchange beyond its public face. */

import type { ProtocolError, SealedMessage, Signer } from "@gridmesh/protocol";
import type { Wait } from "../clock.ts";
import type { Draft, Received, SignedExchange, SignedProtocol } from "../signed-exchange.ts";
import type { Channel } from "./channel.ts";
import type { PeerSession } from "./session.ts";

/** What a handler gives back: its answer, and what follows once that is written. */
export interface Reply {
  readonly draft: Draft;
  readonly signer: Signer;
  readonly afterwards?: (() => void) | undefined;
}

export type MessageHandler = (received: Received) => Promise<Reply | undefined>;

/** A question as it was sealed, and what came back. */
export interface Exchanged {
  readonly sent: SealedMessage;
  readonly answer: Received;
}

export interface AskOptions extends Wait {
  readonly signer: Signer;
  /** Called before anything that follows the answer is read; what it throws is the answer's fate. */
  readonly onAnswer?: ((exchanged: Exchanged) => void) | undefined;
}

export interface LinkExchange extends SignedExchange {
  /** As `handle`; such a message is taken before the peer's hello. */
  greet(type: string, on: MessageHandler): Disposable;
  /** Asks over this very channel, hello or not. */
  ask(channel: Channel, draft: Draft, options: AskOptions): Promise<Exchanged>;
  /** Sends a published record over the control stream as it was signed; resolves when written. @throws as `tell`. */
  pass(peerId: string, record: SealedMessage, wait: Wait): Promise<void>;
  /** The peer's session; made at its first link or stream. */
  session(peerId: string): PeerSession;
  sessions(): readonly PeerSession[];
  /** Opens a stream of this node's and begins to read it; an open one is kept. */
  openChannel(peerId: string, protocol: SignedProtocol): Promise<Channel>;
  /** Told when a channel ends. */
  onChannelEnd(fn: (channel: Channel) => void): Disposable;
  /** Told of each proven heartbeat that was refused for its time, with that time in Unix seconds. */
  onStale(fn: (peerId: string, timestampS: number) => void): Disposable;
  /** Told of a peer that was left because it belongs elsewhere or speaks no version of ours. */
  onParted(fn: (peerId: string, error: ProtocolError) => void): Disposable;
  /** Ends the session of a peer whose link went. */
  forget(peerId: string): void;
}

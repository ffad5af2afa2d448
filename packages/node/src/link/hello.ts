/** The first words between two linked nodes: same network, a common version, the features both have. */

import {
  type Agreement,
  checkHelloAck,
  type Hello,
  type HelloAck,
  helloHash,
  type HelloOffer,
  isProtocolError,
  type JsonObject,
  negotiate,
  ProtocolError,
  type Signer,
} from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import { TimerSet } from "../network/timer-set.ts";
import type { Transport } from "../network/transport.ts";
import type { Received } from "../signed-exchange.ts";
import type { Exchanged, LinkExchange, Reply } from "./exchange.ts";
import type { PeerSession } from "./session.ts";

export interface GreeterOptions {
  /** What this node says of itself in every hello. */
  readonly offer: HelloOffer;
  /** Hash of the key that alone may follow this node's, told in every hello. */
  readonly nextKeyHash?: string | undefined;
  /** Told what a peer's hello promises of the key that follows its own. */
  readonly onPromise: (peerId: string, nextKeyHash: string) => void;
  readonly transport: Transport;
  readonly exchange: LinkExchange;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly log: Log;
  /** Both sides agreed: the peer may be asked. */
  readonly onGreeted: (session: PeerSession) => void;
  /** A hello is over on a control stream: the first of a link, or one that was opened anew. */
  readonly onHello: (session: PeerSession) => void;
  /** Is a link to this peer kept although it says no hello? */
  readonly keeps: (peerId: string) => boolean;
  /** The peer is no node of this network, or says nothing. */
  readonly onForeign: (peerId: string, error: ProtocolError) => void;
}

/** The accepting side waits this long for the dialer's hello before it speaks first. */
const PATIENCE_MS = 2_000;
const LOSS_WINDOW_MS = 60_000;

/** Where a hello promises which key will follow. */
const PROMISE = "gridmesh.next_key_hash";
const HASH = /^sha256:[0-9a-f]{64}$/;

/** Greets every linked peer until disposed. */
export function startGreeter(options: GreeterOptions): Disposable {
  const { transport, exchange } = options;
  const stack = new DisposableStack();
  const timers = stack.use(new TimerSet(options.clock));
  stack.use(exchange.onParted(options.onForeign));
  stack.use(exchange.greet("hello", (received) => acceptHello(options, received)));
  stack.use(
    transport.on("link", ({ peerId }) => {
      if (peerId !== undefined) meet(options, peerId, timers);
    }),
  );
  stack.use(
    transport.on("unlink", ({ peerId }) => {
      if (peerId !== undefined && !isLinked(transport, peerId)) exchange.forget(peerId);
    }),
  );
  stack.use(
    exchange.onChannelEnd(({ peerId, protocol, outbound }) => {
      if (protocol !== "control" || stack.disposed || !isLinked(transport, peerId)) return;
      const { control, agreement } = exchange.session(peerId);
      // Of two streams that were opened at once one ends, and nothing is lost; nor is one on which nobody greeted.
      const isLost = control === undefined && (outbound || agreement !== undefined);
      if (isLost) greetAgain(options, { peerId, outbound }, timers);
    }),
  );
  return stack;
}

/** The dialer speaks first; if it stays silent, the other side does. */
function meet(options: GreeterOptions, peerId: string, timers: TimerSet): void {
  const { exchange, transport } = options;
  const session = exchange.session(peerId);
  watch(options, session, timers);
  const link = transport.links().find((one) => one.peerId === peerId);
  if (link?.inbound === false) return void greet(options, peerId);
  timers.after(PATIENCE_MS, () => {
    const silent = session.ended === undefined && !session.admitted;
    if (silent && session.control === undefined) void greet(options, peerId);
  });
}

/** Who opened the lost stream opens the next one; the other side does where that does not happen. */
function greetAgain(
  options: GreeterOptions,
  { peerId, outbound }: { readonly peerId: string; readonly outbound: boolean },
  timers: TimerSet,
): void {
  const { clock, exchange, transport } = options;
  const session = exchange.session(peerId);
  const nowMs = clock.monotonicMs();
  session.losses = [...session.losses.filter((atMs) => nowMs - atMs < LOSS_WINDOW_MS), nowMs];
  if (session.losses.length >= nodeLimits.controlLosses) {
    void transport.hangUp(peerId, "the control stream was lost too often");
    return;
  }
  timers.after(nodeLimits.controlReopenMs + (outbound ? 0 : PATIENCE_MS), () => {
    const isMissing = session.ended === undefined && session.control === undefined;
    if (isMissing && isLinked(transport, peerId)) void greet(options, peerId);
  });
}

function isLinked(transport: Transport, peerId: string): boolean {
  return transport.links().some((link) => link.peerId === peerId);
}

/** No hello in time: the peer is told nothing more. */
function watch(options: GreeterOptions, session: PeerSession, timers: TimerSet): void {
  timers.after(nodeLimits.helloMs, () => {
    if (session.agreement !== undefined || session.ended !== undefined) return;
    part(options, session.peerId, new ProtocolError("HELLO_REQUIRED", "no hello in time"));
  });
}

async function greet(options: GreeterOptions, peerId: string): Promise<void> {
  const { exchange, signer } = options;
  const wait = { timeoutMs: nodeLimits.helloMs };
  // The peer was quicker.
  if (exchange.session(peerId).accepted.has("control")) return;
  try {
    const channel = await exchange.openChannel(peerId, "control");
    const hello = { type: "hello", recipient_id: peerId, ...options.offer, ...promiseOf(options) };
    // What follows the ack is spelled as agreed: both agree before it is read.
    const onAnswer = (exchanged: Exchanged) => {
      const agreement = agreementIn(exchanged);
      readPromise(options, exchanged.answer);
      agreed(options, exchange.session(peerId), agreement);
    };
    await exchange.ask(channel, hello, { ...wait, signer, onAnswer });
  } catch (error) {
    if (!isProtocolError(error)) throw error;
    // The stream or the link broke: whoever watches it greets again.
    if (error.code === "STREAM_RESET" || error.code === "PEER_UNREACHABLE") return;
    part(options, peerId, error);
  }
}

/** Everything is worked out anew: a difference is a downgrade. @throws as `checkHelloAck`, HELLO_REQUIRED. */
function agreementIn({ sent, answer }: Exchanged): Agreement {
  if (answer.type !== "hello_ack") throw new ProtocolError("HELLO_REQUIRED", `${answer.type} for a hello`);
  return checkHelloAck(sent as unknown as JsonObject & Hello, answer.message as unknown as HelloAck);
}

async function acceptHello(options: GreeterOptions, received: Received): Promise<Reply> {
  const { offer: mine, signer, exchange } = options;
  const peerId = received.from.peerId;
  const agreement = negotiate(mine, received.message as unknown as Hello);
  const session = exchange.session(peerId);
  session.admit(agreement);
  readPromise(options, received);
  return {
    signer,
    draft: {
      type: "hello_ack",
      recipient_id: peerId,
      ...mine,
      ...agreement,
      hello_hash: helloHash(received.message as JsonObject),
      ...promiseOf(options),
    },
    afterwards: () => agreed(options, session, agreement),
  };
}

function promiseOf({ nextKeyHash }: GreeterOptions): { readonly extra?: JsonObject } {
  return nextKeyHash === undefined ? {} : { extra: { [PROMISE]: nextKeyHash } };
}

/** Signed by the peer's own key. */
function readPromise({ onPromise }: GreeterOptions, { from, message }: Received): void {
  const promised = (message["extra"] as JsonObject | undefined)?.[PROMISE];
  if (typeof promised === "string" && HASH.test(promised)) onPromise(from.peerId, promised);
}

function agreed(options: GreeterOptions, session: PeerSession, agreement: Agreement): void {
  const first = session.agreement === undefined;
  session.agree(agreement);
  if (first) options.onGreeted(session);
  options.onHello(session);
}

/** What says that there was no hello, not that there was a wrong one. */
const UNGREETED: ReadonlySet<string> = new Set(["HELLO_REQUIRED", "PROTOCOL_UNSUPPORTED", "CALL_TIMEOUT"]);

function part(options: GreeterOptions, peerId: string, error: ProtocolError): void {
  if (UNGREETED.has(error.code) && options.keeps(peerId)) {
    options.log.debug("peer.ungreeted", `${peerId}: ${error.message}`, { peer: peerId, code: error.code });
    return;
  }
  options.log.info("peer.foreign", `${peerId}: ${error.message}`, { peer: peerId, code: error.code });
  options.onForeign(peerId, error);
  void options.transport.hangUp(peerId, error.code);
}

/** The Beckn room of a node: one protocol, one topic, and the two sides of a transaction behind them. */

import { MAX_BECKN_BODY_BYTES, ProtocolError } from "@gridmesh/protocol";
import type { Wait } from "../clock.ts";
import type { TradeDesk } from "../trade/types.ts";
import { ordersOf } from "./after.ts";
import { createAnswers } from "./answers.ts";
import { createAsked } from "./asked.ts";
import { createAudit } from "./audit.ts";
import { createBackground } from "./background.ts";
import { buy, buyerNamed } from "./buy.ts";
import { createCatalogs } from "./catalogs.ts";
import { choiceOf } from "./choice.ts";
import { createCarrier, type Frame, serveStream } from "./carrier.ts";
import { resendOrder, tellBuyer } from "./courier.ts";
import { openContext, verifyFrame } from "./inbound.ts";
import { createWaiting } from "./mandate.ts";
import { newId } from "./messages.ts";
import { bundleOf } from "./bundle.ts";
import { causeOf } from "./cause.ts";
import { createFrameLog, type FrameLog, type Kept, keptIn } from "./frame-log.ts";
import { createOutside } from "./outside.ts";
import { createPending } from "./pending.ts";
import { createPolicy, Recent } from "./policy.ts";
import { BECKN_PROTOCOL, type BecknPorts, type LocalAgent } from "./ports.ts";
import { createReceiver, type ReceiveParts } from "./receive.ts";
import { Search, type SearchWish } from "./search.ts";
import { createSeller } from "./seller.ts";
import { orderOf, ownersSide } from "./steps.ts";
import { tellSellers } from "./sellers-heard.ts";
import type { BecknExchange, BuyOptions } from "./types.ts";

const STREAM_LIMITS = {
  maxFrameBytes: MAX_BECKN_BODY_BYTES,
  maxInboundPerPeer: 16,
  relayed: true,
  idleMs: 30_000,
};
const MAX_SEARCHES = 1_000;

/** Joins the domain's search topic, answers `/gridmesh/beckn/1`, and carries the desk's open orders. */
export function createBecknExchange(given: BecknPorts): BecknExchange {
  const ports = { ...given, log: given.log.child("trade") };
  const stopping = new AbortController();
  const { signal } = stopping;
  const { run: background, ended } = createBackground(ports, signal);
  const audit = createAudit(ports.clock);
  const counters = { searchesPublished: 0, searchesHeard: 0, offersSent: 0, offersReceived: 0 };
  const topic = `gridmesh/${ports.network}/search/${ports.domain}`;
  const frames = createFrameLog(ports);
  const kept = keptIn(frames, ports.peerId);
  const asked = createAsked();
  const { sent } = kept;
  const carrier = createCarrier(ports, { receive: (...arrived) => receive(...arrived), sent, asked });
  const hearOwn = (frame: Frame) => {
    kept.published(frame);
    answers.hear(openContext(ports, verifyFrame(ports, frame)));
  };
  const policy = createPolicy(ports.clock);
  const outside = createOutside({ ports, audit, carrier, policy, topic, asked, hearOwn });
  const catalogs = createCatalogs(ports);
  const shared = { ports, audit, background, carrier, counters, outside, asked, catalogs };
  const answers = createAnswers({ ...shared, policy, heard: kept.heard });
  const parts: ReceiveParts = {
    ...shared,
    policy,
    answers,
    pending: createPending(),
    waiting: createWaiting(ports),
    seller: createSeller(ports, () => newId(ports)),
    searches: new Recent<Search>(MAX_SEARCHES),
    signal,
  };
  const receive = keeping(createReceiver(parts), kept);

  const startSearch = (buyer: LocalAgent, wish: SearchWish) => {
    const search = new Search({ ...shared, topic, hearOwn, signal }, buyer, wish);
    parts.searches.set(search.transactionId, search);
    return search;
  };
  const undo = joined(parts, { topic, receive });
  undo.defer(() => frames.stop());

  return {
    outside,
    orders: ordersOf(parts),
    search: (agent, intent, options) =>
      startSearch(buyerNamed(ports, agent), { intent }).offers(endingWith(options, signal)),
    buy: async (agent, options: BuyOptions) =>
      buy({ ...parts, startSearch }, buyerNamed(ports, agent), endingWith(options, signal)),
    order: (agent, offer, options = {}) => orderOf(parts, buyerNamed(ports, agent), { offer, options }),
    ...ownersSide(parts),
    trace: (transactionId) => audit.lines(transactionId),
    causeOf: (id) => causeOf(audit.lines(id), ordersIn(ports.desk, id)),
    bundle: (transactionId, options) => bundleHere(ports, frames, { transactionId, ...options }),
    counters: () => ({ ...counters }),
    async stop() {
      stopping.abort(new ProtocolError("CALL_CANCELLED", "the node is stopping"));
      undo.dispose();
      await ended();
    },
  };
}

function ordersIn(desk: TradeDesk, transactionId: string) {
  return desk.orders().filter((order) => order.transactionId === transactionId);
}

/** From here on the room is asked and told; disposing ends it. */
function joined(
  parts: ReceiveParts,
  { topic, receive }: { readonly topic: string; readonly receive: ReturnType<typeof createReceiver> },
): DisposableStack {
  const { ports, answers, background, carrier, signal } = parts;
  const { transport, desk } = ports;
  const undo = new DisposableStack();
  undo.use(
    transport.handle(BECKN_PROTOCOL, STREAM_LIMITS, (stream, from) =>
      background(serveStream(ports, stream, { from: from.peerId, receive, signal })),
    ),
  );
  undo.use(transport.join(topic, (from, data) => answers.validate(from, data)));
  undo.use(desk.onOffer((offer) => answers.offered(offer)));
  undo.use(desk.onEvent((event) => tellBuyer(parts, event)));
  undo.defer(() => answers.stop());
  undo.use(tellSellers(ports));
  desk.setCourier({ resend: (terms, order) => resendOrder({ ports, carrier }, terms, order) });
  return undo;
}

function endingWith<Options extends Wait>(options: Options, own: AbortSignal): Options {
  return { ...options, signal: options.signal ? AbortSignal.any([options.signal, own]) : own };
}

/** @throws ORDER_NOT_FOUND. */
function bundleHere(
  ports: BecknPorts,
  frames: FrameLog,
  options: { readonly transactionId: string; readonly redact: boolean },
): Uint8Array {
  const { transactionId } = options;
  const orders = ports.desk.evidence(transactionId);
  const own = orders
    .map(({ agentId }) => ports.agents.bySellerId(agentId))
    .find((agent) => agent !== undefined);
  const { signer } = own ?? ports.agents.first() ?? {};
  if (signer === undefined) throw new ProtocolError("AGENT_NOT_FOUND", "no agent here that could sign it");
  const { network, engine } = ports;
  const nowMs = ports.clock.nowMs();
  const kept = frames.of(transactionId);
  const selection = choiceOf(ports, transactionId);
  return bundleOf(
    { network, transactionId, frames: kept, orders, selection, signer, engine, nowMs },
    options,
  );
}

function keeping(receive: ReturnType<typeof createReceiver>, kept: Kept): typeof receive {
  return async (frame, from, publicKey) => {
    const reply = await receive(frame, from, publicKey);
    kept.arrived(from, frame, reply);
    return reply;
  };
}

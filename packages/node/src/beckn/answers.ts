/** Hearing searches: what gossip may pass on, and the catalogs of our own sellers in answer. */

import {
  type BecknCatalog,
  type BecknContent,
  type BecknIntent,
  type BecknOffer,
  type BecknOpenCatalog,
  closedCatalog,
  decodeBecknFrame,
  encodeBecknHeader,
  isProtocolError,
  limits,
  ProtocolError,
  slotId,
  toProtocolError,
  verdictOf,
} from "@gridmesh/protocol";
import { gossipPurposes } from "../gate/gossip.ts";
import type { Verdict } from "../network/transport.ts";
import type { OpenOffer } from "../trade/types.ts";
import type { Carrier, Frame } from "./carrier.ts";
import type { Catalogs, Need } from "./catalogs.ts";
import { createHeardSearches, type HeardSearch } from "./heard.ts";
import { checkTtl, type Opened, openContext, profilesOf, searchOf, verifyFrame } from "./inbound.ts";
import { bodyOf, callbackContext, networkIdOf, wireOf } from "./messages.ts";
import type { OutsideRoom } from "./outside.ts";
import type { Policy } from "./policy.ts";
import { ANSWER_SPREAD_MS, type BecknPorts, type LocalAgent } from "./ports.ts";
import type { SearchParts } from "./search.ts";

/** Answers waiting for their moment; more searches than that go unanswered. */
const MAX_WAITING_ANSWERS = 1_024;

/** No search waits for its answers longer. */
const MAX_TTL_MS = 600_000;

/** Items of one catalog. */
const MAX_OFFERS_PER_CATALOG = 64;

export interface Answers {
  /** The topic's validator. */
  validate(from: string, data: Uint8Array): Promise<Verdict>;
  /** Checks a search's content and answers it; used for streams and our own searches too. @throws SCHEMA_INVALID … */
  hear(search: Opened): void;
  /** Answers the searches that came before this offer of an own seller. */
  offered(offer: OpenOffer): void;
  stop(): void;
}

interface AnswerParts extends Pick<SearchParts, "ports" | "audit" | "counters" | "background"> {
  readonly carrier: Carrier;
  /** Told of each search that was answered. */
  readonly heard: (search: Opened, from: string) => void;
  readonly policy: Policy;
  readonly outside: Pick<OutsideRoom, "programOf" | "tell">;
  readonly catalogs: Pick<Catalogs, "has" | "meeting">;
}

export function createAnswers(parts: AnswerParts): Answers {
  const { ports } = parts;
  const waiting = new Set<Disposable>();
  const searches = createHeardSearches(ports);

  const tryAnswer = (heard: HeardSearch, seller: LocalAgent) => {
    const offers = matching(ports, seller, heard.intent);
    // Nothing to sell is silence, until there is something.
    if (offers.length === 0) {
      heard.taken.delete(seller.agentId);
    } else {
      heard.taken.add(seller.agentId);
      const catalog = catalogOf(seller, offers);
      parts.background(answer(parts, { heard, seller, content: { kind: "catalog", catalog } }));
    }
  };
  const hear = (search: Opened) => {
    const { intent, isOpen, buyerUri } = searchOf(search);
    parts.counters.searchesHeard++;
    const closed = isOpen || !isClosed(intent) ? undefined : intent;
    const heard: HeardSearch = { search, intent: closed, peerId: buyerUri.peerId, taken: new Set() };
    // A later offer may still meet it, if what it wants is understood.
    if (!isOpen && profilesOf(ports).includes(search.wire.profile)) searches.keep(heard);
    for (const seller of ports.agents.sellers()) {
      if (seller.agentId === search.signerId || waiting.size >= MAX_WAITING_ANSWERS) continue;
      heard.taken.add(seller.agentId);
      const timer = ports.clock.timer(ports.random.below(ANSWER_SPREAD_MS + 1), () => {
        waiting.delete(timer);
        answerFor(parts, { heard, seller, need: intent, tryAnswer });
      });
      waiting.add(timer);
    }
  };

  return {
    hear,
    offered(offer) {
      const open = searches.openFor(offer);
      const seller = open.length > 0 && ports.agents.sellers().find((one) => one.agentId === offer.agentId);
      if (seller) for (const heard of open) tryAnswer(heard, seller);
    },
    validate: validatorOf({ ...parts, hear }),
    stop() {
      for (const timer of waiting) timer[Symbol.dispose]();
      waiting.clear();
      searches.clear();
    },
  };
}

/** From what its program published, else by its program, else from the own desk. */
function answerFor(
  parts: AnswerParts,
  about: {
    readonly heard: HeardSearch;
    readonly seller: LocalAgent;
    readonly need: Need;
    readonly tryAnswer: (heard: HeardSearch, seller: LocalAgent) => void;
  },
): void {
  const { heard, seller, need, tryAnswer } = about;
  const program = parts.outside.programOf(seller.name);
  if (parts.catalogs.has(seller.agentId)) {
    const catalogs = parts.catalogs.meeting(seller.agentId, need);
    if (catalogs.length === 0) return;
    parts.background(answer(parts, { heard, seller, content: contentOf(catalogs) }));
  } else if (program !== undefined) parts.background(parts.outside.tell(program, seller, heard.search));
  else if (isClosed(need) && profilesOf(parts.ports).includes(heard.search.wire.profile)) {
    tryAnswer(heard, seller);
  }
}

interface HearingParts extends Pick<SearchParts, "ports" | "audit"> {
  readonly policy: Policy;
  readonly hear: (search: Opened) => void;
}

/** Through the node's gate, or without one by this room's own rates. */
function validatorOf(parts: HearingParts): Answers["validate"] {
  const { gossip } = parts.ports;
  const read = (data: Uint8Array, admit: (signerId: string) => void) => readSearch(parts, data, admit);
  if (gossip === undefined) {
    return async (_from, data) => {
      try {
        takeSearch(
          parts,
          read(data, (signerId) => parts.policy.admit("search", signerId)),
        );
        return "accept";
      } catch (error) {
        return verdictFor(toProtocolError(error, "INTERNAL_ERROR"));
      }
    };
  }
  const { gossipMeter: meter } = parts.ports;
  return gossip.validator({
    purpose: gossipPurposes.search,
    open: read,
    take: (search) => takeSearch(parts, search),
    // An accepted one is counted with its age, where that is known.
    onVerdict: (bytes, code) => void (code === undefined || meter?.refused(bytes, code)),
  });
}

/** Form, window, signature, content, in this order. @throws the codes of `verifyFrame` and `openContext`, SCHEMA_INVALID. */
function readSearch(
  { ports }: HearingParts,
  data: Uint8Array,
  admit: (signerId: string) => void,
): Opened & { readonly bytes: number } {
  // Programs outside write as they do: every node passes on what can be understood at all.
  const search = openContext(ports, verifyFrame(ports, gossipFrame(data), { onSigner: admit }), "tolerant");
  const { action, networkId } = search.context;
  if (action !== "search") throw new ProtocolError("BECKN_CONTEXT_INVALID", "not a search");
  // Every node judges alike what it passes on, whatever other networks its owner allows.
  if (networkId !== undefined && networkId !== networkIdOf(ports)) {
    throw new ProtocolError("BECKN_CONTEXT_INVALID", "a search of another network");
  }
  if (search.context.ttlMs > MAX_TTL_MS) {
    throw new ProtocolError("SCHEMA_INVALID", `a search that lives ${search.context.ttlMs} ms`);
  }
  return { ...search, bytes: data.length };
}

/** What is new and in time is heard here as well. @throws MESSAGE_REPLAYED, BECKN_TTL_EXPIRED, SCHEMA_INVALID. */
function takeSearch(
  { ports, audit, policy, hear }: HearingParts,
  search: Opened & { readonly bytes: number },
): void {
  const { signerId, context, digest, bytes } = search;
  if (policy.seen(signerId, context.messageId, digest) !== "new") {
    throw new ProtocolError("MESSAGE_REPLAYED", `search ${context.messageId} is known`);
  }
  checkTtl(ports, context);
  hear(search);
  policy.remember(signerId, context.messageId, digest);
  audit.noteMessage(context, "heard");
  ports.gossipMeter?.accepted(bytes, ports.clock.nowMs() - context.timestampMs);
}

/** @throws FRAME_TOO_LARGE, MESSAGE_MALFORMED. */
function gossipFrame(data: Uint8Array): Frame {
  if (data.length > limits.gossipBytes)
    throw new ProtocolError("FRAME_TOO_LARGE", `${data.length} bytes of gossip`);
  const { header, body } = decodeBecknFrame(data);
  const { action } = wireOf(header.profile).actions.ruleOfPath(header.path) ?? {};
  if (action !== "search" || header.headers.traceparent !== undefined) {
    throw new ProtocolError("MESSAGE_MALFORMED", "gossip carries plain searches only");
  }
  return { header: encodeBecknHeader(header), body };
}

/** A relay is to blame only for what it could see was wrong: early and late depend on the clock. */
function verdictFor(error: ProtocolError): Verdict {
  const window = error.data?.["window"];
  return window === "early" || window === "expired" ? "ignore" : verdictOf(error.code);
}

interface Answer {
  readonly heard: HeardSearch;
  readonly seller: LocalAgent;
  readonly content: BecknContent;
}

function isClosed(need: Need): need is BecknIntent | undefined {
  return need === undefined || "slot" in need;
}

function catalogOf(seller: LocalAgent, offers: readonly OpenOffer[]): BecknCatalog {
  return {
    seller: seller.agentId,
    sellerName: seller.name,
    offers: offers.slice(0, MAX_OFFERS_PER_CATALOG).map(publicOffer),
  };
}

/** Told as one that binds where all of it is said. */
function contentOf(catalogs: readonly BecknOpenCatalog[]): BecknContent {
  const [only, ...others] = catalogs;
  const closed = only && others.length === 0 ? closedCatalog(only) : undefined;
  return closed ? { kind: "catalog", catalog: closed } : { kind: "openCatalog", catalogs };
}

/** One on_search per search and seller. */
async function answer(
  parts: Pick<SearchParts, "ports" | "audit" | "counters"> & {
    readonly carrier: Carrier;
    readonly heard: (search: Opened, from: string) => void;
  },
  { heard, seller, content }: Answer,
): Promise<void> {
  const { ports, audit, counters, carrier } = parts;
  const { search, peerId } = heard;
  const { digest, authorization } = search;
  const { profile } = search.wire;
  const context = callbackContext(ports, seller, { action: "on_search", request: search.context, digest });
  const fields = { agent: seller.name, transactionId: context.transactionId };
  ports.log.info("trade.offered", `--- BPP (${seller.name}): FORMULATE OFFER ---`, fields);
  const body = bodyOf(profile, context, content);
  try {
    await carrier.send({
      profile,
      action: "on_search",
      messageId: context.messageId,
      peerId,
      body,
      signer: seller.signer,
      to: search.context.bapId,
      answers: authorization.signature,
    });
    counters.offersSent++;
    // Of all searches heard only those that became somebody's business are kept.
    parts.heard(search, peerId);
    audit.noteMessage(context, "ACK");
  } catch (error) {
    if (!isProtocolError(error)) throw error;
    audit.noteMessage(context, error.code);
    ports.log.debug("trade.offered", `offer not delivered: ${error.message}`, {
      ...fields,
      code: error.code,
    });
  }
}

function matching(
  ports: BecknPorts,
  seller: LocalAgent,
  intent: BecknIntent | undefined,
): readonly OpenOffer[] {
  const nowMs = ports.market.nowMs();
  const { agentId } = seller;
  const open = ports.desk.openOffers(intent ? { agentId, slotId: slotId(intent.slot) } : { agentId });
  return open.filter(
    (offer) =>
      offer.leftMilliWh > 0 &&
      nowMs < offer.untilMs &&
      (!intent ||
        (offer.currency === intent.currency && offer.priceMicroPerKWh <= intent.maxPriceMicroPerKWh)),
  );
}

function publicOffer(offer: OpenOffer): BecknOffer {
  return {
    offerId: offer.offerId,
    offerEpoch: offer.epoch,
    slot: offer.slot,
    availableMilliWh: offer.leftMilliWh,
    priceMicroPerKWh: offer.priceMicroPerKWh,
    currency: offer.currency,
    untilMs: offer.untilMs,
  };
}

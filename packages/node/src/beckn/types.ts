/** Finding and agreeing: what a buying agent sees of Beckn. Amounts: integer mWh, micro-currency per kWh. */

import type {
  BecknAction,
  BecknOrder,
  BecknProfile,
  BecknReading,
  BecknSupport,
  Slot,
} from "@gridmesh/protocol";
import type { Wait } from "../clock.ts";

/** How a node takes part in Beckn. */
export interface BecknSettings {
  /** Revisions spoken, the preferred one first; default both, `beckn/2` first. */
  readonly profiles?: readonly BecknProfile[] | undefined;
  /** Networks besides its own whose messages of revision 2 are taken, as `other/grid`. */
  readonly networks?: readonly string[] | undefined;
  /** How messages for agents of this node are read; default `strict`. */
  readonly inbound?: BecknReading | undefined;
  /** Whether a reply must prove who had the request; default `require`. */
  readonly ackProof?: "require" | "record" | undefined;
  /** What a repeated message is answered: the same again (default), or AUT_REPLAY_DETECTED. */
  readonly duplicates?: "repeat" | "reject" | undefined;
  /** Whom buyers may turn to; absent: nobody. */
  readonly support?:
    | {
        readonly phone?: string | undefined;
        readonly email?: string | undefined;
        readonly url?: string | undefined;
      }
    | undefined;
  /** Also take signatures over `digest: BLAKE2b-512=`; default false. */
  readonly acceptNfhDigestPrefix?: boolean | undefined;
}

export interface SearchIntent {
  readonly slot: Slot;
  readonly needMilliWh: number;
  readonly maxPriceMicroPerKWh: number;
  readonly currency: string;
  /** Send the Guide's `{}`: asks everybody for everything. */
  readonly empty?: boolean;
}

/** One answer to a search. */
export interface Offer {
  readonly transactionId: string;
  readonly offerId: string;
  readonly offerEpoch: string;
  /** agent_id of the seller (bpp_id), verified. */
  readonly seller: string;
  readonly sellerPeerId: string;
  /** The revision it was made in; what follows is said in it as well. */
  readonly profile: BecknProfile;
  /** The seller's agent name, e.g. `household-agent-02`. */
  readonly sellerName: string;
  readonly sellerUri: string;
  readonly slot: Slot;
  readonly availableMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly currency: string;
  /** Market time; the seller takes no order for it from here on. */
  readonly untilMs?: number | undefined;
  /** Base64 of BLAKE2b-512 over the body it came in. */
  readonly digest: string;
  /** Wall milliseconds after the search was published. */
  readonly latencyMs: number;
}

export interface BuyOptions extends Wait {
  readonly intent: SearchIntent;
  /** Hard end of the search. */
  readonly searchWindowMs: number;
  readonly minFillMilliWh: number;
  readonly allOrNothing: boolean;
  /** What the best offer lacks goes to the next in rank. */
  readonly splitNeed: boolean;
  readonly requireInit: boolean;
  /** Revision to ask in first; default the node's preferred one. */
  readonly profile?: BecknProfile | undefined;
  readonly delivery: "slot" | "instant";
  /** No confirm after this market time. */
  readonly untilMs: number;
}

export interface BuyStep {
  readonly orderId: string;
  readonly seller: string;
  readonly sellerName: string;
  readonly quantityMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly amountMicro: number;
  readonly outcome: "confirmed" | "refused" | "in_doubt" | "failed";
  readonly reason?: string;
}

export interface BuyOutcome {
  readonly transactionId: string;
  readonly offersSeen: number;
  readonly steps: readonly BuyStep[];
  readonly confirmedMilliWh: number;
  /** Wall ms from publishing the search. */
  readonly searchToFirstOfferMs: number | null;
  readonly searchToConfirmMs: number | null;
}

/** A message as it travels: nobody on the way writes its body anew, since the signature covers its bytes. */
export interface OutsideMessage {
  readonly profile: BecknProfile;
  readonly action: BecknAction;
  /** The `Authorization` header as it was made. */
  readonly authorization: string;
  readonly body: Uint8Array;
}

export interface OutsideReply {
  /** As HTTP has it. */
  readonly status: number;
  readonly body: Uint8Array;
  /** The other node's proof that this is its agent's answer, over four lines. */
  readonly signature?: string;
}

/** Takes what is addressed to its agent, its signature checked; throws when it cannot be asked. */
export type OutsideProgram = (
  message: OutsideMessage,
  wait: { readonly timeoutMs: number },
) => Promise<OutsideReply>;

/** Beckn of programs that are no agents: they stand behind one, and their messages pass the mesh unchanged. */
export interface OutsideExchange {
  /** Hands all that is addressed to this agent to a program, until disposed. @throws AGENT_NAME_TAKEN. */
  attach(agent: string, program: OutsideProgram): Disposable;
  /** Signs a body as an agent of this node. @throws AGENT_NOT_FOUND. */
  sign(agent: string, message: Omit<OutsideMessage, "authorization">): OutsideMessage;
  /** Signatures of the requests that passed here which a body of revision 2 seems to answer; of an unread body, a hint. */
  requestsFor(body: Uint8Array): readonly string[];
  /**
   * Sends a signed message where its context says: a search to all, others to the peer of `bpp_uri` or `bap_uri`.
   * `publicKey`: of a signer whose name is not its key, for this node's own agents alone.
   * @throws what the message itself breaks; PEER_UNREACHABLE, CALL_TIMEOUT, STREAM_RESET.
   */
  send(
    message: OutsideMessage,
    options?: Wait & { readonly publicKey?: Uint8Array | undefined },
  ): Promise<OutsideReply>;
}

export interface OrderOptions {
  /** Default all that is offered. */
  readonly quantityMilliWh?: number | undefined;
  /** Least that will do where less is left by now; default the whole quantity. */
  readonly minFillMilliWh?: number | undefined;
  /** Default `slot`. */
  readonly delivery?: "slot" | "instant" | undefined;
  /** No confirm after this market time; default the offer's own end. */
  readonly untilMs?: number | undefined;
}

/**
 * One order of one offer; a step does those before it that were left out.
 * All throw BECKN_CALLBACK_MISSING, PEER_UNREACHABLE, CALL_TIMEOUT, QUOTE_CHANGED and what the seller refuses with.
 */
export interface OfferOrder {
  /** The seller's firm quote. */
  select(wait?: Wait): Promise<BecknOrder>;
  /** Has the quantity set aside. @throws QUANTITY_UNAVAILABLE. */
  init(wait?: Wait): Promise<BecknOrder>;
  /**
   * Holds the money, orders, and tells what was decided; `in_doubt` goes on without it.
   * @throws MARKET_CLOSED, ORDER_STATE (confirmed before).
   */
  confirm(wait?: Wait): Promise<BuyStep>;
}

/** A confirm that its agent's owner has to say yes to. */
export interface WaitingOrder {
  readonly id: string;
  /** The buyer's name. */
  readonly agent: string;
  readonly transactionId: string;
  readonly seller: string;
  readonly sellerName: string;
  readonly quantityMilliWh: number;
  readonly amountMicro: number;
  readonly currency: string;
  /** Market time at which it is over. */
  readonly untilMs: number;
}

/** Where an order can be followed. */
export interface Tracking {
  readonly url: string;
  readonly active: boolean;
}

/**
 * What a buying agent may ask about an order that it made over Beckn.
 * All throw AGENT_NOT_FOUND, ORDER_NOT_FOUND, ORDER_STATE (not in this state), BECKN_CALLBACK_MISSING, PEER_UNREACHABLE,
 * CALL_TIMEOUT, and whatever the seller refuses with.
 */
export interface BecknOrders {
  /** Where it stands, as its seller says. */
  status(agent: string, orderId: string, wait?: Wait): Promise<BecknOrder>;
  /** Takes less than was ordered, before anything is delivered; mWh. @throws ORDER_STATE (more, delivered). */
  update(
    agent: string,
    orderId: string,
    options: Wait & { readonly quantityMilliWh: number },
  ): Promise<BecknOrder>;
  /**
   * Calls it off before its delivery: the seller's signed annulment frees the hold.
   * @throws ORDER_IN_DOUBT when the seller does not answer in time; it stays called off.
   */
  cancel(agent: string, orderId: string, options?: Wait & { readonly reason?: string }): Promise<BecknOrder>;
  /** 1 to 5, once, after it is complete; counts in the ranks of this agent's later offers. */
  rate(agent: string, orderId: string, options: Wait & { readonly value: number }): Promise<void>;
  /** Whom to turn to. @throws ORDER_REJECTED (nobody is named). */
  support(agent: string, orderId: string, wait?: Wait): Promise<BecknSupport>;
  /** Where an active order can be followed. */
  track(agent: string, orderId: string, wait?: Wait): Promise<Tracking>;
}

export interface BecknExchange {
  readonly outside: OutsideExchange;
  readonly orders: BecknOrders;
  /** Publishes a search as `agent` and yields the answers as they come, until the window closes. */
  search(
    agent: string,
    intent: SearchIntent,
    options: Wait & { readonly windowMs: number },
  ): AsyncIterable<Offer>;
  /** search → select → init → confirm → status with the cheapest, then the next in rank. */
  buy(agent: string, options: BuyOptions): Promise<BuyOutcome>;
  /** One offer, ordered as `agent`. @throws AGENT_NOT_FOUND, INVALID_PARAMS (more than is offered). */
  order(agent: string, offer: Offer, options?: OrderOptions): OfferOrder;
  /** Confirms held back until their owner says yes, oldest first. */
  waiting(): readonly WaitingOrder[];
  /** The owner's yes: holds the money and confirms. @throws ORDER_NOT_FOUND when it waits no more. */
  approve(id: string, wait?: Wait): Promise<BuyStep>;
  /** The owner's no; false when it waits no more. */
  refuse(id: string): boolean;
  /** Messages of a transaction, oldest first, for `trade trace`. */
  trace(transactionId: string): readonly TraceLine[];
  /** Why a need of an own agent was not met; undefined where it was, or nothing of it is known. */
  causeOf(transactionId: string): string | undefined;
  /**
   * What this node can prove of a transaction, as a file: every message, order and document with its signatures;
   * `redact` leaves out the bodies. @throws ORDER_NOT_FOUND, AGENT_NOT_FOUND (nobody here to sign it).
   */
  bundle(transactionId: string, options: { readonly redact: boolean }): Uint8Array;
  counters(): {
    readonly searchesPublished: number;
    readonly searchesHeard: number;
    readonly offersSent: number;
    readonly offersReceived: number;
  };
  stop(): Promise<void>;
}

export interface TraceLine {
  readonly atMs: number;
  readonly action: string;
  readonly from: string;
  readonly to: string;
  readonly verdict: string;
}

/** Mistakes in how messages are sent, believed and told apart. */

import {
  amountMicro,
  isProtocolError,
  orderKey,
  type TradeDocument,
  type TradeDocumentType,
  uuidV7,
} from "@gridmesh/protocol";
import type { OrderHalf } from "../../../trade/state.ts";
import { orderHashOf } from "../../../trade/terms.ts";
import { orderBytes } from "../courier.ts";
import type { Life } from "../life.ts";
import type { Letter } from "../net.ts";
import type { OrderLetter, SimNode } from "../node.ts";
import type { SeededBug } from "./bug.ts";

type Incoming = NonNullable<SeededBug["incoming"]>;

/** What this node's book has of the order in a letter. */
function knownOrder(node: SimNode, { body }: Letter): OrderHalf | undefined {
  const { terms } = body as unknown as OrderLetter;
  return node.life.context?.state.books.get(terms.seller)?.orders.get(orderKey(terms.buyer, terms.orderId));
}

/** Looks at orders as if those of which `remembers` says no had never been decided. */
function forgetting(remembers: (letter: Letter, node: SimNode) => boolean): Incoming {
  return (letter, node) => {
    if (letter.type !== "order") return letter;
    const known = knownOrder(node, letter);
    const isRemembered = remembers(letter, node);
    if (known?.role === "seller" && !isRemembered) {
      node.life.context?.state.books.get(known.agentId)?.orders.delete(known.key);
    }
    return letter;
  };
}

const noDedupe: SeededBug = { name: "no-dedupe", incoming: forgetting(() => false) };

const inMemory = new WeakMap<Life, Set<string>>();

const nonceCacheInMemory: SeededBug = {
  name: "nonce-cache-in-memory",
  incoming: forgetting((letter, { life }) => {
    const { terms } = letter.body as unknown as OrderLetter;
    return isSecond(inMemory, { owner: life, key: terms.orderId });
  }),
};

const byNonce = new WeakMap<SimNode, Set<string>>();

const dedupeByNonceOnly: SeededBug = {
  name: "dedupe-by-nonce-only",
  incoming: forgetting((letter, node) => isSecond(byNonce, { owner: node, key: letter.id })),
};

function isSecond<T extends object>(
  seen: WeakMap<T, Set<string>>,
  { owner, key }: { readonly owner: T; readonly key: string },
): boolean {
  const keys = seen.get(owner) ?? new Set();
  seen.set(owner, keys);
  const known = keys.has(key);
  keys.add(key);
  return known;
}

/** Lets a document that had its effect have it once more. */
function again(
  type: TradeDocumentType,
  { from, to }: { readonly from: readonly string[]; readonly to: OrderHalf["state"] },
): Incoming {
  return (letter, node) => {
    for (const document of documentsOf(letter)) {
      if (document.type !== type || !("orderId" in document)) continue;
      const half = node.life.context?.state.books
        .get(node.agentId)
        ?.orders.get(orderKey(document.buyer, document.orderId));
      if (half === undefined || !from.includes(half.state)) continue;
      half.state = to;
      delete half.documents[type];
    }
    return letter;
  };
}

function documentsOf({ body }: Letter): readonly TradeDocument[] {
  return (body["documents"] as readonly TradeDocument[] | undefined) ?? [];
}

const payPerMessage: SeededBug = {
  name: "pay-per-message",
  incoming: again("trade_delivery", { from: ["PAID", "CLOSED"], to: "COMMITTED" }),
};

const creditTwice: SeededBug = {
  name: "credit-twice",
  incoming: again("trade_payment", { from: ["SETTLED"], to: "DELIVERED" }),
};

const voidAfterDeliver: SeededBug = {
  name: "void-after-deliver",
  incoming: again("trade_cancel", { from: ["DELIVERED", "SETTLED"], to: "ACCEPTED" }),
};

/** Whoever a message names counts as the one who sent it. */
const noSenderCheck: SeededBug = {
  name: "no-sender-check",
  engine: () => true,
  incoming(letter, node) {
    return { ...letter, signerId: namedIn(letter, node) ?? letter.signerId };
  },
};

function namedIn(letter: Letter, node: SimNode): string | undefined {
  if (letter.type === "order") return (letter.body as unknown as OrderLetter).terms.buyer;
  if (letter.type === "decision") {
    const key = orderKey(node.agentId, String(letter.body["orderId"]));
    return node.life.context?.state.books.get(node.agentId)?.orders.get(key)?.terms.seller;
  }
  const [document] = documentsOf(letter);
  if (document === undefined || !("orderId" in document)) return undefined;
  return document.type === "trade_payment" || document.type === "trade_cancel"
    ? document.buyer
    : document.seller;
}

/** The amount is worked out anew instead of compared with the one that was signed. */
const noAmountCheck: SeededBug = {
  name: "no-amount-check",
  incoming(letter) {
    if (letter.type !== "order") return letter;
    const { terms } = letter.body as unknown as OrderLetter;
    const { quantityMilliWh, priceMicroPerKWh } = terms;
    if (quantityMilliWh <= 0) return letter;
    const amount = amountMicro(quantityMilliWh, priceMicroPerKWh);
    return { ...letter, body: { ...letter.body, terms: { ...terms, amountMicro: amount } } };
  },
};

const noHashCheck: SeededBug = {
  name: "no-hash-check",
  incoming(letter, node) {
    if (letter.type !== "order") return letter;
    const known = knownOrder(node, letter);
    const { order } = letter.body as unknown as OrderLetter;
    if (known !== undefined) Object.assign(known, { orderHash: orderHashOf(order) });
    return letter;
  },
};

const epochIgnored: SeededBug = {
  name: "epoch-ignored",
  incoming(letter, node) {
    if (letter.type !== "order") return letter;
    const { terms } = letter.body as unknown as OrderLetter;
    const offerEpoch = node.life.context?.state.boot?.epoch ?? "";
    return { ...letter, body: { ...letter.body, terms: { ...terms, offerEpoch } } };
  },
};

/** Any answer that is no acceptance counts as a refusal. */
function release(node: SimNode, orderId: string): void {
  const refusal = { accepted: false, reason: "ORDER_REJECTED", contractId: "none" };
  const bytes = { header: "", body: JSON.stringify(refusal) };
  node.desk?.conclude(node.agentId, orderId, refusal, bytes).catch(() => {});
}

const nackReleases: SeededBug = {
  name: "nack-releases-hold",
  incoming(letter, node) {
    if (letter.type === "nack") release(node, String(letter.body["orderId"]));
    return letter;
  },
};

const notFoundReleases: SeededBug = {
  name: "not-found-releases-hold",
  resend(carried, node) {
    const { seller, sellerPeerId, orderId } = carried.terms;
    const { signer } = node.parts.identity;
    const question = { type: "trade_query", recipient_id: seller, orderIds: [orderId] };
    node.life.context?.exchange
      .request(sellerPeerId, "trade", question, { signer })
      .catch((error: unknown) => {
        if (isProtocolError(error) && error.code === "ORDER_NOT_FOUND") release(node, orderId);
      });
    return carried;
  },
};

const sentBefore = new WeakMap<SimNode, Set<string>>();

const newIdOnRetry: SeededBug = {
  name: "new-id-on-retry",
  resend({ terms, order }, node) {
    if (!isSecond(sentBefore, { owner: node, key: terms.orderId })) return { terms, order };
    const renamed = { ...terms, orderId: uuidV7(node.wallMs(), node.parts.world.chance) };
    return { terms: renamed, order: orderBytes(renamed) };
  },
};

export const messageBugs = [
  noDedupe,
  nonceCacheInMemory,
  dedupeByNonceOnly,
  payPerMessage,
  creditTwice,
  voidAfterDeliver,
  noSenderCheck,
  noAmountCheck,
  noHashCheck,
  epochIgnored,
  nackReleases,
  notFoundReleases,
  newIdOnRetry,
] as const;

/** One side of the kill campaign, `buyer` or `seller`: trades on its own until it is killed, and goes on when it is back. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  agentIdentity,
  type AgentDefinition,
  type AgentNode,
  createNode,
  libp2p,
  nodeEngine,
} from "@gridmesh/node";
import { amountMicro, isProtocolError, type Signer, uuidV7 } from "@gridmesh/protocol";
import { openPolicy, openRates } from "../../bench/peer.ts";
import {
  type Decision,
  mustVerify,
  type OrderTerms,
  signBytes,
  type SignedBytes,
  type SignedOrder,
  slotNow,
} from "../../bench/trade-parts.ts";
import { systemRandom } from "../../packages/node/src/clock.ts";
import { ackWriter } from "./kill-acks.ts";
import type { KillOffer, PeerTold } from "./kill-parts.ts";

const [role = "", home = "", listen = "", bootstrap = "", offerText = ""] = process.argv.slice(2);
const AT_ONCE = 16;
const MILLI_WH = 1_000;
const STOCK_MILLI_WH = 10 ** 11;
const PRICE = 150_000;
/** One order in so many is for less than the price asked, and is refused. */
const CHEAP_EVERY = 20;

const engine = nodeEngine();
const random = systemRandom();
const ack = ackWriter(join(home, "acknowledged"));
const { signer } = await agentIdentity({ home, name: role, mayCreate: true });
const tell = (told: PeerTold) => void process.send?.(told);

async function startNode(definition: Partial<AgentDefinition>): Promise<AgentNode> {
  const money = role === "buyer" ? 10 ** 12 : 0;
  return createNode({
    network: libp2p({
      profile: "testnet",
      listen: [listen],
      bootstrap: bootstrap === "" ? [] : [bootstrap],
    }),
    networkName: "kill",
    home,
    messageRates: openRates,
    agents: [
      {
        name: role,
        access: "network",
        definition: {
          capabilities: [],
          policy: openPolicy,
          start: (context) =>
            context.openBook({
              moneyMicro: money,
              energyMilliWh: role === "seller" ? STOCK_MILLI_WH : 0,
              capacityMilliWh: STOCK_MILLI_WH,
            }),
          ...definition,
        },
      },
    ],
  });
}

async function sell(): Promise<void> {
  const node = await startNode({
    methods: {
      async decide(params) {
        const { terms, order } = params as unknown as SignedOrder;
        mustVerify(engine, order, terms.buyer);
        const answer = await node.desk.decide(terms, order, (decision) => signBytes(signer, decision));
        const { accepted } = JSON.parse(answer.body) as Decision;
        const hash = createHash("sha256").update(answer.body).digest("hex");
        ack({ what: accepted ? "accepted" : "rejected", orderId: terms.orderId, hash });
        return { ...answer };
      },
    },
  });
  const { desk } = node;
  const deliver = async (buyer: string, orderId: string) => {
    // The slot is over a moment after the contract: kills fall between the two as well.
    await sleep(random.below(30));
    await desk.deliver(signer.agentId, { buyer, orderId }, MILLI_WH);
  };
  desk.onEvent(({ kind, order }) => {
    if (kind === "settled") ack({ what: "settled", orderId: order.orderId });
    if (kind === "accepted") void deliver(order.counterparty, order.orderId);
  });
  for (const order of desk.orders({ agentId: signer.agentId, open: true })) {
    if (order.state === "ACCEPTED") void deliver(order.counterparty, order.orderId);
  }
  const offer =
    desk.openOffers()[0] ??
    (await desk.offer({
      agentId: signer.agentId,
      slot: slotNow(),
      quantityMilliWh: STOCK_MILLI_WH,
      priceMicroPerKWh: PRICE,
      currency: "USD",
      untilMs: Date.now() + 8 * 3_600_000,
    }));
  const { offerId, epoch, slot } = offer;
  tell({
    ready: {
      peerId: node.id,
      address: node.addresses[0] ?? "",
      offer: { offerId, epoch, slot, seller: signer.agentId, peerId: node.id },
    },
  });
  process.on("message", () => tell({ open: desk.pending().orders }));
}

async function buy(offer: KillOffer): Promise<void> {
  const node = await startNode({});
  const { desk } = node;
  let isFull = false;
  const order = async (terms: OrderTerms, order: SignedBytes) => {
    const wanted = { terms: { ...terms, slot: { ...terms.slot } }, order: { ...order } };
    const answer = (await node.call(`${offer.peerId}:seller/decide`, wanted, {
      timeoutMs: 5_000,
    })) as unknown as SignedBytes;
    mustVerify(engine, answer, offer.seller);
    const decision = JSON.parse(answer.body) as Decision;
    await desk.conclude(terms.buyer, terms.orderId, decision, answer);
    ack({ what: decision.accepted ? "committed" : "released", orderId: terms.orderId });
  };
  desk.setCourier({ resend: order });

  const begin = async () => {
    const terms = termsOf(node, signer, offer);
    const bytes = signBytes(signer, terms);
    await desk.hold(terms, bytes);
    ack({ what: "held", orderId: terms.orderId });
    await order(terms, bytes).catch((error: unknown) => {
      // What is lost on the way the desk asks for again.
      if (!isProtocolError(error)) throw error;
    });
  };
  const fill = () => {
    if (isFull) return;
    // A hold is booked before `begin` first waits; orders from before a restart count among the sixteen.
    for (let more = AT_ONCE - desk.pending().orders; more > 0; more -= 1) void begin();
  };
  desk.onEvent(({ kind, order: { orderId } }) => {
    if (kind !== "closed" && kind !== "released") return;
    if (kind === "closed") ack({ what: "closed", orderId });
    tell({ ended: kind });
    fill();
  });
  tell({ ready: { peerId: node.id, address: node.addresses[0] ?? "" } });
  process.on("message", (word) => {
    if (word === "enough") isFull = true;
    tell({ open: desk.pending().orders });
  });
  fill();
}

function termsOf(node: AgentNode, { agentId }: Signer, offer: KillOffer): OrderTerms {
  const priceMicroPerKWh = random.below(CHEAP_EVERY) === 0 ? PRICE - 1_000 : PRICE;
  return {
    orderId: uuidV7(Date.now(), random),
    transactionId: uuidV7(Date.now(), random),
    offerId: offer.offerId,
    offerEpoch: offer.epoch,
    buyer: agentId,
    buyerPeerId: node.id,
    seller: offer.seller,
    sellerPeerId: offer.peerId,
    slot: offer.slot,
    quantityMilliWh: MILLI_WH,
    priceMicroPerKWh,
    amountMicro: amountMicro(MILLI_WH, priceMicroPerKWh),
    currency: "USD",
    untilMs: Date.now() + 3_600_000,
    delivery: random.below(2) === 0 ? "slot" : "instant",
  };
}

process.on("disconnect", () => process.exit());
if (role === "seller") await sell();
else {
  assert.notEqual(offerText, "", "a buyer is told the offer");
  await buy(JSON.parse(offerText) as KillOffer);
}

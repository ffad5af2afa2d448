/** The selling node: decides orders that it is called with, delivers when told, keeps its books on disk. */

import { mustVerify, signBytes, slotNow, usedMs } from "./trade-parts.ts";
import { agentIdentity, createNode, libp2p, nodeEngine } from "../packages/node/src/index.ts";
import { openPolicy, openRates } from "./peer.ts";
import type { SignedOrder } from "./trade-parts.ts";

const [home = ""] = process.argv.slice(2);
const NAME = "seller";
const STOCK_MILLI_WH = 10 ** 10;

const { signer } = await agentIdentity({ home, name: NAME, mayCreate: true });
const engine = nodeEngine();
const node = await createNode({
  network: libp2p({ profile: "testnet" }),
  networkName: "bench",
  home,
  messageRates: openRates,
  agents: [
    {
      name: NAME,
      access: "network",
      definition: {
        capabilities: [],
        policy: openPolicy,
        start: (context) =>
          context.openBook({
            moneyMicro: 0,
            energyMilliWh: STOCK_MILLI_WH,
            capacityMilliWh: STOCK_MILLI_WH,
          }),
        methods: {
          async decide(params) {
            const { terms, order } = params as unknown as SignedOrder;
            mustVerify(engine, order, terms.buyer);
            const answer = await node.desk.decide(terms, order, (decision) => signBytes(signer, decision));
            return { ...answer };
          },
          async deliver(params) {
            const { buyer, orderId, milliWh } = params as {
              readonly buyer: string;
              readonly orderId: string;
              readonly milliWh: number;
            };
            await node.desk.deliver(signer.agentId, { buyer, orderId }, milliWh);
            return {};
          },
        },
      },
    },
  ],
});
const offer = await node.desk.offer({
  agentId: signer.agentId,
  slot: slotNow(),
  quantityMilliWh: STOCK_MILLI_WH,
  priceMicroPerKWh: 150_000,
  currency: "USD",
  untilMs: Date.now() + 3_600_000,
});
process.send?.({ peerId: node.id, addresses: node.addresses, offer });
process.on("message", (word) => {
  if (word === "cpu") {
    process.send?.(usedMs());
    return;
  }
  void (async () => {
    const settled = node.desk.orders({ agentId: signer.agentId, open: false }).length;
    const { differences } = await node.desk.audit();
    process.send?.({ settled, open: node.desk.pending().orders, differences: differences.length });
  })();
});
process.on("disconnect", () => void node.stop({ deadlineMs: 0 }).finally(() => process.exit()));

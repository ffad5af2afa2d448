/** Whole trades between two processes, durable on both sides, beside what this disk and these signatures allow. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  agentIdentity,
  type AgentNode,
  createNode,
  identityFromSeed,
  libp2p,
  nodeEngine,
} from "../packages/node/src/index.ts";
import { amountMicro, type Signer } from "../packages/protocol/src/index.ts";
import { type BenchOptions, line, type Line, type Load, percentile, underLoad } from "./measure.ts";
import { openPolicy, openRates, type Peer, startPeer } from "./peer.ts";
import {
  type Decision,
  mustVerify,
  type OrderTerms,
  signBytes,
  type SignedBytes,
  usedMs,
} from "./trade-parts.ts";

const AT_ONCE = 16;
const MILLI_WH = 1_000;
const NAME = "buyer";
/** Signed in each trade, whatever carries them. */
const DOCUMENTS = 5;

interface Facts {
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly offer: Awaited<ReturnType<AgentNode["desk"]["offer"]>>;
}

export async function trade({ quick }: BenchOptions): Promise<readonly Line[]> {
  const folder = await mkdtemp(join(tmpdir(), "gridmesh-bench-"));
  try {
    const syncBefore = await syncsPerSecond(folder, quick ? 80 : 800);
    const load = await trades(folder, quick ? 300 : 6_000);
    const syncAfter = await syncsPerSecond(folder, quick ? 80 : 800);
    const disk = { name: "fdatasync", value: (syncBefore + syncAfter) / 2, unit: "/s" };
    const keys = { name: "verify", value: verifiesPerSecond(quick ? 100 : 800), unit: "/s" };
    const alone = await aloneInOneProcess(folder, quick ? 100 : 1_500);
    const least = { name: "its signatures and syncs alone", unit: "ms" };
    return [
      line({ name: `trades, ${AT_ONCE} in flight`, value: load.perSecond, unit: "/s" }, disk, keys, {
        name: "its signatures and syncs alone",
        value: alone.perSecond,
        unit: "/s",
      }),
      line(
        { name: "processor time per trade", value: load.cpuMs, unit: "ms" },
        { ...least, value: alone.cpuMs },
      ),
      line({ name: "trade p50", value: percentile(load.tookMs, 0.5), unit: "ms" }),
      line({ name: "trade p99", value: percentile(load.tookMs, 0.99), unit: "ms" }),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface TradeLoad extends Load {
  /** Processor time of both processes for each trade, ms. */
  readonly cpuMs: number;
}

async function trades(folder: string, forMs: number): Promise<TradeLoad> {
  const sellerHome = join(folder, "seller");
  const home = join(folder, "buyer");
  await Promise.all([sellerHome, home].map((path) => mkdir(path, { mode: 0o700 })));
  await using peer = await startPeer<Facts>("./trade-peer.ts", sellerHome);
  const { signer } = await agentIdentity({ home, name: NAME, mayCreate: true });
  await using node = await createNode({
    network: libp2p({ profile: "testnet", bootstrap: peer.facts.addresses }),
    networkName: "bench",
    home,
    messageRates: openRates,
    agents: [
      {
        name: NAME,
        definition: {
          capabilities: [],
          policy: openPolicy,
          start: (context) =>
            context.openBook({ moneyMicro: 10 ** 12, energyMilliWh: 0, capacityMilliWh: 10 ** 10 }),
        },
      },
    ],
  });
  await node.connect(peer.facts.addresses[0] ?? "");
  const buy = buyer({ node, signer, facts: peer.facts });
  await underLoad({ atOnce: AT_ONCE, forMs: forMs / 6 }, buy);
  const warmed = node.desk.orders({ open: false }).length;
  const bothUsedMs = async () => usedMs() + Number(await peer.ask("cpu"));
  const beforeMs = await bothUsedMs();
  const load = await underLoad({ atOnce: AT_ONCE, forMs }, buy);
  const cpuMs = ((await bothUsedMs()) - beforeMs) / load.done;
  await mustBalance(node, peer, warmed + load.done);
  return { ...load, cpuMs };
}

/** One trade: hold, decide, conclude, deliver, pay, credit, receipt; over when the buyer's books are closed. */
function buyer(parts: { readonly node: AgentNode; readonly signer: Signer; readonly facts: Facts }) {
  const { node, signer, facts } = parts;
  const { desk } = node;
  const engine = nodeEngine();
  const closing = new Map<string, () => void>();
  desk.onEvent(({ kind, order }) => {
    if (kind === "closed") closing.get(order.orderId)?.();
  });
  return async (): Promise<void> => {
    const terms = termsOf(node, signer, facts);
    const { orderId } = terms;
    const { promise, resolve } = Promise.withResolvers<void>();
    closing.set(orderId, resolve);
    const order = signBytes(signer, terms);
    await desk.hold(terms, order);
    const answer = await node.call(`${facts.peerId}:seller/decide`, {
      terms: { ...terms, slot: { ...terms.slot } },
      order: { ...order },
    });
    const bytes = answer as unknown as SignedBytes;
    mustVerify(engine, bytes, facts.offer.agentId);
    const decision = JSON.parse(bytes.body) as Decision;
    assert.ok(decision.accepted, decision.reason);
    await desk.conclude(terms.buyer, orderId, decision, bytes);
    await node.call(`${facts.peerId}:seller/deliver`, { buyer: terms.buyer, orderId, milliWh: MILLI_WH });
    await promise;
    closing.delete(orderId);
  };
}

function termsOf(node: AgentNode, signer: Signer, { peerId, offer }: Facts): OrderTerms {
  return {
    orderId: randomUUID(),
    transactionId: randomUUID(),
    offerId: offer.offerId,
    offerEpoch: offer.epoch,
    buyer: signer.agentId,
    buyerPeerId: node.id,
    seller: offer.agentId,
    sellerPeerId: peerId,
    slot: offer.slot,
    quantityMilliWh: MILLI_WH,
    priceMicroPerKWh: offer.priceMicroPerKWh,
    amountMicro: amountMicro(MILLI_WH, offer.priceMicroPerKWh),
    currency: offer.currency,
    untilMs: offer.untilMs,
    delivery: "slot",
  };
}

/** Every trade that was begun is in both ledgers, once, and both ledgers hold. */
async function mustBalance(node: AgentNode, peer: Peer<Facts>, done: number): Promise<void> {
  const mine = node.desk.orders({ open: false }).length;
  const { differences } = await node.desk.audit();
  assert.deepEqual(
    { mine, open: node.desk.pending().orders, differences },
    { mine: done, open: 0, differences: [] },
  );
  assert.deepEqual(await peer.ask("audit"), { settled: done, open: 0, differences: 0 });
}

/** Small writes, each synced before the next, to one file that grows: what one journal at a time can do at most. */
async function syncsPerSecond(folder: string, forMs: number): Promise<number> {
  const file = await open(join(folder, "sync"), "w");
  try {
    const bytes = Buffer.alloc(1_024, 1);
    const load = await underLoad({ atOnce: 1, forMs }, async () => {
      await file.write(bytes);
      await file.datasync();
    });
    return load.perSecond;
  } finally {
    await file.close();
  }
}

/**
 * What no trade can do without: order, decision, delivery, payment and receipt, each signed, proved, and synced by both
 * sides in groups; by one process, with as many in flight, without any network.
 */
async function aloneInOneProcess(folder: string, forMs: number): Promise<TradeLoad> {
  const file = await open(join(folder, "alone"), "w");
  const engine = nodeEngine();
  const { signer } = identityFromSeed(new Uint8Array(32).fill(9));
  const document = Buffer.alloc(700, 1);
  let group: Promise<void> | undefined;
  let bytes = 0;
  // One write and one sync for all that came while the last one ran, as the journals do.
  const synced = async (): Promise<void> => {
    bytes += 2 * document.length;
    const before = group;
    await before;
    group = group === before ? writeGroup() : group;
    await group;
  };
  const writeGroup = async (): Promise<void> => {
    const length = bytes;
    bytes = 0;
    await file.write(Buffer.alloc(length, 1));
    await file.datasync();
  };
  const beforeMs = usedMs();
  try {
    const load = await underLoad({ atOnce: AT_ONCE, forMs }, async () => {
      for (let count = 0; count < DOCUMENTS; count += 1) {
        assert.ok(engine(signer.sign(document), document, signer.publicKey));
        await synced();
      }
    });
    return { ...load, cpuMs: (usedMs() - beforeMs) / load.done };
  } finally {
    await file.close();
  }
}

function verifiesPerSecond(forMs: number): number {
  const engine = nodeEngine();
  const { signer } = identityFromSeed(new Uint8Array(32).fill(7));
  const message = Buffer.alloc(512, 1);
  const signature = signer.sign(message);
  const startMs = performance.now();
  let done = 0;
  for (; performance.now() - startMs < forMs; done += 1) {
    assert.ok(engine(signature, message, signer.publicKey));
  }
  return (done * 1_000) / (performance.now() - startMs);
}

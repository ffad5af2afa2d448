/** Beckn rooms over the memory network, each with a real desk; only signed trade messages go straight from desk to desk. */

import {
  type BecknMandate,
  becknV1,
  parseBecknBody,
  peerIdFromKey,
  ProtocolError,
  type Signer,
  type Slot,
  slotAt,
} from "@gridmesh/protocol";
import { signerOf } from "../../protocol/test/keys.ts";
import { createBecknExchange, type LocalAgent } from "../src/beckn/index.ts";
import type { BecknExchange, BecknSettings, BuyOptions, SearchIntent } from "../src/beckn/types.ts";
import { systemClock, systemRandom } from "../src/clock.ts";
import { nodeEngine } from "../src/gate/engine.ts";
import type { Log } from "../src/log.ts";
import { marketClock, type MarketClock } from "../src/market-clock.ts";
import { memory, type MemoryHub, memoryHub } from "../src/network/index.ts";
import type { Transport, Verdict } from "../src/network/transport.ts";
import { memoryStore } from "../src/store/memory.ts";
import type { StateStore } from "../src/store/types.ts";
import type { AgentRow, Registry } from "../src/registry/types.ts";
import type { Draft, Received, SignedExchange } from "../src/signed-exchange.ts";
import { type MemoryDisk, memoryDisk, openTradeDesk } from "../src/trade/index.ts";
import type { OpenOffer, TradeDesk } from "../src/trade/types.ts";

export const AREA = "net";
const NETWORK = "beckn-test";
/** 2017-07-12T10:00:00Z, the running hour of the market in these tests. */
export const HOUR_MS = Date.UTC(2017, 6, 12, 10);
export const slot: Slot = slotAt(AREA, HOUR_MS, 3_600);
export const untilMs = HOUR_MS + 2_880_000;

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly message: string;
}

export interface RigNode extends AsyncDisposable {
  readonly peerId: string;
  readonly name: string;
  readonly agentId: string;
  readonly signer: Signer;
  readonly transport: Transport;
  /** The validator of its search topic. */
  readonly validate: (data: Uint8Array) => Promise<Verdict>;
  readonly desk: TradeDesk;
  readonly beckn: BecknExchange;
  readonly disk: MemoryDisk;
  readonly store: StateStore;
  readonly lines: readonly LogLine[];
  /** Puts energy on sale for the hour of the tests. */
  sell(kWh: number, price: number): Promise<OpenOffer>;
  buy(
    options?: Partial<BuyOptions> & { readonly kWh?: number; readonly maxPrice?: number },
  ): ReturnType<BecknExchange["buy"]>;
}

export interface Rig extends AsyncDisposable {
  readonly hub: MemoryHub;
  readonly market: MarketClock;
  readonly nodes: RigNode[];
  /** A node of one agent, linked with all others; the number picks its key. */
  node(number: number, options?: NodeSetup): Promise<RigNode>;
}

export interface NodeSetup {
  readonly disk?: MemoryDisk;
  readonly moneyMicro?: number;
  readonly energyMilliWh?: number;
  readonly sells?: boolean;
  /** Of the agent's owner. */
  readonly mandate?: BecknMandate;
  /** Default those of the rig. */
  readonly settings?: BecknSettings;
  /** What the Beckn room sees of the desk; default the desk itself. */
  readonly view?: (desk: TradeDesk) => TradeDesk;
}

type Handler = (received: Received) => Promise<{ draft: Draft; signer: Signer } | undefined>;

export function intentOf(kWh: number, maxPrice: number): SearchIntent {
  return {
    slot,
    needMilliWh: Math.round(kWh * 1_000_000),
    maxPriceMicroPerKWh: Math.round(maxPrice * 1_000_000),
    currency: "USD",
  };
}

export function buyOptions(
  changes: Partial<BuyOptions> & { readonly kWh?: number; readonly maxPrice?: number } = {},
): BuyOptions {
  const { kWh = 10, maxPrice = 0.3, ...rest } = changes;
  return {
    intent: intentOf(kWh, maxPrice),
    // A search ends half a second after its newest offer; so long it waits for a first one where machines are busy.
    searchWindowMs: 4_000,
    minFillMilliWh: 10_000,
    allOrNothing: false,
    splitNeed: false,
    requireInit: true,
    delivery: "slot",
    untilMs,
    timeoutMs: 15_000,
    ...rest,
  };
}

/** Both revisions, the one that tests write by hand first. */
export const v1First: BecknSettings = { profiles: ["beckn/1", "beckn/2"] };

export function createRig(seed = 1, settings: BecknSettings = {}): Rig {
  const hub = memoryHub({ seed });
  const clock = systemClock();
  const market = marketClock(clock, { marketMs: HOUR_MS + 60_000 });
  const nodes: RigNode[] = [];
  const trade = new Map<string, Map<string, Handler>>();
  const rows: AgentRow[] = [];

  async function node(number: number, setup: NodeSetup = {}): Promise<RigNode> {
    const name = `household-agent-${String(number).padStart(2, "0")}`;
    const signer = signerOf(number * 7);
    const peerId = peerIdFromKey(signerOf(number * 7 + 1).publicKey);
    const lines: LogLine[] = [];
    const log = collect(lines);
    const random = systemRandom();
    const context = { seed: new Uint8Array(32), peerId, network: NETWORK, clock, random, log };
    const transport = await memory({ hub }).create(context);
    await transport.start();
    for (const other of nodes)
      await transport.dial({ peerId: other.peerId, addresses: [] }, { timeoutMs: 1_000 });
    const disk = setup.disk ?? memoryDisk();
    const engine = nodeEngine();
    const exchange = exchangeOf(peerId, trade);
    const desk = await openTradeDesk({
      disk,
      network: NETWORK,
      peerId,
      exchange,
      engine,
      clock,
      random,
      market,
      log,
    });
    await desk.open({
      signer,
      name,
      moneyMicro: setup.moneyMicro ?? 100_000_000,
      energyMilliWh: setup.energyMilliWh ?? 10_000_000,
      capacityMilliWh: 50_000_000,
      policy: { maxOrderMicro: 50_000_000, spendPerHourMicro: 100_000_000, maxOpenOrders: 12 },
    });
    const store = memoryStore();
    const { mandate } = setup;
    const agent: LocalAgent = { name, agentId: signer.agentId, signer, mandate };
    rows.push(rowOf(agent, peerId));
    const validators: ((from: string, data: Uint8Array) => Promise<Verdict>)[] = [];
    const beckn = createBecknExchange({
      transport: watchJoins(transport, validators),
      desk: setup.view?.(desk) ?? desk,
      registry: registryOf(rows, peerId),
      store,
      network: NETWORK,
      domain: "energy",
      settings: setup.settings ?? settings,
      engine,
      clock,
      random,
      market,
      log,
      peerId,
      agents: {
        bySellerId: (agentId) => (agentId === agent.agentId ? agent : undefined),
        byName: (wanted) => (wanted === name ? agent : undefined),
        first: () => agent,
        sellers: () => (setup.sells === false ? [] : [agent]),
      },
    });
    const made: RigNode = {
      peerId,
      name,
      agentId: agent.agentId,
      signer,
      transport,
      validate: async (data) => (await validators[0]?.("anybody", data)) ?? "ignore",
      desk,
      beckn,
      disk,
      store,
      lines,
      sell: (kWh, price) =>
        desk.offer({
          agentId: agent.agentId,
          slot,
          quantityMilliWh: Math.round(kWh * 1_000_000),
          priceMicroPerKWh: Math.round(price * 1_000_000),
          currency: "USD",
          untilMs,
        }),
      buy: (changes) => beckn.buy(name, buyOptions(changes)),
      async [Symbol.asyncDispose]() {
        nodes.splice(nodes.indexOf(made), 1);
        trade.delete(peerId);
        await beckn.stop();
        await desk.stop();
        await transport.stop({ deadlineMs: 500 });
      },
    };
    nodes.push(made);
    return made;
  }

  return {
    hub,
    market,
    nodes,
    node,
    async [Symbol.asyncDispose]() {
      for (const running of nodes.slice()) await running[Symbol.asyncDispose]();
    },
  };
}

/** Frames one request of `from` and returns the reply's status and fault code, as any stranger could send it. */
export async function sendRaw(
  from: RigNode,
  peerId: string,
  frame: { readonly header: Uint8Array; readonly body: Uint8Array },
): Promise<{ readonly status: number; readonly code: string; readonly signature: string | undefined }> {
  const wait = { timeoutMs: 2_000 };
  const stream = await from.transport.open(peerId, "/gridmesh/beckn/1", wait);
  await stream.writeFrame(frame.header, wait);
  await stream.writeFrame(frame.body, wait);
  const header = await stream.readFrame(wait);
  const body = await stream.readFrame(wait);
  await stream.close(wait);
  const { status, headers } = JSON.parse(new TextDecoder().decode(header)) as {
    status: number;
    headers: { signature?: string };
  };
  const fault = becknV1.decodeAck(parseBecknBody(body ?? new Uint8Array()));
  // Revision 2 names its error by its code, version 1 by its text.
  const name = fault && (/^[A-Z]/.test(fault.code) ? fault.code : fault.message.split(":")[0]);
  return { status, code: name ?? "ACK", signature: headers.signature };
}

/** The transport itself, but for taking note of who validates what. */
function watchJoins(transport: Transport, validators: Parameters<Transport["join"]>[1][]): Transport {
  return new Proxy(transport, {
    get(target, key) {
      if (key === "join") {
        return (...[topic, validate]: Parameters<Transport["join"]>) => {
          validators.push(validate);
          return target.join(topic, validate);
        };
      }
      const member: unknown = Reflect.get(target, key, target);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}

function exchangeOf(peerId: string, rooms: Map<string, Map<string, Handler>>): SignedExchange {
  let sent = 0;
  const received = (from: string, draft: Draft, signer: Signer): Received => {
    const { type, ...fields } = draft;
    const nonce = Buffer.from(`${from}${sent++}`.slice(-32).padStart(32, "0")).toString("base64");
    const message = { ...fields, type, nonce, timestamp: Math.floor(Date.now() / 1000) };
    const link = { peerId: from, address: "", inbound: true, relayed: false, openedAtMs: 0, lastByteMs: 0 };
    return { type, message, body: fields, messageId: "", signerId: signer.agentId, from: link };
  };
  const reach = async (to: string, draft: Draft, signer: Signer) => {
    const handler = rooms.get(to)?.get(draft.type);
    if (!handler) throw new ProtocolError("PEER_UNREACHABLE", "gone");
    return handler(received(peerId, draft, signer));
  };
  return {
    handle(_protocol, type, on) {
      const room = rooms.get(peerId) ?? new Map<string, Handler>();
      rooms.set(peerId, room.set(type, on));
      return { [Symbol.dispose]: () => room.delete(type) };
    },
    async request(...[to, , draft, options]) {
      const answer = await reach(to, draft, options.signer);
      if (!answer)
        return received(to, { type: "trade_send", recipient_id: "", documents: [] }, options.signer);
      return received(to, answer.draft, answer.signer);
    },
    async tell(...[to, , draft, options]) {
      await reach(to, draft, options.signer);
    },
  };
}

function rowOf(agent: LocalAgent, nodeId: string): AgentRow {
  return {
    name: agent.name,
    agentId: agent.agentId,
    nodeId,
    address: `${nodeId}:${agent.name}`,
    capabilities: ["energy.sell", "energy.buy"],
    presence: "live",
    local: false,
    confirmed: true,
    validUntil: 2 ** 32,
    protocols: ["plain"],
    eras: [],
  };
}

function registryOf(rows: readonly AgentRow[], peerId: string): Registry {
  const known = () => rows.map((row) => ({ ...row, local: row.nodeId === peerId }));
  return {
    async *find() {
      yield* known();
    },
    known,
    byId: (agentId) => known().find((row) => row.agentId === agentId),
    onChange: () => ({ [Symbol.dispose]() {} }),
  };
}

function collect(lines: LogLine[]): Log {
  const at = (level: string) => (event: string, message: string) =>
    void lines.push({ level, event, message });
  const log: Log = {
    error: at("error"),
    warn: at("warn"),
    info: at("info"),
    debug: at("debug"),
    child: () => log,
  };
  return log;
}

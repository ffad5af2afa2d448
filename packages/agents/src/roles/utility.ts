/** The utility: sells without end, settles what no contract covers, and collects the households' states of charge. */

import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentContext, AgentDefinition } from "@gridmesh/node";
import { type JsonObject, type JsonValue, ProtocolError, toProtocolError } from "@gridmesh/protocol";
import { z } from "zod";
import { labUntil, localOnly, read } from "../answers.ts";
import { runBrain } from "../brain.ts";
import { collectStatesOfCharge, type Collection } from "../collect.ts";
import { deliverWhenOver } from "../delivery.ts";
import { everyMarketMs } from "../market-loop.ts";
import { parseOptions } from "../options.ts";
import { createTrader } from "../trader.ts";
import { stepUtility, utilityIdle } from "./utility-brain.ts";

const MILLI = 1_000;
/** The grid behind the utility has no bottom and no top: its book opens with what no day can use up. */
const INFINITE_BUS_MILLI_WH = 900_000_000_000;
const BUS_CAPACITY_MILLI_WH = 1_000_000_000_000;
const OPENING_MICRO = 1_000_000_000_000;

const utilityOptions = z.strictObject({
  area: z.string().max(64).default("neighbourhood"),
  delivery: z.enum(["instant", "slot"]).default("instant"),
  /** Market ms of a slot. */
  cycleMs: z.int().min(1_000).max(86_400_000).default(20_000),
  gatePermille: z.int().min(1).max(1_000).default(800),
  offerWh: z.int().min(1).max(1_000_000_000).default(500_000),
  askMicroPerKWh: z.int().min(0).max(1_000_000_000).default(250_000),
  feedInMicroPerKWh: z.int().min(0).max(1_000_000_000).default(50_000),
  /** Drawn without contract: retail × (1000 + p)/1000; fed in: feed-in × (1000 − p)/1000. */
  imbalancePermille: z.int().min(0).max(1_000).default(100),
  currency: z.string().min(1).max(8).default("USD"),
  /** Market seconds between two collections. */
  collectEveryS: z.int().min(1).max(86_400).default(300),
  /** Folder that keeps the collections; without it they live in memory. */
  dir: z.string().min(1).optional(),
  openLedger: z.boolean().default(false),
});

type Options = z.output<typeof utilityOptions>;

const policy = { maxOrderMicro: 200_000_000, spendPerHourMicro: 2_000_000_000, maxOpenOrders: 64 };

/** The area's utility and operator. @throws CONFIG_INVALID naming the option. */
export function utility(raw: unknown): AgentDefinition {
  const options = parseOptions("utility", utilityOptions, raw);
  let running: Utility | undefined;
  const live = (): Utility => {
    if (running === undefined) throw new ProtocolError("AGENT_UNAVAILABLE", "the utility has not started");
    return running;
  };
  return {
    capabilities: ["energy.sell", "energy.operator"],
    policy,
    methods: {
      tariff: () => ({
        currency: options.currency,
        retailMicroPerKWh: options.askMicroPerKWh,
        feedInMicroPerKWh: options.feedInMicroPerKWh,
        imbalance: imbalanceTariff(options),
      }),
      "ledger/snapshot": (_params, call) => {
        if (!options.openLedger) localOnly(call);
        return live().snapshot();
      },
      "collection/run": async (_params, call) => {
        localOnly(call);
        return live().collect();
      },
      "collection/list": () => live().collected(),
      "lab/until": (params, call) => {
        localOnly(call);
        live().endAt(read(labUntil, params).untilMs);
        return {};
      },
    },
    async start(context) {
      running = await startUtility(context, options);
    },
    drain: async () => running?.drain(),
    async stop() {
      running?.stop();
    },
  };
}

/** What a kWh without a contract costs and earns: deviating never beats trading. */
function imbalanceTariff(options: Options): { retailMicroPerKWh: number; feedInMicroPerKWh: number } {
  const p = options.imbalancePermille;
  return {
    retailMicroPerKWh: Math.floor((options.askMicroPerKWh * (1_000 + p)) / 1_000),
    feedInMicroPerKWh: Math.floor((options.feedInMicroPerKWh * (1_000 - p)) / 1_000),
  };
}

interface Utility {
  collect(): Promise<JsonObject>;
  collected(): JsonObject;
  snapshot(): JsonValue;
  /** No collection of its own accord from this market time on. */
  endAt(untilMs: number): void;
  drain(): Promise<void>;
  stop(): void;
}

async function startUtility(context: AgentContext, options: Options): Promise<Utility> {
  await context.openBook({
    moneyMicro: OPENING_MICRO,
    energyMilliWh: INFINITE_BUS_MILLI_WH,
    capacityMilliWh: BUS_CAPACITY_MILLI_WH,
    tariff: imbalanceTariff(options),
  });
  const offers = standingOffers(context, options);
  const using = [offers, deliverWhenOver(context, options.delivery)];
  const memory = openCollections(options.dir);
  let collecting: Promise<JsonObject> | undefined;
  const collect = (): Promise<JsonObject> => {
    collecting ??= collectOnce(context, memory).finally(() => {
      collecting = undefined;
    });
    return collecting;
  };
  let untilMs = Number.POSITIVE_INFINITY;
  using.push(
    everyMarketMs(context.market, options.collectEveryS * MILLI, (atMs) => {
      if (atMs >= untilMs) return;
      collect().catch((error: unknown) => {
        const known = toProtocolError(error, "HANDLER_FAILED");
        context.log.warn("collect.failed", `no collection: ${known.message}`, { code: known.code });
      });
    }),
  );
  return {
    collect,
    collected: () => memory.totals(),
    snapshot: () => context.desk.book(context.agentId) as unknown as JsonValue,
    endAt(atMs) {
      untilMs = atMs;
    },
    drain: () => offers.withdraw(),
    stop() {
      for (const part of using) part[Symbol.dispose]();
    },
  };
}

function standingOffers(context: AgentContext, options: Options): Disposable & { withdraw(): Promise<void> } {
  const trader = createTrader(
    context,
    {
      currency: options.currency,
      askMicroPerKWh: options.askMicroPerKWh,
      maxBuyMicroPerKWh: 0,
      minTradeMilliWh: 1,
      delivery: options.delivery,
      searchWindowMs: MILLI,
      emptyIntent: false,
      splitNeed: false,
    },
    { bought() {}, operatorKnown() {} },
  );
  const brain = runBrain({
    step: stepUtility,
    initial: utilityIdle,
    options: {
      area: options.area,
      cycleMs: options.cycleMs,
      gatePermille: options.gatePermille,
      offerMilliWh: options.offerWh * MILLI,
    },
    perform: (action) => trader.perform(action),
    log: context.log,
  });
  let open = true;
  const look = () => {
    if (open) void brain.take(() => ({ kind: "time", atMs: context.market.nowMs() }));
  };
  look();
  const parts = [everyMarketMs(context.market, options.cycleMs, look), context.market.onChange(look), trader];
  return {
    async withdraw() {
      open = false;
      await brain.idle();
      await trader.withdrawOffers();
    },
    [Symbol.dispose]() {
      for (const part of parts) part[Symbol.dispose]();
    },
  };
}

async function collectOnce(context: AgentContext, memory: Collections): Promise<JsonObject> {
  const { log } = context;
  log.info("collect.started", "--- UTILITY: Waking up to collect data from all households ---");
  const collection = await collectStatesOfCharge(context);
  log.info("collect.done", "--- A2A DATA COLLECTION COMPLETE ---", {
    asked: collection.asked,
    answered: collection.answered,
  });
  memory.add(collection);
  log.info("collect.stored", `--- STORED data collection: ${collection.answered} agents ---`);
  if (collection.missing.length > 0) {
    log.warn("collect.incomplete", `no answer from ${collection.missing.join(", ")}`);
  }
  return memory.totals();
}

interface Collections {
  add(collection: Collection): void;
  /** {runs, asked, answered, last} */
  totals(): JsonObject;
}

/** Writes every collection as a line of `collections.ndjson` and remembers their sums; a restart goes on counting. */
function openCollections(dir: string | undefined): Collections {
  const path = dir === undefined ? undefined : join(dir, "collections.ndjson");
  const sums = { runs: 0, asked: 0, answered: 0 };
  let last: Collection | undefined;
  const count = (collection: Collection) => {
    sums.runs += 1;
    sums.asked += collection.asked;
    sums.answered += collection.answered;
    last = collection;
  };
  if (path !== undefined && existsSync(path)) {
    for (const line of readFileSync(path, "utf8").split("\n")) {
      // The last line may be cut by a crash: what was not written whole was not collected.
      if (line.endsWith("}")) count(JSON.parse(line) as Collection);
    }
  }
  return {
    add(collection) {
      count(collection);
      if (path === undefined || dir === undefined) return;
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      appendFileSync(path, `${JSON.stringify(collection)}\n`, { mode: 0o600 });
    },
    totals: () => ({
      ...sums,
      last: last === undefined ? null : { ...last, rows: last.rows.map((row) => ({ ...row })) },
    }),
  };
}

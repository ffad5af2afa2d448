/** A home with a battery that buys and sells over Beckn: BAP and BPP. */

import type { AgentContext, AgentDefinition, CallContext } from "@gridmesh/node";
import { dayStartS } from "@gridmesh/energy";
import { type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import { z } from "zod";
import { answerCreateTask, answerSendMessage, labUntil, localOnly, read } from "../answers.ts";
import { sayConfirmed } from "../confirmed.ts";
import { deliverWhenOver } from "../delivery.ts";
import { homeCalendar, openHomes } from "../homes.ts";
import { parseOptions } from "../options.ts";
import { type HouseholdOptions, householdOptions } from "./household-options.ts";
import type { HouseholdRun } from "./household-run.ts";
import { SurplusRun } from "./surplus-run.ts";
import { runThreshold } from "./threshold-run.ts";

const MILLI = 1_000;

/** What the owner lets the node sign for a household, per order, per market hour, and at once. */
const policy = { maxOrderMicro: 5_000_000, spendPerHourMicro: 20_000_000, maxOpenOrders: 12 };

/**
 * A household agent.
 * @throws CONFIG_INVALID naming the option; INVALID_PARAMS for a data set that cannot be read.
 */
export function household(raw: unknown): AgentDefinition {
  const options = checked(parseOptions("household", householdOptions, raw));
  let home: Home | undefined;
  const live = (): Home => {
    if (home === undefined) throw new ProtocolError("AGENT_UNAVAILABLE", "the household has not started");
    return home;
  };
  const soc = () => live().stateOfCharge();
  const skills = { get_soc_data: soc };
  return {
    capabilities: ["energy.sell", "energy.buy", "energy.soc"],
    policy,
    tools: {
      get_soc_data: {
        description: "State of charge of the household's battery",
        inputSchema: { type: "object", properties: {}, additionalProperties: false },
        handler: soc,
      },
      "energy-trading-actions": {
        description: "What the household is and has (profile), and what it plans for its open slots (plan)",
        inputSchema: {
          type: "object",
          properties: { op: { type: "string", enum: ["profile", "plan"] } },
          required: ["op"],
          additionalProperties: false,
        },
        handler: (params, call) => live().act(params, call),
      },
    },
    methods: {
      SendMessage: answerSendMessage(skills),
      createTask: answerCreateTask(skills),
      "ledger/snapshot": (_params, call) => live().snapshot(call),
      "lab/until": (params, call) => live().endAt(params, call),
    },
    async start(context) {
      home = await startHome(context, options);
    },
    drain: async () => home?.run.drain(),
    async stop() {
      home?.stop();
    },
  };
}

/** Options that contradict each other. @throws CONFIG_INVALID. */
function checked(options: HouseholdOptions): HouseholdOptions {
  const refuse = (what: string) => new ProtocolError("CONFIG_INVALID", `household: ${what}`);
  if (options.cycleMs % 1_000 !== 0 || 86_400_000 % options.cycleMs !== 0) {
    throw refuse(`"cycleMs" ${options.cycleMs} is no number of whole seconds that divides a day`);
  }
  if (options.strategy === "surplus" && options.cycleMs !== 3_600_000) {
    throw refuse(`"strategy" surplus needs "cycleMs" 3600000: series are hourly`);
  }
  if (options.strategy === "surplus" && options.model === "rate") {
    throw refuse(`"strategy" surplus needs "model" series or generator`);
  }
  if (options.strategy === "threshold" && options.model !== "rate") {
    throw refuse(`"strategy" threshold needs "model" rate`);
  }
  if (options.model === "series" && options.data === undefined) {
    throw refuse(`"model" series needs "data"`);
  }
  return options;
}

interface Home {
  readonly run: HouseholdRun;
  stateOfCharge(): JsonObject;
  act(params: JsonValue, call: CallContext): JsonObject;
  snapshot(call: CallContext): JsonValue;
  endAt(params: JsonValue, call: CallContext): JsonObject;
  stop(): void;
}

const action = z.object({ op: z.enum(["profile", "plan"]) });

async function startHome(context: AgentContext, options: HouseholdOptions): Promise<Home> {
  const capacityMilliWh = options.capacityWh * MILLI;
  await context.openBook({
    moneyMicro: options.openingMicro,
    energyMilliWh: Math.floor((capacityMilliWh * options.stateOfChargePercent) / 100),
    capacityMilliWh,
  });
  const using = [sayConfirmed(context, options.delivery), deliverWhenOver(context, options.delivery)];
  const run = options.strategy === "surplus" ? surplus(context, options) : runThreshold(context, options);
  const stateOfCharge = (): JsonObject => {
    const stateOfChargeMilliWh = run.storedMilliWh();
    return {
      agentId: context.agentId,
      atMs: context.market.nowMs(),
      stateOfChargePermille:
        capacityMilliWh === 0 ? 0 : Math.floor((stateOfChargeMilliWh * 1_000) / capacityMilliWh),
      stateOfChargeMilliWh,
      capacityMilliWh,
    };
  };
  return {
    run,
    stateOfCharge,
    act(params, call) {
      if (read(action, params).op === "profile") return profile(stateOfCharge(), run);
      localOnly(call);
      return run.plan();
    },
    snapshot(call) {
      if (!options.openLedger) localOnly(call);
      return context.desk.book(context.agentId) as unknown as JsonValue;
    },
    endAt(params, call) {
      localOnly(call);
      run.endAt(read(labUntil, params).untilMs);
      return { settled: run.settled() };
    },
    stop() {
      run.stop();
      for (const part of using) part[Symbol.dispose]();
    },
  };
}

function profile(stateOfCharge: JsonObject, run: HouseholdRun): JsonObject {
  return { ...stateOfCharge, settled: run.settled(), trading: { ...run.counters } };
}

function surplus(context: AgentContext, options: HouseholdOptions): HouseholdRun {
  const dataset = openHomes(options);
  return new SurplusRun(context, options, {
    firstMs: dayStartS(options.day) * 1_000,
    seriesOf: homeCalendar(dataset, { home: options.home, day: options.day, pvW: options.pvW }),
  });
}

/** Asking every household for its state of charge by A2A, and naming those that did not answer. */

import { randomUUID } from "node:crypto";
import type { AgentContext } from "@gridmesh/node";
import { isProtocolError, type JsonValue } from "@gridmesh/protocol";
import { z } from "zod";

const ANSWER_TIMEOUT_MS = 10_000;
const AT_ONCE = 16;

const stateOfCharge = z.object({
  agentId: z.string(),
  atMs: z.int(),
  stateOfChargePermille: z.int().min(0).max(1_000),
  stateOfChargeMilliWh: z.int(),
  capacityMilliWh: z.int().min(0),
});

const reply = z.object({
  message: z.object({ parts: z.array(z.object({ data: stateOfCharge })).min(1) }),
});

export type StateOfCharge = z.output<typeof stateOfCharge> & { readonly agent: string };

/** One round: partial answers are kept, missing agents named. Times: market ms. */
export interface Collection {
  readonly atMs: number;
  readonly asked: number;
  readonly answered: number;
  readonly missing: readonly string[];
  readonly rows: readonly StateOfCharge[];
}

interface Target {
  readonly name: string;
  readonly agentId: string;
  readonly address: string;
}

/** Asks all agents known under `energy.soc`: at most 16 at once, 10 s each, one retry. */
export async function collectStatesOfCharge(context: AgentContext): Promise<Collection> {
  const targets: Target[] = [];
  for await (const row of context.registry.find({ capability: "energy.soc", scope: "known" })) {
    if (row.agentId !== context.agentId) targets.push(row);
  }
  const rows: StateOfCharge[] = [];
  const missing: string[] = [];
  const queue = [...targets];
  const worker = async () => {
    for (let target = queue.shift(); target !== undefined; target = queue.shift()) {
      const row = (await ask(context, target)) ?? (await ask(context, target));
      if (row === undefined) missing.push(target.name);
      else rows.push(row);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  rows.sort((a, b) => (a.agent < b.agent ? -1 : 1));
  return {
    atMs: context.market.nowMs(),
    asked: targets.length,
    answered: rows.length,
    missing: missing.sort(),
    rows,
  };
}

async function ask(context: AgentContext, target: Target): Promise<StateOfCharge | undefined> {
  const params: JsonValue = {
    message: {
      messageId: randomUUID(),
      role: "ROLE_USER",
      parts: [{ data: {} }],
      metadata: { skillId: "get_soc_data" },
    },
    configuration: { returnImmediately: false },
  };
  const wait = { timeoutMs: ANSWER_TIMEOUT_MS, signal: context.signal };
  try {
    const answer = reply.safeParse(await context.call(`${target.address}/SendMessage`, params, wait));
    const data = answer.data?.message.parts[0]?.data;
    // An answer in another agent's name is none.
    return data?.agentId === target.agentId ? { agent: target.name, ...data } : undefined;
  } catch (error) {
    const code = isProtocolError(error) ? error.code : "HANDLER_FAILED";
    context.log.debug("collect.unanswered", `${target.name} did not answer`, { code });
    return undefined;
  }
}

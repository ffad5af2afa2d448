/** Who settles what no contract covers: the area's operator and its tariff, once heard of and then remembered. */

import type { AgentContext } from "@gridmesh/node";
import { z } from "zod";

const TARIFF_TIMEOUT_MS = 5_000;

const rates = z.object({
  retailMicroPerKWh: z.int().min(0),
  feedInMicroPerKWh: z.int().min(0),
});

/** Answer of an operator's `tariff`: what it sells and buys at, and what settles energy without a contract. */
export const tariffAnswer = rates.extend({ currency: z.string(), imbalance: rates });

export interface Operator {
  readonly agentId: string;
  readonly peerId: string;
  /** What a kWh drawn without a contract costs. */
  readonly retailMicroPerKWh: number;
  /** What a kWh fed in without a contract earns. */
  readonly feedInMicroPerKWh: number;
}

export interface OperatorWatch extends Disposable {
  readonly known: Operator | undefined;
  /** Looks again unless it is known or being asked. */
  look(): void;
}

/** Looks for the operator until it has answered once; `onKnown` is told then. */
export function watchOperator(context: AgentContext, onKnown: () => void): OperatorWatch {
  let known: Operator | undefined;
  let asking = false;

  const ask = async () => {
    const row = context.registry.known().find((row) => row.capabilities.includes("energy.operator"));
    if (row === undefined) return;
    const answer = await context.call(
      `${row.address}/tariff`,
      {},
      { timeoutMs: TARIFF_TIMEOUT_MS, signal: context.signal },
    );
    known = { agentId: row.agentId, peerId: row.nodeId, ...tariffAnswer.parse(answer).imbalance };
    onKnown();
  };
  const look = () => {
    if (known !== undefined || asking) return;
    asking = true;
    ask()
      .catch((error: unknown) => {
        context.log.debug("household.operator", `operator not asked yet: ${String(error)}`);
      })
      .finally(() => {
        asking = false;
      });
  };
  const watch = context.registry.onChange(look);
  look();
  return {
    get known() {
      return known;
    },
    look,
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  };
}

/** An agent's window on its node, put together. */

import type { AgentContext } from "./agent.ts";
import type { BecknExchange } from "./beckn/types.ts";
import type { Clock, Random } from "./clock.ts";
import type { SeatedAgent } from "./host/agent-list.ts";
import type { Log } from "./log.ts";
import type { MarketClock } from "./market-clock.ts";
import type { Registry } from "./registry/types.ts";
import type { Router } from "./route/router.ts";
import type { TradeDesk } from "./trade/types.ts";

export interface AgentContextParts {
  readonly nodeId: string;
  readonly network: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly market: MarketClock;
  readonly log: Log;
  readonly registry: Registry;
  readonly desk: TradeDesk;
  readonly beckn: BecknExchange;
  readonly router: Router;
}

export function agentContext(
  parts: AgentContextParts,
  agent: SeatedAgent,
  signal: AbortSignal,
): AgentContext {
  const { hosted, identity } = agent;
  const { nodeId, network, clock, random, market, registry, desk, beckn, router } = parts;
  const { name, agentId } = hosted;
  return {
    name,
    agentId,
    nodeId,
    network,
    clock,
    random,
    market,
    log: parts.log.child(name),
    registry,
    desk,
    openBook(options) {
      const { policy } = hosted.definition;
      return desk.open({
        ...options,
        signer: identity.signer,
        name,
        ...(policy === undefined ? {} : { policy }),
      });
    },
    search: (intent, options) => beckn.search(name, intent, options),
    buy: (options) => beckn.buy(name, options),
    becknCounters: () => beckn.counters(),
    standFor: (program) => beckn.outside.attach(name, program),
    call(address, params, wait) {
      const caller = { kind: "local", peerId: nodeId, agentId } as const;
      return router.call(address, params, { ...wait, caller });
    },
    signal,
  };
}

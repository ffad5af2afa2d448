/** Experiments by name, as `gridmesh experiment` takes them; each one's code is read when it runs. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Experiment } from "./experiment.ts";

function lazy(id: string, summary: string, load: () => Promise<Experiment["run"]>): Experiment {
  return { id, summary, run: async (options) => (await load())(options) };
}

/** One that runs on real nodes, which a pure run cannot stand for. */
function onNodes(id: string, summary: string, instead: string): Experiment {
  return {
    id,
    summary,
    run: () =>
      Promise.reject(
        new ProtocolError(
          "UNSUPPORTED_OPERATION",
          `${id} needs nodes of its own, which it has not yet: ${instead}`,
        ),
      ),
  };
}

export const experiments: Readonly<Record<string, Experiment>> = {
  cost: lazy(
    "E1",
    "a year's bills of four communities, with and without trading",
    async () => (await import("./homes-experiments.ts")).cost,
  ),
  peak: lazy(
    "E2",
    "peaks without an agent, with forecast and battery, and after a price for time of use",
    async () => (await import("./homes-experiments.ts")).peak,
  ),
  frequency: lazy(
    "E3",
    "an island's frequency with and without local droop, a recorded day and disturbance",
    async () => (await import("./grid-experiments.ts")).frequency,
  ),
  market: lazy(
    "E4",
    "efficiency, price and sellers' share of six mechanisms under four kinds of traders",
    async () => (await import("./market-experiments.ts")).market,
  ),
  speed: lazy(
    "E5",
    "how fast one auction of 100 … 100,000 orders clears",
    async () => (await import("./speed-experiment.ts")).speed,
  ),
  conformance: lazy(
    "E6",
    "every file of known answers in --oracles, passed and total",
    async () => (await import("./conformance-experiment.ts")).conformance,
  ),
  cheat: lazy(
    "E7",
    "nine ways to cheat, found and convicted",
    async () => (await import("./cheat-experiment.ts")).cheat,
  ),
  ingest: onNodes("E8", "signed records verified and stored", "nothing stands for it"),
  day: onNodes("E9", "100 agents for a day of 96 slots", "gridmesh testnet run lives a day of 13 daemons"),
  failover: lazy(
    "E10",
    "the first supervisor killed in every slot, on nodes of one process",
    async () => (await import("./failover-experiment.ts")).failover,
  ),
  partition: lazy(
    "E11",
    "three groups of nodes, cut and healed",
    async () => (await import("./partition-experiment.ts")).partition,
  ),
  forecast: lazy(
    "E12",
    "errors of day-ahead forecasts, coverage, and alerts on injected ramps",
    async () => (await import("./forecast-experiment.ts")).forecast,
  ),
};

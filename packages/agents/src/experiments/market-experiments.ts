/** E4: what mechanisms make of the same needs. */

import { type ExperimentFigure, learningExperiment, marketExperiment } from "@gridmesh/energy";
import { drawn } from "./data.ts";
import { type ExperimentRun, figureOf } from "./experiment.ts";

const MICRO = 1e6;

export const market: ExperimentRun = ({ seed, quick }) => {
  const rows = marketExperiment(quick ? { seed, auctions: 30 } : { seed });
  const figures = rows.flatMap((row): ExperimentFigure[] => {
    const name = `${row.mechanism}, ${row.traders}`;
    const isBest = row.mechanism === "call-uniform" && row.traders === "truthful";
    return [
      figureOf(
        `${name}: efficiency`,
        { value: row.efficiency, unit: "", baseline: "the most there was to gain" },
        isBest ? [1 - 1e-9, 1 + 1e-9] : [0, 1 + 1e-9],
      ),
      figureOf(`${name}: price`, {
        value: (row.meanPriceMicroPerKWh ?? Number.NaN) / MICRO,
        unit: "per kWh",
      }),
      figureOf(`${name}: sellers' share`, { value: row.sellerShare, unit: "" }),
      figureOf(`${name}: deficit`, { value: Math.max(0, -row.surplusMicro) / MICRO, unit: "" }, [0, 0]),
    ];
  });
  const weeks = learningExperiment({ seed });
  const learning = weeks.flatMap((row) => [
    figureOf(`week ${row.week}: price`, {
      value: (row.meanPriceMicroPerKWh ?? Number.NaN) / MICRO,
      unit: "per kWh",
    }),
    figureOf(`week ${row.week}: efficiency`, { value: row.efficiency, unit: "" }, [0.85, 1 + 1e-9]),
  ]);
  const [first, last] = [weeks[0], weeks.at(-1)].map((row) => row?.meanPriceMicroPerKWh ?? Number.NaN);
  const change = 100 * ((last ?? Number.NaN) / (first ?? Number.NaN) - 1);
  return Promise.resolve({
    tables: [
      { title: "market", dataset: drawn("random needs", seed), figures },
      { title: "learning in call-uniform", dataset: drawn("random needs", seed), figures: learning },
    ],
    claims: [
      {
        source: "Architecture",
        claim: "agents that learn buy cheaper",
        measured: `price of week 8 ${change >= 0 ? "+" : ""}${change.toFixed(1)} % against week 1, buyers and sellers learning`,
        reached: change < 0,
      },
    ],
    notes: ["Efficiency is the worth of what was traded over the most there was, by true worth."],
  });
};

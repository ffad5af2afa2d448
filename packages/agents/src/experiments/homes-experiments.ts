/** E1 and E2: what trading and planning are worth to homes in a year. */

import {
  costExperiment,
  costFigures,
  createGenerator,
  peakExperiment,
  peakFigures,
  reboundExperiment,
} from "@gridmesh/energy";
import { ProtocolError } from "@gridmesh/protocol";
import { datasetOf, generatedHomes, openHomes } from "./data.ts";
import { type ExperimentRun, type ExperimentTable, valueOf } from "./experiment.ts";

const MORE_SEEDS = 29;

/** The Guide's community for further seeds: what is held to the generator's bands. */
function furtherSeeds(seed: number, quick: boolean): readonly ExperimentTable[] {
  const seeds = Array.from({ length: quick ? 2 : MORE_SEEDS }, (_, index) => seed + 1 + index);
  return seeds.map((one) => {
    const figures = costFigures(costExperiment(createGenerator(one), ["guide"]), "generated");
    const held = figures.filter(({ bar }) => bar !== null);
    return { title: "cost, further seeds", dataset: datasetOf(generatedHomes(one)), figures: held };
  });
}

function percent(value: number): string {
  return `${value.toFixed(1)} %`;
}

export const cost: ExperimentRun = ({ data, seed, quick }) => {
  const homes = openHomes({ data, seed });
  const figures = costFigures(costExperiment(homes.dataset), homes.source);
  const saved = valueOf(figures, "guide, feed-in 0.05: saved by trading");
  const others = ["five-sellers", "all-with-battery", "all-without-battery"].map((name) =>
    valueOf(figures, `${name}, feed-in 0.05: saved by trading`),
  );
  const tables = [
    { title: "cost", dataset: datasetOf(homes), figures },
    ...(homes.source === "generated" ? furtherSeeds(seed, quick) : []),
  ];
  return Promise.resolve({
    tables,
    claims: [
      {
        source: "Architecture",
        claim: "cost 15–25 % lower",
        measured: `${percent(saved)} in the Guide's community against the utility alone with the same assets (A)`,
        reached: saved >= 15,
      },
      {
        source: "Architecture",
        claim: "cost 15–25 % lower, whatever the community",
        measured: `${others.map(percent).join(", ")} in the other three against A`,
        reached: others.every((value) => value >= 15),
      },
    ],
    notes: [
      "Baseline A is the same homes with the same PV and batteries that trade with the utility alone; B buys all from it.",
      "The difference to B is the PV, not the market.",
    ],
  });
};

export const peak: ExperimentRun = ({ data, seed }) => {
  const homes = openHomes({ data, seed });
  const prices = homes.environment?.columns.priceMicroPerKWh;
  if (prices === undefined)
    throw new ProtocolError("INVALID_PARAMS", `${homes.name}: no prices beside the homes`);
  const figures = peakFigures(
    peakExperiment(homes.dataset),
    reboundExperiment(homes.dataset, prices),
    homes.source,
  );
  const daily = valueOf(figures, "forecast and battery: mean daily peak lowered");
  const [before, after] = ["no agent", "forecast and battery"].map((name) =>
    valueOf(figures, `${name}: annual peak`),
  );
  const annual = 100 * (1 - (after ?? Number.NaN) / (before ?? Number.NaN));
  return Promise.resolve({
    tables: [{ title: "peak", dataset: datasetOf(homes), figures }],
    claims: [
      claim("peak 20–30 % lower, mean of days", daily),
      claim("peak 20–30 % lower, highest hour of the year", annual),
    ],
    notes: ["Without the grid agent batteries that follow a price raise the peak; with it the peak falls."],
  });
};

function claim(text: string, value: number) {
  return {
    source: "Architecture",
    claim: text,
    measured: `${percent(value)} against no agent`,
    reached: value >= 20,
  } as const;
}

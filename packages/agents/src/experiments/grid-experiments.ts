/** E3: an island's frequency under its controls, a recorded day, a recorded disturbance. */

import {
  dayFigures,
  eventFigures,
  frequencyExperiment,
  frequencyFigures,
  generatedGridDay,
  readFrequencyEvent,
  readGridDay,
  recordExperiment,
} from "@gridmesh/energy";
import { datasetOf, drawn, findFile } from "./data.ts";
import { type ExperimentRun, type ExperimentTable, valueOf } from "./experiment.ts";

const SEEDS = 6;

export const frequency: ExperimentRun = ({ data, seed, quick }) => {
  const seeds = Array.from({ length: quick ? 1 : SEEDS }, (_, index) => seed + index);
  const figures = frequencyFigures(frequencyExperiment(seeds));
  const least = Math.min(...seeds.map((one) => valueOf(figures, `local-droop, seed ${one}: in band`)));
  const tables: ExperimentTable[] = [
    { title: "frequency of an island", dataset: drawn("load steps", seed), figures },
  ];
  const day = findFile(data, "grid_day_1s.csv");
  tables.push(
    day === null
      ? {
          title: "day",
          dataset: drawn("generated grid day", seed),
          figures: dayFigures(recordExperiment(generatedGridDay(seed))),
        }
      : {
          title: "day",
          dataset: datasetOf(day),
          figures: dayFigures(recordExperiment(readGridDay(day.text))),
        },
  );
  const event = findFile(data, "frequency_event_pmu.csv");
  if (event !== null)
    tables.push({
      title: "disturbance",
      dataset: datasetOf(event),
      figures: eventFigures(recordExperiment(readFrequencyEvent(event.text))),
    });
  return Promise.resolve({
    tables,
    claims: [
      {
        source: "Architecture",
        claim: "99.5 % of the time inside 59.8 … 60.2 Hz",
        measured: `${least.toFixed(2)} % at least, of an island with local droop and secondary control`,
        reached: least >= 99.5,
      },
    ],
    notes: [
      "A modelled island of 50 kVA. No real interconnected grid is controlled; its recorded day stays in band by itself and proves nothing.",
      ...(event === null ? ["No frequency_event_pmu.csv in --data: the disturbance was not run."] : []),
    ],
  });
};

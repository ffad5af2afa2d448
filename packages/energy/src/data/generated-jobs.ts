/** What breaks and what has to be done, from a seed: faults of solar plants, batch jobs of a factory. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Job } from "../models/jobs.ts";
import type { HomeYear } from "./dataset.ts";
import { randomStream } from "./random-stream.ts";

const HOURS_PER_DAY = 24;
const HOUR_S = 3_600;
const JOB_MILLI_WH = 30_000_000;
const JOB_HOURS = 2;
const PERMILLE = 1_000;

export interface PvFault {
  /** First day of the year that shows it. */
  readonly fromDay: number;
  /** What is left of the output, ‰: 0 dead, 800 a string of five lost. */
  readonly leftPermille: number;
}

/** When a plant of this home fails and how badly: between day 60 and 300, 0 … 800 ‰ left. */
export function generatedFault(seed: number, home: number): PvFault {
  const draws = randomStream(seed, `fault-${home}`);
  return { fromDay: draws.integer(60, 300), leftPermille: 200 * draws.integer(0, 4) };
}

/** The home with the fault in its PV, hourly. @throws INVALID_PARAMS for a share outside 0 … 1,000. */
export function withPvFault(year: HomeYear, fault: PvFault): HomeYear {
  if (!(fault.leftPermille >= 0 && fault.leftPermille <= PERMILLE)) {
    throw new ProtocolError("INVALID_PARAMS", `leftPermille must lie in 0 … 1000, not ${fault.leftPermille}`);
  }
  const from = fault.fromDay * HOURS_PER_DAY;
  return {
    ...year,
    pvMilliWh: year.pvMilliWh.map((value, step) =>
      step < from ? value : Math.round((value * fault.leftPermille) / PERMILLE),
    ),
  };
}

/** Three jobs of 30 kWh and 2 h on the day that begins at `dayS`, ready in turn, each with 2 … 8 hours to spare. */
export function generatedJobs(seed: number, dayS: number): readonly Job[] {
  const draws = randomStream(seed, `jobs-${dayS}`);
  return [0, 1, 2].map((index) => {
    const earliestS = dayS + (6 * index + draws.integer(0, 3)) * HOUR_S;
    const slackHours = draws.integer(2, 8);
    return {
      energyMilliWh: JOB_MILLI_WH,
      durationS: JOB_HOURS * HOUR_S,
      earliestS,
      deadlineS: Math.min(dayS + HOURS_PER_DAY * HOUR_S, earliestS + (JOB_HOURS + slackHours) * HOUR_S),
      interruptible: draws.integer(0, 1) === 1,
    };
  });
}

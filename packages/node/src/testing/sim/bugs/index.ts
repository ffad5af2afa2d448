/** The mistakes a simulation must catch. */

import { bookingBugs } from "./booking.ts";
import type { SeededBug } from "./bug.ts";
import { journalBugs } from "./journal.ts";
import { messageBugs } from "./messages.ts";

export const seededBugs: readonly SeededBug[] = [...journalBugs, ...messageBugs, ...bookingBugs];

/** @throws RangeError when there is none of this name. */
export function findBug(name: string): SeededBug {
  const bug = seededBugs.find((it) => it.name === name);
  if (bug !== undefined) return bug;
  throw new RangeError(`no bug "${name}"; there are: ${seededBugs.map((it) => it.name).join(", ")}`);
}

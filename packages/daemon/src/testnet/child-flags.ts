/** V8 as many daemons on one machine want it. */

import { availableParallelism } from "node:os";

/** A small nursery keeps each heap a hundred megabytes lower at the same processor time. */
const SMALL = ["--max-semi-space-size=4", "--min-semi-space-size=4"];

/**
 * Where each core has several daemons, threads that compile or collect beside a daemon take the time of its neighbours,
 * and what runs a few hundred times is not worth compiling well: a fifth to a quarter less processor time until twenty
 * are linked.
 */
const CROWDED = [
  "--single-threaded",
  "--invocation-count-for-maglev=4000",
  "--invocation-count-for-turbofan=20000",
];

/** Flags of each of that many daemons that share this machine. */
export function childFlags(daemons: number): readonly string[] {
  return daemons > availableParallelism() ? [...SMALL, ...CROWDED] : SMALL;
}

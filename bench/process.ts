/** What the system tells of another process; where it tells nothing, as outside Linux, not a number. */

import { readFileSync } from "node:fs";

/** Linux counts in hundredths of a second, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

export function residentMiB(pid: number): number {
  const kB = /VmRSS:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1];
  return Number(kB ?? Number.NaN) / 1_024;
}

/** Processor time used since it began, its threads included. */
export function cpuSeconds(pid: number): number {
  // The second field is the name in parentheses, and may hold spaces.
  const fields = read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11] ?? Number.NaN) + Number(fields[12] ?? Number.NaN)) / TICKS_PER_SECOND;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The environment without settings of whoever runs the bench. */
export function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GRIDMESH_")));
}

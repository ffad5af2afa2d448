/** What `gridmesh testnet run` is asked to do. */

import { ProtocolError } from "@gridmesh/protocol";
import type { PlannedDaemon } from "./plan.ts";

export interface TestnetOptions {
  /** Name of a preset of `module`; default `day`. */
  readonly preset?: string | undefined;
  /** Daemons to start; default the preset's roster, fewer pack their agents. */
  readonly processes?: number | undefined;
  readonly cycles?: number | undefined;
  /** Market ms per wall ms. */
  readonly speed?: number | undefined;
  readonly seed?: number | undefined;
  /** So many trading daemons are killed in the middle of trades and started again. */
  readonly kill?: number | undefined;
  /** auto: free ports; seed: status pages on the source's ports. */
  readonly ports?: string | undefined;
  /** Folder of a data set; absent: the generator. */
  readonly data?: string | undefined;
  /** `YYYY-MM-DD`. */
  readonly day?: string | undefined;
  readonly on?: string | undefined;
  /** The whole run, wall ms. */
  readonly deadlineMs?: number | undefined;
  readonly wan?: boolean | undefined;
  /** Keep the run folder also after PASS. */
  readonly keep?: boolean | undefined;
  /** Cycles without end. */
  readonly follow?: boolean | undefined;
  readonly output?: "text" | "json" | "ndjson" | undefined;
  /** Module that exports `presets`; default `@gridmesh/agents`. */
  readonly module?: string | undefined;
  /** Where `reports/` is made; default the working directory. */
  readonly reportsIn?: string | undefined;
  /** Default the streams of this process. */
  readonly io?: TestnetIo | undefined;
}

export interface TestnetIo {
  out(text: string): void;
  err(text: string): void;
  /** Whether a person watches stdout: then the cycle line is redrawn. */
  readonly isTty: boolean;
}

/** Refuses what this build cannot do, before anything starts. @throws CONFIG_INVALID, UNSUPPORTED_OPERATION. */
export function checkOptions(options: TestnetOptions): void {
  if (options.on !== undefined && options.on !== "processes") {
    throw new ProtocolError(
      "UNSUPPORTED_OPERATION",
      `--on ${options.on} is not built yet; use --on processes, which is the default`,
    );
  }
  if (options.ports !== undefined && !["auto", "seed"].includes(options.ports)) {
    throw new ProtocolError("CONFIG_INVALID", `--ports must be auto or seed, not ${options.ports}`);
  }
  if (options.wan === true) {
    throw new ProtocolError("UNSUPPORTED_OPERATION", "--wan is not built yet; links run at loopback speed");
  }
  const most = Number.MAX_SAFE_INTEGER;
  const counts = {
    processes: [1, most],
    cycles: [1, most],
    speed: [1, 10_000],
    seed: [0, most],
    kill: [0, most],
  } as const;
  for (const [name, [least, largest]] of Object.entries(counts)) {
    const value = options[name as keyof typeof counts];
    if (value !== undefined && (!Number.isSafeInteger(value) || value < least || value > largest)) {
      const range = largest === most ? `from ${least}` : `from ${least} to ${largest}`;
      throw new ProtocolError("CONFIG_INVALID", `--${name} must be an integer ${range}, not ${value}`);
    }
  }
}

/** Each trading daemon dies once at most. @throws CONFIG_INVALID */
export function checkKills(count: number, daemons: readonly PlannedDaemon[]): void {
  const trading = daemons.filter(({ agents }) =>
    agents.some(({ role }) => role === "household" || role === "utility"),
  ).length;
  if (count <= trading) return;
  throw new ProtocolError(
    "CONFIG_INVALID",
    `--kill must be 0 … ${trading}, the trading daemons, not ${count}`,
  );
}

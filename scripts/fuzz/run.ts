/** Runs one target: blind, or led by the blocks of code that inputs leave untouched. */

import { Session } from "node:inspector";
import { isAbsolute } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { assertOfTable, chanceOf } from "../../packages/protocol/test/mutations.ts";
import { spoilt } from "./mutate.ts";
import type { Target } from "./targets.ts";

export interface Outcome {
  readonly runs: number;
  /** By code; `taken` for what was read. */
  readonly codes: ReadonlyMap<string, number>;
  /** Slowest input, in milliseconds per 64 KiB or per input if that is smaller: the least of three tries. */
  readonly slowestMs: number;
  /** Inputs that showed something new; the samples alone when blind. */
  readonly kept: readonly Uint8Array[];
}

/** What a target did with an input that no reader should do: the input goes with it, as base64. */
class Crash extends Error {}

const SLOW_MS = 50;
const TURN_RUNS = 250;
const BATCH = 8;

/** Reads so many spoilt samples. @throws Crash. */
export async function fuzzBlind(
  target: Target,
  { runs, seed }: { readonly runs: number; readonly seed: number },
): Promise<Outcome> {
  const chance = chanceOf(seed);
  const tally = new Tally(target);
  for (let run = 0; run < runs; run += 1) {
    tally.read(spoilt(target.samples, chance));
    if (run % TURN_RUNS === 0) await turn();
  }
  return { ...tally.outcome(), runs, kept: target.samples };
}

/** The same for so long, keeping each input that leads somewhere new. @throws Crash. */
export async function fuzzGuided(
  target: Target,
  { seconds, seed, most }: { readonly seconds: number; readonly seed: number; readonly most?: number },
): Promise<Outcome> {
  const chance = chanceOf(seed);
  const tally = new Tally(target);
  using coverage = new Coverage();
  const findsNew = (inputs: readonly Uint8Array[]): readonly Uint8Array[] => {
    // To look costs more than to read: many at once first, then, where something is new, each alone.
    const read = () => inputs.forEach((input) => tally.read(input));
    if (!coverage.isNew(read, "many")) return [];
    return inputs.filter((input) => coverage.isNew(() => tally.read(input), "one"));
  };
  const kept = [...findsNew(target.samples)];
  const endMs = performance.now() + seconds * 1_000;
  let runs = target.samples.length;
  for (; performance.now() < endMs && runs < (most ?? Number.POSITIVE_INFINITY); runs += BATCH) {
    kept.push(...findsNew(Array.from({ length: BATCH }, () => spoilt(kept, chance))));
    await turn();
  }
  return { ...tally.outcome(), runs, kept };
}

class Tally {
  readonly #target: Target;
  readonly #codes = new Map<string, number>();
  #slowestMs = 0;

  constructor(target: Target) {
    this.#target = target;
  }

  read(input: Uint8Array): void {
    const startMs = performance.now();
    let code: string;
    try {
      code = assertOfTable(() => this.#target.read(input)) ?? "taken";
    } catch (error) {
      throw new Crash(`${this.#target.name}: ${String(error)}\n${Buffer.from(input).toString("base64")}`);
    }
    if (code === "INTERNAL_ERROR") {
      throw new Crash(`${this.#target.name}: INTERNAL_ERROR\n${Buffer.from(input).toString("base64")}`);
    }
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
    const tookMs = performance.now() - startMs;
    if (tookMs > SLOW_MS) this.#slowestMs = Math.max(this.#slowestMs, this.#leastMs(input));
    else this.#slowestMs = Math.max(this.#slowestMs, tookMs);
  }

  /** A slow reading may be the machine's: the least of three is the reader's. */
  #leastMs(input: Uint8Array): number {
    const tries = Array.from({ length: 3 }, () => {
      const startMs = performance.now();
      assertOfTable(() => this.#target.read(input));
      return performance.now() - startMs;
    });
    return Math.min(...tries);
  }

  outcome() {
    return { codes: this.#codes, slowestMs: this.#slowestMs };
  }
}

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface Script {
  readonly scriptId: string;
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly Range[]; readonly isBlockCoverage: boolean }[];
}

/** Which blocks of our own code ran. V8 folds a block that ran as often as the one around it: those that did not tell. */
class Coverage implements Disposable {
  readonly #session = new Session();
  /** What many inputs leave untouched together is less than what each does. */
  readonly #seen = { one: new Set<string>(), many: new Set<string>() };

  constructor() {
    this.#session.connect();
    this.#ask("Profiler.enable");
    this.#ask("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** Did this act leave a function in a state that no act before left it in? */
  isNew(act: () => void, inputs: "one" | "many"): boolean {
    act();
    const { result } = this.#ask("Profiler.takePreciseCoverage") as { readonly result: readonly Script[] };
    const seen = this.#seen[inputs];
    const before = seen.size;
    for (const { url, scriptId, functions } of result) {
      if (!isOurs(url)) continue;
      for (const { ranges } of functions) {
        const state = stateOf(ranges);
        if (state !== undefined) seen.add(`${scriptId} ${state}`);
      }
    }
    return seen.size > before;
  }

  #ask(method: string, parameters?: object): unknown {
    let answer: unknown;
    this.#session.post(method, parameters, (error, result) => {
      if (error !== null) throw new Error(error.message);
      answer = result;
    });
    return answer;
  }

  [Symbol.dispose](): void {
    this.#ask("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }
}

/** Where a function that ran begins, and its blocks that did not. */
function stateOf(ranges: readonly Range[]): string | undefined {
  const [whole] = ranges;
  if (whole === undefined || whole.count === 0) return undefined;
  const untouched = ranges.filter(({ count }) => count === 0);
  const places = untouched.map(({ startOffset, endOffset }) => `${startOffset}-${endOffset}`);
  return `${whole.startOffset} ${places.join(" ")}`;
}

function isOurs(url: string): boolean {
  if (!url.startsWith("file:")) return false;
  const path = fileURLToPath(url);
  return isAbsolute(path) && /\/packages\/[a-z]+\/src\//u.test(path);
}

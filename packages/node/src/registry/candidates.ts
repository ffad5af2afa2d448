/** Who may answer one call by capability: a few drawn from all, of two drawn the better, suspects last. */

import type { Random } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Standings } from "./standings.ts";
import type { AgentRow } from "./types.ts";

export interface CandidateOptions {
  readonly random: Random;
  readonly standings: Standings;
  /** Monotonic. */
  readonly nowMs: number;
}

/** The candidates of one call that were not tried yet. */
export class Candidates {
  readonly #options: CandidateOptions;
  readonly #seen = new Set<string>();
  #rows: AgentRow[] = [];

  constructor(rows: readonly AgentRow[], options: CandidateOptions) {
    this.#options = options;
    for (const row of pick(rows, options)) this.add(row);
  }

  get size(): number {
    return this.#rows.length;
  }

  /** False for one that is or was a candidate. */
  add(row: AgentRow): boolean {
    if (row.presence === "gone" || this.#seen.has(row.agentId)) return false;
    this.#seen.add(row.agentId);
    this.#rows.push(row);
    return true;
  }

  /** Takes the better of two drawn at random: a fixed best would draw the whole herd. */
  take(): AgentRow | undefined {
    const live = this.#rows.filter((row) => row.presence === "live");
    const [one, other] = shuffled(live.length > 0 ? live : this.#rows, this.#options.random);
    const chosen = one === undefined || other === undefined ? one : this.#better(one, other);
    this.#rows = this.#rows.filter((row) => row !== chosen);
    return chosen;
  }

  #better(one: AgentRow, other: AgentRow): AgentRow {
    const { standings } = this.#options;
    // Who was never tried is taken to be as good as the best, or it would never be.
    const known = [one, other, ...this.#rows].map((row) => standings.latencyMs(row.agentId));
    const measured = known.filter((ms) => ms !== undefined);
    const guessMs = measured.length === 0 ? undefined : Math.min(...measured);
    return standings.cost(one, guessMs) <= standings.cost(other, guessMs) ? one : other;
  }
}

/** At most five, live before suspect; those that rest are left out, but never more than half. */
function pick(rows: readonly AgentRow[], options: CandidateOptions): readonly AgentRow[] {
  const { standings, nowMs, random } = options;
  const resting = rows
    .map((row) => ({ row, untilMs: standings.restsUntilMs(row.agentId) }))
    .filter(({ untilMs }) => untilMs > nowMs)
    .sort((a, b) => b.untilMs - a.untilMs)
    .slice(0, Math.floor(rows.length / 2));
  const out = new Set(resting.map(({ row }) => row));
  const ready = shuffled(
    rows.filter((row) => !out.has(row)),
    random,
  );
  const byPresence = (presence: string) => ready.filter((row) => row.presence === presence);
  return [...byPresence("live"), ...byPresence("suspect")].slice(0, nodeLimits.anycastTries);
}

function shuffled(rows: readonly AgentRow[], random: Random): readonly AgentRow[] {
  const mixed = [...rows];
  for (let at = mixed.length - 1; at > 0; at -= 1) {
    const other = random.below(at + 1);
    const [a, b] = [mixed[at], mixed[other]];
    if (a !== undefined && b !== undefined) [mixed[at], mixed[other]] = [b, a];
  }
  return mixed;
}

/** When what was signed is said again, and to whom the end is told: as much as loss needs, and no more. */

const MOST_RESEND = 8;

export class Repeats {
  readonly #firstMs: number;
  readonly #toldAtMs = new Map<string, number>();
  #nextMs: number;
  #atMs: number | undefined;

  /** @param firstMs until the first time; it doubles up to eight times that. */
  constructor(firstMs: number) {
    this.#firstMs = firstMs;
    this.#nextMs = firstMs;
  }

  get atMs(): number | undefined {
    return this.#atMs;
  }

  /** A new round has news of its own. */
  restart(): void {
    this.#nextMs = this.#firstMs;
    this.#atMs = undefined;
  }

  /** Whether it is time; sets the next one. */
  isDue(nowMs: number): boolean {
    const isDue = this.#atMs !== undefined && nowMs >= this.#atMs;
    if (isDue) this.#nextMs = Math.min(2 * this.#nextMs, MOST_RESEND * this.#firstMs);
    if (isDue || this.#atMs === undefined) this.#atMs = nowMs + this.#nextMs;
    return isDue;
  }

  /** Whether this agent may be told now; a clock that went back does not silence it. */
  mayTell(agentId: string, nowMs: number): boolean {
    const sinceMs = nowMs - (this.#toldAtMs.get(agentId) ?? Number.NEGATIVE_INFINITY);
    if (sinceMs >= 0 && sinceMs < this.#firstMs) return false;
    this.#toldAtMs.set(agentId, nowMs);
    return true;
  }
}

/** How many it takes among n on the roll. */

export interface Quorums {
  readonly n: number;
  /** Most liars that are borne: ⌊(n − 1)/3⌋. */
  readonly liars: number;
  /** Votes that lock, locks that end: n − liars = ⌊2n/3⌋ + 1. Any two share more than `liars` agents. */
  readonly most: number;
  /** Acks of round 0 that end the slot at once: so many that no report of `most` agents can hide them. */
  readonly fast: number;
  /** Acks among `most` reports that a result ended at once leaves there at least; two results never both have them. */
  readonly trace: number;
}

/** The quorums of a roll of n ≥ 1. */
export function quorumsOf(n: number): Quorums {
  const liars = Math.floor((n - 1) / 3);
  const most = n - liars;
  const fast = Math.max(most, Math.floor((n + 3 * liars) / 2) + 1);
  return { n, liars, most, fast, trace: fast - 2 * liars };
}

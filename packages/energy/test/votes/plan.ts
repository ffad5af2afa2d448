/** What one simulated slot meets: who lies, who dies, what the network does; all drawn from a seed. */

import { quorumsOf, type VoteValue } from "@gridmesh/energy";
import type { Dice } from "../book-cases.ts";

export type Liar = "silent" | "withholds" | "twins" | "forks" | "forges" | "stale" | "bends";
const liarKinds: readonly Liar[] = [
  "silent",
  "withholds",
  "twins",
  "forks",
  "forks",
  "forges",
  "stale",
  "bends",
];

export interface Partition {
  readonly fromMs: number;
  readonly toMs: number;
  readonly side: readonly boolean[];
  /** From the true side to the false one only. */
  readonly oneWay: boolean;
}

export interface ShownResult {
  readonly resultHash: string;
  readonly isRight: boolean;
  readonly atMs: number;
  readonly to: readonly boolean[];
}

export interface VotePlan {
  readonly n: number;
  /** By index; undefined is honest. */
  readonly liars: readonly (Liar | undefined)[];
  /** Honest ones who are silent for ever from then on, ms. */
  readonly deadFromMs: readonly (number | undefined)[];
  /** From here on nothing is lost and whoever is not dead is up. */
  readonly calmMs: number;
  readonly lossPermille: number;
  readonly twicePermille: number;
  readonly delayMs: number;
  readonly partitions: readonly Partition[];
  /** Of each step of an honest agent. */
  readonly crashPermille: number;
  readonly clockOffMs: number;
  readonly results: readonly ShownResult[];
  /** The two ends that liars try to bring about, and who is to see which. */
  readonly aims: readonly [VoteValue, VoteValue];
  readonly side: readonly boolean[];
  /** Until the calm votes reach few, and who holds a lock is hardly heard: the case that later rounds are for. */
  readonly isNarrow: boolean;
  /** Hears all before the calm, and is heard no more once it has ended: whoever goes on must come to its end unaided. */
  readonly star: number | undefined;
  /** Whose reports hardly arrive while there is a star; as many as need not be waited for. */
  readonly hidden: readonly boolean[];
  /** With a star: the first votes of the star and of the hidden reach it alone, so no other locks. */
  readonly isDeaf: boolean;
  /** Nothing goes wrong: one round must do. */
  readonly isWell: boolean;
}

/** From the result on; acks are due by then, ms. */
export const ACK_BY_MS = 20_000;
const right = ["1", "2"].map((digit) => digit.repeat(64));
export const [ONE = "", OTHER = ""] = right;
export const WRONG = "3".repeat(64);

function sizeOf(roll: Dice): number {
  const of = roll(100);
  if (of < 65) return 4 + roll(7);
  return of < 90 ? 11 + roll(9) : 20 + roll(12);
}

function some(roll: Dice, n: number, permille: number): boolean[] {
  return Array.from({ length: n }, () => roll(1_000) < permille);
}

function partitionsOf(roll: Dice, { n, calmMs, side }: Pick<VotePlan, "n" | "calmMs" | "side">): Partition[] {
  return Array.from({ length: [0, 1, 2, 4][roll(4)] ?? 0 }, () => {
    const fromMs = roll(Math.max(1, calmMs));
    return {
      fromMs,
      toMs: Math.min(calmMs, fromMs + 1_000 + roll(60_000)),
      side: roll(2) === 0 ? side : some(roll, n, 100 + roll(500)),
      oneWay: roll(3) === 0,
    };
  });
}

function resultsOf(roll: Dice, { n, side }: Pick<VotePlan, "n" | "side">): ShownResult[] {
  const all = Array.from({ length: n }, () => true);
  const first = { resultHash: ONE, isRight: true, atMs: roll(500), to: all };
  const kind = roll(10);
  if (kind < 3) return [first];
  if (kind === 3) return [{ ...first, to: some(roll, n, 300 + roll(700)) }];
  if (kind === 4) return [];
  // The next rank takes over from a supervisor that was only slow.
  if (kind === 5)
    return [
      { ...first, atMs: 1_000 + roll(8_000) },
      { ...first, resultHash: OTHER, atMs: 3_000 + roll(4_000) },
    ];
  if (kind === 6)
    return [
      { ...first, resultHash: WRONG, isRight: false },
      { ...first, resultHash: OTHER, atMs: 3_000 },
    ];
  // A supervisor of two faces.
  if (kind === 7)
    return [
      { ...first, to: side },
      { ...first, resultHash: OTHER, to: side.map((is) => !is) },
    ];
  return [
    { ...first, to: side },
    ...(kind === 8 ? [{ ...first, resultHash: WRONG, isRight: false, to: all }] : []),
  ];
}

export interface PlanOptions {
  /** More liars than may be borne. */
  readonly overrun?: boolean;
}

export function drawPlan(roll: Dice, options: PlanOptions = {}): VotePlan {
  return options.overrun !== true && roll(3) === 0 ? starPlan(roll) : roughPlan(roll, options);
}

/**
 * The narrowest case: just enough honest agents ack and lock what liars lock with them, one alone sees it end and falls
 * silent, and the others, with the same liars now saying otherwise, must come to the same.
 */
function starPlan(roll: Dice): VotePlan {
  const n = [4, 4, 7, 7, 10, 5, 6, 13][roll(8)] ?? 4;
  const { liars: most } = quorumsOf(n);
  const order = shuffled(roll, n);
  const liars = Array.from({ length: n }, (): Liar | undefined => undefined);
  for (const index of order.slice(0, most)) liars[index] = "forks";
  const [star] = order.slice(most);
  // The star and as many as complete a quorum with the liars.
  const isDeaf = roll(3) === 0;
  const isAll = isDeaf && roll(2) === 0;
  const along = new Set(isAll ? order : order.slice(most, n - most + (roll(4) === 0 ? 1 : 0)));
  const side = Array.from({ length: n }, (_, index) => along.has(index));
  const unheard = new Set(order.slice(most + 1, 2 * most));
  const first = { resultHash: ONE, isRight: true, atMs: 0, to: side };
  const isSplit = roll(2) === 0;
  const second = { ...first, resultHash: OTHER, to: side.map((is) => !is) };
  return {
    n,
    liars,
    deadFromMs: liars.map(() => undefined),
    calmMs: 40_000 + roll(80_000),
    lossPermille: 0,
    twicePermille: roll(2) * 100,
    delayMs: [50, 300][roll(2)] ?? 50,
    partitions: [],
    crashPermille: [0, 50, 200][roll(3)] ?? 0,
    clockOffMs: roll(3) === 0 ? 60_000 : 0,
    results: isSplit ? [first, second] : [first],
    aims: [
      { vote: "ack", resultHash: ONE },
      isSplit && roll(2) === 0 ? { vote: "ack", resultHash: OTHER } : { vote: "void" },
    ],
    side,
    isNarrow: false,
    isDeaf,
    star,
    hidden: side.map((is, index) => {
      if (!is || index === star || liars[index] !== undefined) return false;
      return isAll ? unheard.has(index) : roll(4) > 0;
    }),
    isWell: false,
  };
}

function shuffled(roll: Dice, n: number): number[] {
  return Array.from({ length: n }, (_, index) => ({ index, at: roll(1_000_000) }))
    .sort((a, b) => a.at - b.at)
    .map(({ index }) => index);
}

function roughPlan(roll: Dice, { overrun = false }: PlanOptions): VotePlan {
  const n = sizeOf(roll);
  const most = quorumsOf(n).liars;
  const isWell = !overrun && roll(20) === 0;
  const lying = isWell ? 0 : roll(3) === 0 ? roll(most + 1) : most;
  const liarCount = overrun ? most + 1 + roll(Math.max(1, Math.floor(n / 3))) : lying;
  const kind = liarKinds[roll(liarKinds.length)] ?? "forks";
  const isMixed = roll(2) === 0;
  const order = shuffled(roll, n);
  const liars = Array.from({ length: n }, (): Liar | undefined => undefined);
  for (const index of order.slice(0, liarCount))
    liars[index] = overrun ? "forks" : isMixed ? (liarKinds[roll(liarKinds.length)] ?? kind) : kind;
  const isRough = !isWell && roll(4) > 0;
  const calmMs = isRough ? roll(120_000) : 0;
  const spare = Math.max(0, most - liarCount);
  const dying = isWell || spare === 0 ? 0 : roll(spare + 1);
  const deadFromMs = Array.from({ length: n }, (): number | undefined => undefined);
  for (const index of order.slice(liarCount, liarCount + dying)) deadFromMs[index] = roll(40_000) - 10_000;
  const side = some(roll, n, 200 + roll(600));
  const all = Array.from({ length: n }, () => true);
  const isNarrow = isRough && roll(3) === 0;
  return {
    n,
    liars,
    deadFromMs,
    calmMs,
    lossPermille: isRough ? roll(5) * 100 : 0,
    twicePermille: isRough ? roll(3) * 100 : 0,
    delayMs: isWell ? 100 : ([50, 300, 3_000][roll(3)] ?? 50),
    partitions: isRough ? partitionsOf(roll, { n, calmMs, side }) : [],
    crashPermille: isRough ? ([0, 5, 30, 100][roll(4)] ?? 0) : 0,
    clockOffMs: isWell || roll(2) === 0 ? 0 : 60_000,
    results: isWell ? [{ resultHash: ONE, isRight: true, atMs: 0, to: all }] : resultsOf(roll, { n, side }),
    aims: [
      { vote: "ack", resultHash: ONE },
      roll(2) === 0 ? { vote: "void" } : { vote: "ack", resultHash: OTHER },
    ],
    side,
    isNarrow,
    isDeaf: false,
    star: undefined,
    hidden: all.map(() => false),
    isWell,
  };
}

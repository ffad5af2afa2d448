/** Runs one slot from its seed, and says what did not hold. */

import { checkBallots, documentHash, type SignedBallot, type SlotEnd } from "@gridmesh/energy";
import { dice } from "../book-cases.ts";
import { Honest, type SimOptions } from "./honest.ts";
import { Coalition, Dishonest } from "./liars.ts";
import { drawPlan, type PlanOptions, type VotePlan } from "./plan.ts";
import { Breach, type Counts, World } from "./world.ts";

export interface VoteRun {
  readonly seed: number;
  readonly plan: VotePlan;
  readonly counts: Counts;
  readonly breach?: Breach;
  /** Liars whom two signatures convict, of all ballots that were sent. */
  readonly convicted: ReadonlySet<string>;
}

/** After the calm: enough for as many bad leaders as there may be, at the pace of late rounds. */
const ENDS_WITHIN_MS = 3_600_000;
/** With too many liars nothing need end. */
const SPLITS_WITHIN_MS = 30_000;

export function simulateVote(seed: number, options: PlanOptions & SimOptions = {}): VoteRun {
  const roll = dice(seed);
  const plan = drawPlan(roll, options);
  const world = new World(roll, plan);
  const coalition = new Coalition(world);
  const honest: Honest[] = [];
  for (const [index, kind] of plan.liars.entries()) {
    const member =
      kind === undefined ? new Honest(world, index, options) : new Dishonest(coalition, index, kind);
    if (member instanceof Honest) honest.push(member);
    world.members.push(member);
    world.events.put(-roll(30_000), () => member.start());
    for (const result of plan.results) {
      if (result.to[index] !== true) continue;
      world.events.put(result.atMs + roll(Math.max(1, plan.delayMs)), () => member.see(result));
    }
  }
  const breach = run(world, honest, options.overrun === true ? SPLITS_WITHIN_MS : ENDS_WITHIN_MS);
  const convicted = convictedOf(world);
  count(world, honest, convicted);
  const outcome = { seed, plan, counts: world.counts, convicted };
  const found =
    breach ??
    (options.overrun === true || options.only !== undefined ? undefined : innocent(world, convicted));
  return found === undefined ? outcome : { ...outcome, breach: found };
}

function run(world: World, honest: readonly Honest[], withinMs: number): Breach | undefined {
  const lastMs = Math.max(world.plan.calmMs, 20_000) + withinMs;
  try {
    for (;;) {
      const open = honest.filter((one) => one.acted === undefined && !one.isDead);
      if (open.length === 0) break;
      // Looked at now and then: most events end nothing.
      for (let step = 0; step < 200; step += 1) if (!world.events.next()) break;
      agree(honest);
      if (world.events.atMs > lastMs) return new Breach("ends", `${String(open.length)} have not ended`);
    }
    agree(honest);
    if (world.plan.isWell && honest.some(({ acted }) => !isQuick(acted)))
      return new Breach("fast", "all was well, and the first round did not do");
    return undefined;
  } catch (error) {
    if (error instanceof Breach) return error;
    throw error;
  }
}

/** Whether the first round brought a result to its end. */
function isQuick(end: SlotEnd | undefined): boolean {
  return end?.end === "FINAL" && (end.acks ?? end.locks)?.every(({ round }) => round === 0) === true;
}

function agree(honest: readonly Honest[]): void {
  const ends = new Set(
    honest.flatMap(({ acted }) => (acted === undefined ? [] : [acted.resultHash ?? acted.end])),
  );
  if (ends.size > 1)
    throw new Breach("agreement", `ends are ${[...ends].map((end) => end.slice(0, 6)).join(" and ")}`);
}

/** Ballots of one agent that are looked at: those of a slot that ends are fewer. */
const LOOKED_AT = 60;

/** Whoever any one or two of the ballots sent convict. */
function convictedOf(world: World): Set<string> {
  const ballots = [...world.sent].flatMap((document) => signedAs(world, document));
  const proposals = ballots.filter(({ type }) => type === "auction_proposal");
  const byHash = new Map(proposals.map((one) => [documentHash(one.document), one]));
  const convicted = new Set<string>();
  for (const [agentId, all] of Map.groupBy(ballots, ({ document }) => document.agentId)) {
    const own = all.slice(0, LOOKED_AT);
    const isGuilty = own.some((one, place) => {
      const others = own.slice(place + 1);
      const proposal = one.type === "auction_vote" ? byHash.get(one.document.proposalHash ?? "") : undefined;
      if (proposal !== undefined) others.push(proposal);
      const isAlone = one.type === "auction_proposal" && convicts([one], agentId, world);
      return isAlone || others.some((other) => convicts([one, other], agentId, world));
    });
    if (isGuilty) convicted.add(agentId);
  }
  return convicted;
}

function signedAs(world: World, document: SignedBallot["document"]): SignedBallot[] {
  const type = world.typeOf(document);
  // What was sent under another's name has no signature, and counts for nothing.
  return type === undefined ? [] : [{ type, document } as SignedBallot];
}

function convicts(ballots: readonly SignedBallot[], agentId: string, world: World): boolean {
  try {
    return checkBallots(ballots, world.context) === agentId;
  } catch {
    return false;
  }
}

function innocent(world: World, convicted: ReadonlySet<string>): Breach | undefined {
  for (const [index, id] of world.ids.entries())
    if (world.plan.liars[index] === undefined && convicted.has(id))
      return new Breach("innocent", `${id} is honest and convicted`);
  return undefined;
}

function count(world: World, honest: readonly Honest[], convicted: ReadonlySet<string>): void {
  const { counts, plan, sent } = world;
  counts.slots = 1;
  const end = honest.find(({ acted }) => acted !== undefined)?.acted;
  if (end?.end === "FINAL") counts.final = 1;
  if (end?.acks !== undefined) counts.finalInOneRound = 1;
  if (end?.end === "VOID") counts.void = 1;
  counts.partitions = plan.partitions.length;
  counts.liars = plan.liars.filter((kind) => kind !== undefined).length;
  counts.dead = plan.deadFromMs.filter((from) => from !== undefined).length;
  counts.convicted = convicted.size;
  const honestIds = new Set(honest.map(({ id }) => id));
  for (const document of sent) {
    const isOwn = honestIds.has(document.agentId) && world.typeOf(document) !== undefined;
    if (isOwn) counts.roundsMost = Math.max(counts.roundsMost, document.round);
  }
}

/** Adds `more` to `sum`; the most of rounds stays the most. */
export function addCounts(sum: Counts, more: Counts): void {
  for (const name of Object.keys(more) as (keyof Counts)[])
    sum[name] = name === "roundsMost" ? Math.max(sum[name], more[name]) : sum[name] + more[name];
}

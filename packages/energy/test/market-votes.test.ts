import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AuctionVote,
  documentHash,
  finalAcks,
  phaseAt,
  tallyVotes,
  voidVotes,
  voteNow,
} from "@gridmesh/energy";
import { ranked, result, reveals, rules, rulesHash, slotId, traders, vote } from "./auction-cases.ts";
import { dice } from "./book-cases.ts";

test("among any number on the roll, every split of acks and voids ends, and in one way", () => {
  for (let n = 1; n <= 100; n += 1) {
    for (let acks = 0; acks <= n; acks += 1) {
      const isFinal = acks >= finalAcks(n);
      const isVoid = n - acks >= voidVotes(n);
      assert.ok(isFinal !== isVoid, `${acks} of ${n}`);
    }
  }
});

test("two views of the same votes never end one in FINAL and one in VOID unless somebody voted twice", () => {
  const seen = { FINAL: 0, VOID: 0, OPEN: 0, broken: 0 };
  for (let seed = 0; seed < 4_000; seed += 1) {
    const roll = dice(seed);
    const n = 1 + roll(12);
    const agents = Array.from({ length: n }, (_, index) => `a${index}`);
    const cheats = roll(3) === 0 ? roll(n) : 0;
    const lean = roll(5);
    const cast = (agentId: string, said: "ack" | "void", resultHash = "one"): AuctionVote => ({
      agentId,
      slotId,
      rulesHash,
      vote: said,
      signature: "",
      ...(said === "ack" ? { resultHash } : {}),
    });
    const twoOf = (agentId: string) => cast(agentId, "ack", "two");
    const lies = [(one: string) => cast(one, "ack"), (one: string) => cast(one, "void"), twoOf];
    const votes = agents.slice(cheats).map((agentId) => cast(agentId, roll(5) < lean ? "ack" : "void"));
    const of = { roll: agents, slotId, rulesHash };
    // Who votes twice shows each only one of its votes.
    const view = () => {
      const shown = agents.slice(0, cheats).map((agentId) => lies[roll(3)]!(agentId));
      return tallyVotes([...votes.filter(() => roll(8) > 0), ...shown], of);
    };
    const all = [...votes, ...agents.slice(0, cheats).flatMap((agentId) => lies.map((lie) => lie(agentId)))];
    const [one, other] = [view(), view()];
    seen[one.end] += 1;
    const isBroken =
      (one.end !== other.end && one.end !== "OPEN" && other.end !== "OPEN") ||
      (one.resultHash !== undefined && other.resultHash !== undefined && one.resultHash !== other.resultHash);
    if (!isBroken) continue;
    seen.broken += 1;
    assert.ok(cheats > 0, `seed ${seed}`);
    assert.deepEqual(tallyVotes(all, of).doubleVoters, agents.slice(0, cheats).toSorted(byText));
    if (one.end === "FINAL" && other.end === "FINAL") assert.ok(cheats > n / 3);
  }
  assert.ok(seen.FINAL > 400 && seen.VOID > 400 && seen.OPEN > 50 && seen.broken > 0, JSON.stringify(seen));
});

test("who is seen to vote twice counts for neither end", () => {
  const three = traders.slice(0, 3);
  const of = { roll: three.map(({ agentId }) => agentId), slotId, rulesHash };
  const resultHash = documentHash(result(reveals));
  const acks = three.map((trader) => vote(trader, { vote: "ack", resultHash }));
  const second = vote(three[2]!, { vote: "void", reason: "refused" });
  assert.deepEqual(tallyVotes(acks, of), { end: "FINAL", resultHash, doubleVoters: [] });
  assert.deepEqual(tallyVotes([...acks, acks[0]!], of).end, "FINAL", "the same vote again is one vote");
  assert.deepEqual(tallyVotes([...acks, second], of), { end: "OPEN", doubleVoters: [three[2]!.agentId] });
  assert.deepEqual(tallyVotes([...acks.slice(0, 2), second], of).end, "VOID");
  const elsewhere = acks.map((one) => ({ ...one, slotId: "city/1800/900" }));
  assert.deepEqual(tallyVotes(elsewhere, of), { end: "OPEN", doubleVoters: [] });
});

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}

test("silence of any one role ends in FINAL or VOID", () => {
  const startS = 900;
  const roll = traders.map(({ agentId }) => agentId);
  for (const silent of ["nobody", "first supervisor", "every supervisor", "a trader"] as const) {
    const term = silent === "first supervisor" ? 2 : 1;
    const signer = ranked[term - 1]!;
    const shown = silent === "every supervisor" ? undefined : result(reveals, { term, signer });
    const votes = new Map<string, AuctionVote>();
    for (let atS = startS - 130; atS < startS; atS += 1) {
      const phase = phaseAt(atS, startS, rules);
      for (const trader of silent === "a trader" ? traders.slice(1) : traders) {
        // Who recomputed it acks; nobody has a proof against this one.
        const rightResult = shown !== undefined && phase === "ack" ? documentHash(shown) : undefined;
        const said = voteNow({
          phase,
          hasVoted: votes.has(trader.agentId),
          sawResult: shown !== undefined,
          ...(rightResult === undefined ? {} : { rightResult }),
        });
        if (said !== undefined) votes.set(trader.agentId, vote(trader, said));
      }
    }
    const { end } = tallyVotes([...votes.values()], { roll, slotId, rulesHash });
    assert.equal(end, silent === "every supervisor" ? "VOID" : "FINAL", silent);
  }
});

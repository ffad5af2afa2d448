import assert from "node:assert/strict";
import { test } from "node:test";
import {
  allowedValue,
  type AuctionReport,
  documentHash,
  isEnded,
  phaseAt,
  quorumsOf,
  rememberVerified,
  type SlotEnd,
  SlotVote,
  voteFromWire,
  type VoteMessage,
  type VoteRecord,
  type VoteStep,
  voteToWire,
  type VoteWire,
} from "@gridmesh/energy";
import { canonicalBytes, limits, marketMessages } from "@gridmesh/protocol";
import { result, reveals, rules, signAs, stranger, traders, vote, voting } from "./auction-cases.ts";

const ACK_BY_MS = 20_000;
const resultHash = documentHash(result(reveals));

test("any two quorums share an honest agent, and no two results leave a trace that may have ended the slot", () => {
  for (let n = 1; n <= 400; n += 1) {
    const { liars, most, fast, trace } = quorumsOf(n);
    assert.equal(liars, Math.floor((n - 1) / 3));
    assert.equal(most, Math.floor((2 * n) / 3) + 1, "more than two thirds");
    assert.ok(2 * most - n > liars, `two quorums of ${n}`);
    assert.ok(fast >= most && fast <= n, `${fast} of ${n}`);
    assert.ok(2 * trace > most && trace > liars, `a trace of ${trace} in ${most} reports`);
    assert.ok(n - (fast - liars) < most, `no lock beside ${fast} acks of ${n}`);
  }
});

interface Seat {
  readonly vote: SlotVote;
  readonly records: VoteRecord[];
}

/** The traders at one table: what leaves one is with all others at once, unless `hears` says otherwise. */
class Table {
  atMs = 0;
  readonly seats: Seat[];
  readonly sent: { readonly kind: VoteMessage["kind"]; readonly round: number }[] = [];
  readonly #hears: (to: number, from: number) => boolean;

  constructor(hears: (to: number, from: number) => boolean = () => true) {
    this.#hears = hears;
    this.seats = traders.map((_, index) => this.#seat(index, []));
  }

  #seat(index: number, records: VoteRecord[]): Seat {
    const signer = traders[index]!;
    const timing = { ackByMs: ACK_BY_MS, roundMs: 1_000, resendMs: 1_000 };
    const setup = { ...voting, ...timing, agentId: signer.agentId, sign: signAs(signer) };
    return { vote: new SlotVote(setup, records), records };
  }

  restart(index: number): void {
    this.seats[index] = this.#seat(index, this.seats[index]!.records);
  }

  take(from: number, step: VoteStep): void {
    const due: [number, VoteStep][] = [[from, step]];
    for (let [at, now] = due.shift() ?? []; at !== undefined; [at, now] = due.shift() ?? []) {
      this.seats[at]!.records.push(...(now?.records ?? []));
      for (const { to, message } of now?.messages ?? []) {
        this.sent.push({ kind: message.kind, round: roundOf(message) });
        for (const [index, seat] of this.seats.entries()) {
          const isFor = index !== at && (to === undefined || to === traders[index]!.agentId);
          if (!isFor || !this.#hears(index, at)) continue;
          due.push([index, seat.vote.receive(travelled(message), this.atMs)]);
        }
      }
    }
  }

  show(index: number): void {
    this.take(index, this.seats[index]!.vote.found({ resultHash, isRight: true }, this.atMs));
  }

  /** Until all these have ended, or this much time is over. */
  run(who: readonly number[], forMs = 600_000): (SlotEnd | undefined)[] {
    for (const endMs = this.atMs + forMs; this.atMs < endMs; this.atMs += 500) {
      for (const index of who) this.take(index, this.seats[index]!.vote.wake(this.atMs));
      if (who.every((index) => this.seats[index]!.vote.end !== undefined)) break;
    }
    return who.map((index) => this.seats[index]!.vote.end);
  }
}

/** As it comes off the wire. */
function travelled(message: VoteMessage): VoteMessage {
  const { type, body } = voteToWire(message);
  const read = marketMessages[type].body.parse(JSON.parse(JSON.stringify(body)));
  const back = voteFromWire({ type, body: read } as VoteWire);
  assert.deepEqual(back, JSON.parse(JSON.stringify(message)));
  return back;
}

function roundOf(message: VoteMessage): number {
  if (message.kind === "vote") return message.vote.round;
  if (message.kind === "lock") return message.lock.round;
  if (message.kind === "report") return message.report.round;
  return message.kind === "proposal" ? message.proposal.round : 0;
}

const everybody = traders.map((_, index) => index);

test("when all is well one round of acks is final, before any deadline, with a proof for everybody", () => {
  const table = new Table();
  for (const index of everybody) table.show(index);
  const ends = everybody.map((index) => table.seats[index]!.vote.end);
  assert.equal(table.atMs, 0);
  for (const end of ends) {
    assert.ok(end !== undefined && isEnded(end, voting));
    assert.deepEqual([end.end, end.resultHash], ["FINAL", resultHash]);
  }
  assert.ok(table.sent.every(({ round }) => round === 0));
  const proof = ends[0]!;
  const less = { ...proof, acks: proof.acks?.slice(1), locks: proof.locks?.slice(1) };
  assert.ok(
    !isEnded(JSON.parse(JSON.stringify(less)) as SlotEnd, voting),
    "one signature less proves nothing",
  );
  assert.ok(!isEnded({ ...proof, resultHash: "0".repeat(64) }, voting));
});

test("a third that is silent delays nothing but one more message", () => {
  const up = [0, 1, 2, 3, 4];
  const table = new Table((to, from) => to < 5 && from < 5);
  for (const index of up) table.show(index);
  assert.equal(table.atMs, 0);
  for (const index of up) assert.equal(table.seats[index]!.vote.end?.locks?.length, 5);
});

test("four acks, two voids and one silent for ever end, and the silent one learns how when it is back", () => {
  let isBack = false;
  const table = new Table((to, from) => isBack || (to !== 6 && from !== 6));
  for (const index of [0, 1, 2, 3]) table.show(index);
  const ends = table.run([0, 1, 2, 3, 4, 5]);
  assert.deepEqual(new Set(ends.map((end) => end?.end)).size, 1);
  assert.ok(ends.every((end) => end !== undefined && isEnded(end, voting)));
  isBack = true;
  const [late] = table.run([6]);
  assert.equal(late?.end, ends[0]?.end);
});

test("no result from any supervisor ends in VOID", () => {
  assert.deepEqual(
    new Table().run(everybody).map((end) => end?.end),
    everybody.map(() => "VOID"),
  );
});

test("while a third and more are away nothing ends; once more than two thirds are back it does", () => {
  let up = 4;
  const table = new Table((to, from) => to < up && from < up);
  for (const index of [0, 1, 2, 3]) table.show(index);
  assert.deepEqual(table.run([0, 1, 2, 3], 120_000), [undefined, undefined, undefined, undefined]);
  up = 5;
  const ends = table.run([0, 1, 2, 3, 4]);
  assert.equal(new Set(ends.map((end) => end?.end)).size, 1);
  assert.ok(ends.every((end) => end !== undefined));
});

test("who restarts from its journal says nothing else than before", () => {
  const table = new Table((to, from) => to < 4 && from < 4);
  for (const index of [0, 1, 2, 3]) table.show(index);
  table.run([0, 1, 2, 3], 60_000);
  const before = table.seats[0]!.records.map((record) => JSON.stringify(record));
  table.restart(0);
  table.atMs += ACK_BY_MS;
  const { records, messages } = table.seats[0]!.vote.wake(table.atMs);
  assert.deepEqual(records, []);
  const again = table.seats[0]!.vote.wake(table.atMs + 5_000).messages;
  assert.ok(messages.length + again.length > 0);
  for (const { message } of again) {
    if (message.kind === "vote")
      assert.ok(before.includes(JSON.stringify({ kind: "vote", vote: message.vote })));
  }
});

test("reports allow the latest lock, else the result that may be final, else nothing", () => {
  const quorums = quorumsOf(7);
  const report = (more: Partial<AuctionReport>): AuctionReport => ({
    agentId: "",
    slotId: "",
    rulesHash: "",
    round: 5,
    signature: "",
    ...more,
  });
  const ack = { vote: "ack", resultHash } as const;
  const nothing = [1, 2, 3, 4, 5].map(() => report({}));
  assert.deepEqual(allowedValue(nothing, quorums), { vote: "void" });
  const two = [report({ first: ack }), report({ first: ack }), ...nothing.slice(2)];
  assert.deepEqual(allowedValue(two, quorums), { vote: "void" });
  assert.deepEqual(allowedValue([report({ first: ack }), ...two.slice(0, 4)], quorums), ack);
  const early = report({ lock: { ...ack, round: 1 } });
  const late = report({ lock: { vote: "void", round: 3 } });
  assert.deepEqual(allowedValue([early, ...nothing.slice(1)], quorums), ack);
  assert.deepEqual(allowedValue([early, late, ...two.slice(0, 3)], quorums), { vote: "void" });
});

test("the phases of a slot follow its rules", () => {
  const phases = [130, 118, 110, 95, 80, 60, 5].map((beforeS) => phaseAt(900 - beforeS, 900, rules));
  assert.deepEqual(phases, ["commit", "close", "reveal", "result", "ack", "final", "over"]);
});

test("a signature that held is not checked again, one that did not is", () => {
  let checks = 0;
  const verify = rememberVerified((type, document) => {
    checks += 1;
    return voting.verify(type, document);
  }, 2);
  const vote = (round: number) => {
    const { agentId } = traders[0]!;
    const { slotId, rulesHash } = voting;
    return signAs(traders[0]!)("auction_vote", { agentId, slotId, rulesHash, round, vote: "void" });
  };
  assert.ok(verify("auction_vote", vote(0)) && verify("auction_vote", vote(0)));
  assert.equal(checks, 1);
  assert.ok(!verify("auction_vote", { ...vote(0), round: 1 }), "another content under that signature");
  assert.ok(!verify("auction_lock", vote(0)), "another type");
  assert.ok(
    verify("auction_vote", vote(1)) && verify("auction_vote", vote(2)) && verify("auction_vote", vote(0)),
  );
  assert.equal(checks, 6, "no more than two are remembered");
});

test("who is not on the roll learns how the slot ended, signs nothing and counts for nothing", () => {
  const timing = { ackByMs: ACK_BY_MS, roundMs: 1_000, resendMs: 1_000 };
  const setup = { ...voting, ...timing, agentId: stranger.agentId, sign: signAs(stranger) };
  const listener = new SlotVote(setup);
  const acks = traders.map((trader) => vote(trader, { vote: "ack", resultHash }));
  const said = [listener.found({ resultHash, isRight: true }, 0), listener.wake(ACK_BY_MS)];
  for (const ack of acks.slice(1)) said.push(listener.receive({ kind: "vote", vote: ack }, ACK_BY_MS));
  const ended = () => listener.end?.end;
  assert.equal(ended(), undefined, "six of seven acks and its own are not seven");
  for (const { records, messages, wakeAtMs } of said)
    assert.deepEqual([records, messages, wakeAtMs], [[], [], undefined]);
  const { records } = listener.receive({ kind: "vote", vote: acks[0]! }, ACK_BY_MS);
  assert.equal(ended(), "FINAL");
  assert.deepEqual(
    records.map(({ kind }) => kind),
    ["end"],
  );
});

test("the largest message of a vote among 31 fits gossip", () => {
  const { most } = quorumsOf(31);
  const signer = traders[0]!;
  const place = { agentId: signer.agentId, slotId: voting.slotId, rulesHash: voting.rulesHash };
  const value = { vote: "ack", resultHash } as const;
  const sign = signAs(signer);
  const vote = sign("auction_vote", { ...place, round: 9, ...value, proposalHash: resultHash });
  const lock = { ...value, round: 9 };
  const report = sign("auction_report", { ...place, round: 10, first: value, lock });
  const proposal = sign("auction_proposal", {
    ...place,
    round: 10,
    ...value,
    reports: Array.from({ length: most }, () => report),
    certificate: Array.from({ length: most }, () => vote),
  });
  const bytes = canonicalBytes(voteToWire({ kind: "proposal", proposal }).body).length;
  assert.ok(bytes < limits.gossipBytes - 2_048, `${bytes} bytes`);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkFraudProof,
  closeGate,
  commitmentLeaf,
  commitOrder,
  documentHash,
  type FraudProof,
  type SignedBallot,
  isAbsent,
  isIncluded,
  isRevealOf,
  type AuctionVote,
  merkleRoot,
  proveAbsence,
  proveInclusion,
  rankSupervisors,
  revealLeaf,
} from "@gridmesh/energy";
import { canonicalBytes, isProtocolError, marketMessages } from "@gridmesh/protocol";
import {
  context,
  gate,
  network,
  orderOf,
  ranked,
  receipt,
  lock,
  report,
  result,
  reveal,
  reveals,
  rules,
  slotId,
  stranger,
  traders,
  vote,
} from "./auction-cases.ts";
import { dice } from "./book-cases.ts";

/** Leaves and roots of the reference implementation of certificate transparency. */
const REFERENCE = [
  ["", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"],
  ["00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
  ["10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"],
  ["2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
  ["3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"],
  ["40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"],
  ["5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"],
  ["606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"],
] as const;

test("trees are RFC 6962's", () => {
  const leaves = REFERENCE.map(([hex]) => new Uint8Array(Buffer.from(hex, "hex")));
  assert.equal(merkleRoot([]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  REFERENCE.forEach(([, root], index) => assert.equal(merkleRoot(leaves.slice(0, index + 1)), root));
});

test("every leaf of every small tree is proved at its place and at no other", () => {
  for (let size = 1; size <= 17; size += 1) {
    const leaves = Array.from({ length: size }, (_, index) => Uint8Array.of(index));
    const tree = { root: merkleRoot(leaves), size };
    leaves.forEach((leaf, index) => {
      const proof = proveInclusion(leaves, index);
      assert.ok(isIncluded(leaf, proof, tree));
      for (let other = -1; other <= size; other += 1) {
        if (other !== index)
          assert.ok(!isIncluded(leaf, { ...proof, index: other }, tree), `${size} ${index} ${other}`);
      }
      assert.ok(!isIncluded(Uint8Array.of(99), proof, tree));
      assert.ok(!isIncluded(leaf, { ...proof, path: [...proof.path, tree.root] }, tree));
      assert.ok(!isIncluded(leaf, { ...proof, path: proof.path.slice(1) }, tree) || size === 1);
    });
  }
});

test("two neighbours prove what is not between them, and never what is there", () => {
  const keyOf = (number: number) => (2 * number + 1).toString(16).padStart(64, "0");
  const between = (number: number) => (2 * number).toString(16).padStart(64, "0");
  for (let size = 0; size <= 9; size += 1) {
    const keys = Array.from({ length: size }, (_, index) => keyOf(index));
    const { commitRoot, count } = closeGate(keys.toReversed());
    const tree = { root: commitRoot, size: count, form: commitmentLeaf };
    for (let place = 0; place <= size; place += 1) {
      const missing = between(place);
      const proof = proveAbsence(keys, commitmentLeaf, missing);
      assert.ok(proof !== undefined && isAbsent(missing, proof, tree));
      for (const key of keys) assert.ok(!isAbsent(key, proof, tree));
      const apart = proveAbsence(keys.toSpliced(place, 1), commitmentLeaf, keyOf(place));
      if (place < size) assert.ok(apart !== undefined && !isAbsent(keyOf(place), apart, tree));
    }
    for (const key of keys) assert.equal(proveAbsence(keys, commitmentLeaf, key), undefined);
  }
});

test("an order is what was committed, to the last bit of order and salt", () => {
  const [one] = reveals;
  assert.ok(one !== undefined && isRevealOf(one));
  assert.ok(
    !isRevealOf({ ...one, order: { ...one.order, limitMicroPerKWh: one.order.limitMicroPerKWh + 1 } }),
  );
  assert.ok(!isRevealOf({ ...one, salt: Buffer.alloc(32, 2).toString("base64") }));
  assert.throws(() => commitOrder(one.order, new Uint8Array(31)), { code: "SCHEMA_INVALID" });
});

test("supervisors take turns by chance that nobody chooses, and one who leaves moves nobody else", () => {
  const first = new Map<string, number>();
  for (let slot = 0; slot < 400; slot += 1) {
    const of = { network, slotId: `city/${slot * 900}/900` };
    const all = rankSupervisors(rules.supervisors, of);
    assert.deepEqual(rankSupervisors(rules.supervisors.toReversed(), of), all);
    first.set(all[0]!, (first.get(all[0]!) ?? 0) + 1);
    assert.deepEqual(
      rankSupervisors(
        rules.supervisors.filter((one) => one !== all[1]),
        of,
      ),
      all.toSpliced(1, 1),
    );
  }
  for (const turns of first.values()) assert.ok(turns > 60 && turns < 140, String(turns));
});

const ids = reveals.map(({ orderId }) => orderId);
const honest = result(reveals);
const leaves = reveals.map((one) => canonicalBytes(one));
const [supervisor, deputy, third] = ranked;
const victim = reveals[3]!;
const withoutVictim = reveals.filter((one) => one !== victim);
const idsWithout = withoutVictim.map(({ orderId }) => orderId);

function included(all: readonly (typeof victim)[], one: typeof victim) {
  const sorted = all.toSorted((a, b) => (a.orderId < b.orderId ? -1 : 1));
  const inclusion = proveInclusion(
    sorted.map((other) => canonicalBytes(other)),
    sorted.indexOf(one),
  );
  return { result: result(sorted), reveal: one, inclusion };
}

/** One proof of each kind and way, all by the first supervisor but the last three. */
function proofs(): Record<string, { readonly proof: FraudProof; readonly guilty: string }> {
  assert.ok(supervisor !== undefined && deputy !== undefined && third !== undefined);
  const guilty = supervisor.agentId;
  const byDeputies = [
    receipt(deputy, "commit", [victim.orderId]),
    receipt(third, "commit", [victim.orderId]),
  ];
  const gateAbsence = proveAbsence(idsWithout, commitmentLeaf, victim.orderId)!;
  const resultAbsence = proveAbsence(withoutVictim, revealLeaf, victim.orderId)!;
  const omitted = { kind: "omitted", commitment: victim.orderId } as const;
  const shortGate = { statement: gate(idsWithout), absence: gateAbsence };
  const shortResult = { statement: result(withoutVictim), absence: resultAbsence };
  const outsider = reveal(stranger, orderOf(stranger, 0));
  const forged = { ...reveal(traders[0]!, orderOf(traders[0]!, 4)), signature: reveals[0]!.signature };
  const dear = reveal(traders[0]!, { ...orderOf(traders[0]!, 0), limitMicroPerKWh: 2_000_000 });
  const late = reveal(traders[1]!, orderOf(traders[1]!, 1), 9);
  const bent = result(reveals, {
    bend: (content) => ({ ...content, welfareMicro: content.welfareMicro + 1 }),
  });
  const [acked, voided] = [
    vote(traders[2]!, { vote: "ack", resultHash: documentHash(honest) }),
    vote(traders[2]!, { vote: "void", reason: "refused" }),
  ];
  return {
    "left out of the gate": {
      proof: { ...omitted, receipts: [receipt(supervisor, "commit", [victim.orderId])], gate: shortGate },
      guilty,
    },
    "left out of the gate, by both deputies": {
      proof: { ...omitted, receipts: byDeputies, gate: shortGate },
      guilty,
    },
    "left out of the result": {
      proof: { ...omitted, receipts: [receipt(supervisor, "reveal", [victim.orderId])], result: shortResult },
      guilty,
    },
    "an order of a stranger": {
      proof: { kind: "foreign", ...included([...reveals, outsider], outsider) },
      guilty,
    },
    "an order that nobody signed": {
      proof: { kind: "foreign", ...included([...reveals, forged], forged) },
      guilty,
    },
    "an order outside the band": {
      proof: { kind: "foreign", ...included([...reveals, dear], dear) },
      guilty,
    },
    "an order after the gate": {
      proof: {
        kind: "late",
        ...included([...reveals, late], late),
        gate: gate(ids),
        absence: proveAbsence(ids, commitmentLeaf, late.orderId)!,
      },
      guilty,
    },
    "one micro too much": { proof: { kind: "wrong_result", result: bent, reveals }, guilty },
    "two results": {
      proof: { kind: "equivocation", type: "clearing_result", documents: [honest, bent] },
      guilty,
    },
    "a result out of turn": {
      proof: {
        kind: "wrong_supervisor",
        type: "clearing_result",
        statement: result(reveals, { signer: deputy }),
      },
      guilty: deputy.agentId,
    },
    "a gate out of turn": {
      proof: {
        kind: "wrong_supervisor",
        type: "gate_close",
        statement: gate(ids, { term: 2, signer: third }),
      },
      guilty: third.agentId,
    },
    "two votes": {
      proof: { kind: "broken_vote", ballots: [ballot(acked), ballot(voided)] },
      guilty: traders[2]!.agentId,
    },
    "a vote and a report without it": {
      proof: {
        kind: "broken_vote",
        ballots: [
          ballot(acked),
          { type: "auction_report", document: report(traders[2]!, { round: 1, first: { vote: "void" } }) },
        ],
      },
      guilty: traders[2]!.agentId,
    },
    "a lock and a report without it": {
      proof: {
        kind: "broken_vote",
        ballots: [
          { type: "auction_lock", document: lock(traders[2]!, { round: 1, vote: "void" }) },
          { type: "auction_report", document: report(traders[2]!, { round: 3 }) },
        ],
      },
      guilty: traders[2]!.agentId,
    },
  };
}

function ballot(document: AuctionVote): SignedBallot {
  return { type: "auction_vote", document };
}

test("every way to cheat is convicted by its proof alone", () => {
  for (const [name, { proof, guilty }] of Object.entries(proofs())) {
    const shown = JSON.parse(JSON.stringify(proof)) as FraudProof;
    assert.deepEqual(marketMessages.fraud_proof.body.parse({ proof: shown }), { proof: shown }, name);
    assert.deepEqual(checkFraudProof(shown, context), { kind: proof.kind, convicted: guilty, slotId }, name);
  }
});

test("a proof with one bit flipped convicts nobody", () => {
  const roll = dice(4);
  let tried = 0;
  for (const [name, { proof }] of Object.entries(proofs())) {
    const bytes = Buffer.from(JSON.stringify(proof));
    for (let flip = 0; flip < 150; flip += 1) {
      const bent = Buffer.from(bytes);
      const at = roll(bent.length);
      bent[at] = bent[at]! ^ (1 << roll(7));
      const shown = parsed(bent);
      if (shown === undefined) continue;
      tried += 1;
      assert.ok(isRefused(shown), `${name}: byte ${at} of ${bent.toString().slice(at - 40, at + 40)}`);
    }
  }
  assert.ok(tried > 800, String(tried));
});

function parsed(bytes: Buffer): FraudProof | undefined {
  try {
    return JSON.parse(bytes.toString()) as FraudProof;
  } catch {
    return undefined;
  }
}

/** What has lost a field is what the message's schema turns away before. */
function isRefused(proof: FraudProof): boolean {
  try {
    checkFraudProof(proof, context);
    return false;
  } catch (error) {
    return error instanceof TypeError || isProtocolError(error);
  }
}

test("nobody is convicted of what was right", () => {
  assert.ok(supervisor !== undefined && deputy !== undefined && third !== undefined);
  const fullGate = gate(ids);
  const stale = { ...proveAbsence(idsWithout, commitmentLeaf, victim.orderId)! };
  const cases: Record<string, FraudProof> = {
    "the right result": { kind: "wrong_result", result: honest, reveals },
    "other orders than the result's": { kind: "wrong_result", result: honest, reveals: withoutVictim },
    "an order that is there": {
      kind: "omitted",
      commitment: victim.orderId,
      receipts: [receipt(supervisor, "commit", [victim.orderId])],
      gate: { statement: fullGate, absence: stale },
    },
    "one deputy's word": {
      kind: "omitted",
      commitment: victim.orderId,
      receipts: [receipt(deputy, "commit", [victim.orderId])],
      gate: { statement: gate(idsWithout), absence: stale },
    },
    "a receipt for another order": {
      kind: "omitted",
      commitment: victim.orderId,
      receipts: [receipt(supervisor, "commit", idsWithout)],
      gate: { statement: gate(idsWithout), absence: stale },
    },
    "an order in its place": {
      kind: "foreign",
      result: honest,
      reveal: victim,
      inclusion: proveInclusion(leaves, reveals.indexOf(victim)),
    },
    "the same result twice": { kind: "equivocation", type: "clearing_result", documents: [honest, honest] },
    "results of two terms": {
      kind: "equivocation",
      type: "clearing_result",
      documents: [result(reveals), result(withoutVictim, { term: 2 })],
    },
    "votes of two agents": {
      kind: "broken_vote",
      ballots: [
        ballot(vote(traders[1]!, { vote: "void" })),
        ballot(vote(traders[2]!, { vote: "ack", resultHash: documentHash(honest) })),
      ],
    },
    "votes of two rounds": {
      kind: "broken_vote",
      ballots: [
        ballot(vote(traders[1]!, { vote: "void" })),
        ballot(vote(traders[1]!, { vote: "ack", resultHash: documentHash(honest), round: 1 })),
      ],
    },
    "a report that keeps its word": {
      kind: "broken_vote",
      ballots: [
        { type: "auction_lock", document: lock(traders[2]!, { round: 1, vote: "void" }) },
        {
          type: "auction_report",
          document: report(traders[2]!, { round: 3, lock: { round: 1, vote: "void" } }),
        },
      ],
    },
    "the right supervisor": { kind: "wrong_supervisor", type: "clearing_result", statement: honest },
    "a deputy in its own term": {
      kind: "wrong_supervisor",
      type: "clearing_result",
      statement: result(reveals, { term: 2, signer: deputy }),
    },
  };
  for (const [name, proof] of Object.entries(cases))
    assert.throws(() => checkFraudProof(proof, context), { code: "VERIFICATION_FAILED" }, name);
  const otherRules = { ...context, rules: { ...rules, kPermille: 400 } };
  const bent = proofs()["one micro too much"]!.proof;
  assert.throws(() => checkFraudProof(bent, otherRules), { code: "VERIFICATION_FAILED" });
});

test("an auction's documents are what its messages carry", () => {
  assert.ok(supervisor !== undefined);
  const bodies = {
    order_commit: { slotId, rulesHash: honest.rulesHash, commitments: ids.slice(0, 16) },
    order_receipt: { receipt: receipt(supervisor, "commit", ids.slice(0, 16)) },
    gate_close: { gate: gate(ids), commitments: ids },
    order_reveal: { reveals: reveals.slice(0, 16) },
    clearing_result: { result: honest },
  };
  for (const [type, body] of Object.entries(bodies)) {
    const { body: schema } = marketMessages[type as keyof typeof bodies];
    assert.deepEqual(schema.parse(JSON.parse(JSON.stringify(body))), body, type);
    assert.ok(!schema.safeParse({ ...body, more: 1 }).success, type);
  }
});

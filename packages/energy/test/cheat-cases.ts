/** Nine ways to cheat in a random auction, each found by one who watched and convicted by one who did not. */

import assert from "node:assert/strict";
import {
  type AuctionView,
  checkFraudProof,
  findFraud,
  type FraudProof,
  isFeederPlausible,
  type OrderReveal,
  replayTape,
} from "@gridmesh/energy";
import { isProtocolError } from "@gridmesh/protocol";
import {
  context,
  gate,
  orderOf,
  ranked,
  receipt,
  result,
  reveal,
  revealUnder,
  stranger,
  traders,
} from "./auction-cases.ts";
import type { Dice } from "./book-cases.ts";
import { checkTape, start } from "./tape-cases.ts";

export const cheats = [
  "drop",
  "resequence",
  "one more or less",
  "forge",
  "late",
  "two results",
  "wrong rank",
  "two orders",
  "false meter",
] as const;
export type Cheat = (typeof cheats)[number];

function byId(a: OrderReveal, b: OrderReveal): number {
  return a.orderId < b.orderId ? -1 : 1;
}

/** Three to seven traders with random orders. */
function randomReveals(roll: Dice): OrderReveal[] {
  return traders
    .slice(0, 3 + roll(5))
    .map((trader, index) => {
      const order = {
        ...orderOf(trader, index),
        qtyMilliWh: 1 + roll(3_000_000),
        limitMicroPerKWh: roll(400_000),
      };
      return reveal(trader, order, 1 + roll(200));
    })
    .sort(byId);
}

/** An auction as it should be. */
function honestView(reveals: readonly OrderReveal[]): AuctionView {
  const commitments = reveals.map(({ orderId }) => orderId);
  return {
    gates: [gate(commitments)],
    results: [result(reveals)],
    commitments,
    reveals,
    receipts: (["commit", "reveal"] as const).flatMap((of) => [
      receipt(ranked[0]!, of, commitments),
      receipt(ranked[1]!, of, commitments),
    ]),
  };
}

/** What is shown when the first supervisor cheats so. */
function bent(cheat: Cheat, honest: AuctionView, roll: Dice): AuctionView {
  const { reveals } = honest;
  const victim = roll(reveals.length);
  const shown = (all: readonly OrderReveal[]) => {
    const sorted = all.toSorted(byId);
    return { ...honest, reveals: sorted, results: [result(sorted)] };
  };
  const off = () =>
    result(reveals, {
      bend: (content) => ({ ...content, volumeMilliWh: content.volumeMilliWh + (roll(2) === 0 ? 1 : -1) }),
    });
  if (cheat === "drop") {
    const kept = reveals.filter((_, place) => place !== victim);
    if (roll(2) === 0) return shown(kept);
    const commitments = kept.map(({ orderId }) => orderId);
    return { ...shown(kept), commitments, gates: [gate(commitments)] };
  }
  if (cheat === "one more or less") return { ...honest, results: [off()] };
  if (cheat === "forge") {
    const owner = roll(2) === 0 ? stranger : traders[0]!;
    const forged = reveal(owner, { ...orderOf(owner, roll(4)), limitMicroPerKWh: roll(400_000) }, 250);
    return shown([...reveals, owner === stranger ? forged : { ...forged, signature: reveals[0]!.signature }]);
  }
  if (cheat === "late") return shown([...reveals, reveal(traders[1]!, orderOf(traders[1]!, roll(6)), 251)]);
  if (cheat === "two results") return { ...honest, results: [honest.results[0]!, off()] };
  return { ...honest, results: [result(reveals, { signer: ranked[1 + roll(3)]! })] };
}

/** Whether the cheat was found, and nothing where there was none. */
export function checkCheat(cheat: Cheat, roll: Dice): void {
  if (cheat === "resequence") return checkResequence(roll);
  if (cheat === "false meter") return checkFalseMeter(roll);
  const honest = honestView(randomReveals(roll));
  assert.deepEqual(findFraud(honest, context), [], "a false alarm");
  if (cheat === "two orders") return checkTwoOrders(roll);
  const proofs = findFraud(bent(cheat, honest, roll), context);
  assert.ok(proofs.length > 0, `${cheat} was not found`);
  for (const proof of proofs) convict(proof);
}

function convict(proof: FraudProof): void {
  const shown = JSON.parse(JSON.stringify(proof)) as FraudProof;
  const { convicted } = checkFraudProof(shown, context);
  assert.ok(ranked.some(({ agentId }) => agentId === convicted));
}

/** A trader shows one order to some and another, under the same id, to others. */
function checkTwoOrders(roll: Dice): void {
  const trader = traders[roll(traders.length)]!;
  const one = reveal(trader, orderOf(trader, 1), 1);
  const other = revealUnder(one.orderId, trader, orderOf(trader, 2 + roll(3)));
  const proof: FraudProof = { kind: "equivocation", type: "order_reveal", documents: [one, other] };
  assert.equal(checkFraudProof(proof, context).convicted, trader.agentId);
}

function checkResequence(roll: Dice): void {
  const events = checkTape(roll, { trades: 0, refused: 0, expired: 0, events: 0 });
  const at = roll(events.length - 1);
  const swapped = events.with(at, events[at + 1]!).with(at + 1, events[at]!);
  assert.throws(
    () => replayTape(swapped, start),
    (error) => isProtocolError(error) && error.code === "VERIFICATION_FAILED",
  );
}

function checkFalseMeter(roll: Dice): void {
  const meters = Array.from({ length: 5 + roll(20) }, () => ({
    importMilliWh: 100_000 + roll(2_000_000),
    exportMilliWh: 0,
  }));
  const sum = meters.reduce((total, { importMilliWh }) => total + importMilliWh, 0);
  // Lines lose a little, meters are a little off.
  const head = { importMilliWh: Math.round(sum * (1 + roll(15) / 1_000)), exportMilliWh: 0 };
  assert.ok(isFeederPlausible(meters, head), "a false alarm");
  const liar = { ...meters[0]!, importMilliWh: 0, exportMilliWh: Math.round(sum * 0.03) };
  assert.ok(!isFeederPlausible([liar, ...meters.slice(1)], head));
}

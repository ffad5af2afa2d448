/** What must hold of all nodes together: every twenty events, at each start, and once all is at rest. */

import { type BuyerState, isEndPair, type SellerState } from "@gridmesh/protocol";
import { breaches } from "../../trade/invariants.ts";
import { balance, type Book, type OrderHalf } from "../../trade/state.ts";
import type { SimNode } from "./node.ts";
import type { World } from "./world.ts";

/** The books of each node, and of every order what one side did because of the other. */
export function checkNow(world: World, nodes: readonly SimNode[]): void {
  for (const node of nodes) {
    checkBooks(world, node);
    for (const half of halvesOf(node)) {
      if (half.role === "buyer") checkPair(world, nodes, half);
      else checkEpoch(world, node, half);
    }
  }
}

/** I1–I4, I9, I12. */
export function checkBooks(world: World, node: SimNode): void {
  const state = node.isUp ? node.life.context?.state : undefined;
  if (state === undefined) return;
  const [first] = breaches(state);
  if (first !== undefined) world.fail(first.slice(0, first.indexOf(" ")), `node ${node.index}: ${first}`);
}

function checkPair(world: World, nodes: readonly SimNode[], mine: OrderHalf): void {
  const seller = nodeOf(nodes, mine.terms.sellerPeerId);
  if (seller?.isUp !== true) return;
  const theirs = bookOf(seller)?.orders.get(mine.key);
  const state = theirs?.state ?? noneOf(seller, mine);
  const pair = `${mine.key}: buyer ${mine.state}, seller ${state}`;
  if (!possible[mine.state as BuyerState].includes(state)) {
    world.fail(state === "SETTLED" || hasPaid(mine) ? "I5" : "I6", pair);
  }
  if (hasPaid(mine) && Number(mine.finalMilliWh) > Number(theirs?.deliveredMilliWh)) world.fail("I12", pair);
}

/** What the seller may have come to by then: its decision stands, and what it counts as paid was paid. */
const possible: Readonly<Record<BuyerState, readonly string[]>> = {
  DISPUTED: ["DELIVERED", "DISPUTED"],
  HELD: ["NONE", "REJECTED", "ACCEPTED", "ANNULLED", "DELIVERED"],
  COMMITTED: ["ACCEPTED", "ANNULLED", "DELIVERED"],
  PAID: ["DELIVERED", "DISPUTED", "SETTLED"],
  CLOSED: ["SETTLED"],
  RELEASED: ["REJECTED", "ANNULLED"],
};

function hasPaid({ state }: OrderHalf): boolean {
  return state === "PAID" || state === "CLOSED";
}

/** What is sold was on sale under the seller's present epoch, and the signed order says so. */
function checkEpoch(world: World, node: SimNode, half: OrderHalf): void {
  if (half.state === "REJECTED") return;
  const epoch = node.life.context?.state.boot?.epoch ?? "";
  if (!half.order.body.includes(`"offerEpoch":"${epoch}"`)) {
    world.fail("I3", `node ${node.index} sold ${half.key} of another epoch`);
  }
}

/** I7, I8, I10, I11: both sides ended alike, nothing is under way, and the journal alone says the same. */
export async function checkRest(world: World, nodes: readonly SimNode[]): Promise<void> {
  if (world.events.size > 0) world.fail("I8", `${world.events.size} events are still to come`);
  for (const node of nodes) checkDone(world, nodes, node);
  checkCancel(world, nodes);
  for (const node of nodes) {
    if (world.breach !== undefined) return;
    checkAgreed(world, node);
    const audit = await node.life.desk?.audit();
    const [first] = audit?.differences ?? [];
    if (first !== undefined) world.fail("I11", `node ${node.index}: ${first}`);
  }
}

/** I10: nobody found a counterparty's ledger to disagree. */
function checkAgreed(world: World, { index, life }: SimNode): void {
  const [first] = life.desk?.disagreements() ?? [];
  if (first !== undefined) world.fail("I10", `node ${index}: ${first}`);
  for (const book of life.context?.state.books.values() ?? []) {
    for (const { statements } of book.partners.values()) world.counts.statements += statements.length;
  }
}

function checkDone(world: World, nodes: readonly SimNode[], node: SimNode): void {
  if (!node.isUp) return world.fail("I8", `node ${node.index} did not come back`);
  const running = node.life.context?.sends.running() ?? 0;
  if (running > 0) return world.fail("I8", `node ${node.index} still has ${running} errands`);
  for (const half of halvesOf(node)) checkEnd(world, nodes, half);
}

function checkEnd(world: World, nodes: readonly SimNode[], mine: OrderHalf): void {
  const { terms, role, key } = mine;
  const other = nodeOf(nodes, role === "buyer" ? terms.sellerPeerId : terms.buyerPeerId);
  const theirs = other === undefined ? undefined : bookOf(other)?.orders.get(key);
  if (theirs === undefined) {
    if (!isForestalled(other, mine)) world.fail("I7", `${key}: the ${role} alone knows of it`);
    return;
  }
  const [buyer, seller] = role === "buyer" ? [mine, theirs] : [theirs, mine];
  const what = `${key}: buyer ${buyer.state}, seller ${seller.state}`;
  if (!isEndPair(buyer.state as BuyerState, seller.state as SellerState)) return world.fail("I7", what);
  const isSame =
    buyer.finalMilliWh === seller.finalMilliWh &&
    buyer.finalAmountMicro === seller.finalAmountMicro &&
    buyer.orderHash === seller.orderHash;
  if (buyer.finalMilliWh !== lesser(buyer)) world.fail("I12", `${what}: ${buyer.finalMilliWh} mWh paid`);
  if (!isSame) world.fail("I7", `${what}, but of other quantity, amount or content`);
}

/** What a buyer pays for: the lesser of what was delivered and what it measured. */
function lesser({ documents, measuredMilliWh }: OrderHalf): number | null {
  const delivered = documents.trade_delivery?.slots[0]?.allocatedMilliWh;
  if (delivered === undefined) return null;
  return Math.min(delivered, measuredMilliWh ?? delivered);
}

/** Called off before it came: the seller has a refusal of it, and nothing else. */
function isForestalled(seller: SimNode | undefined, { key, state }: OrderHalf): boolean {
  const book = seller === undefined ? undefined : bookOf(seller);
  return state === "RELEASED" && book?.forestalled.has(key) === true;
}

function noneOf(seller: SimNode, half: OrderHalf): "REJECTED" | "NONE" {
  return isForestalled(seller, half) ? "REJECTED" : "NONE";
}

/** I10: what one book says went to another, that one says came from it. */
function checkCancel(world: World, nodes: readonly SimNode[]): void {
  for (const mine of nodes) {
    for (const theirs of nodes) {
      const [here, there] = [bookOf(mine), bookOf(theirs)];
      if (here === undefined || there === undefined || here === there) continue;
      const paid =
        balance(here.money, `paid/${theirs.agentId}`) + balance(there.money, `received/${mine.agentId}`);
      const moved =
        balance(here.energy, `out/${theirs.agentId}`) + balance(there.energy, `in/${mine.agentId}`);
      if (paid !== 0) world.fail("I10", `node ${mine.index} paid node ${theirs.index} ${paid} more`);
      if (moved !== 0) world.fail("I10", `node ${mine.index} sent node ${theirs.index} ${moved} mWh more`);
    }
  }
}

function halvesOf(node: SimNode): Iterable<OrderHalf> {
  return node.isUp ? (bookOf(node)?.orders.values() ?? []) : [];
}

function bookOf(node: SimNode): Book | undefined {
  return node.life.context?.state.books.get(node.agentId);
}

function nodeOf(nodes: readonly SimNode[], peerId: string): SimNode | undefined {
  return nodes.find((node) => node.peerId === peerId);
}

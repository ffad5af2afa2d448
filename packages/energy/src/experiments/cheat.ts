/** E7: nine ways to cheat in random auctions, each found by one who watched and convicted by one who did not. */

import { isProtocolError, type JsonObject, type Signer } from "@gridmesh/protocol";
import { type RandomStream, randomStream } from "../data/random-stream.ts";
import { isFeederPlausible } from "../ledger/meters.ts";
import type { OrderReveal } from "../market/proof/documents.ts";
import { checkFraudProof, type FraudProof } from "../market/proof/fraud.ts";
import { type AuctionView, findFraud } from "../market/proof/watch.ts";
import type { MarketOrder } from "../market/rules.ts";
import { type BookEvent, BookTape, replayTape } from "../market/tape.ts";
import type { Auction } from "./auction.ts";

export const cheatKinds = [
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
export type CheatKind = (typeof cheatKinds)[number];

export interface CheatRow {
  readonly kind: CheatKind;
  readonly tried: number;
  /** Found, and convicted by the proof as it comes off the wire. */
  readonly found: number;
  /** Of the same auctions without the cheat, those that looked wrong. */
  readonly falseAlarms: number;
}

export interface CheatExperiment {
  readonly auction: Auction;
  /** At least seven, on the roll. */
  readonly traders: readonly Signer[];
  /** Off the roll. */
  readonly stranger: Signer;
  readonly seed: number;
  /** Of each kind; default 100. */
  readonly times?: number;
}

interface Table extends CheatExperiment {
  readonly chance: RandomStream;
}

interface Outcome {
  readonly found: boolean;
  readonly falseAlarm: boolean;
}

/** A row per kind. */
export function cheatExperiment(experiment: CheatExperiment): readonly CheatRow[] {
  const { seed, times = 100 } = experiment;
  return cheatKinds.map((kind) => {
    const chance = randomStream(seed, `cheat ${kind}`);
    const outcomes = Array.from({ length: times }, () => tryCheat(kind, { ...experiment, chance }));
    return {
      kind,
      tried: times,
      found: outcomes.filter(({ found }) => found).length,
      falseAlarms: outcomes.filter(({ falseAlarm }) => falseAlarm).length,
    };
  });
}

function tryCheat(kind: CheatKind, table: Table): Outcome {
  if (kind === "resequence") return resequence(table.chance);
  if (kind === "false meter") return falseMeter(table.chance);
  const honest = honestView(table);
  const falseAlarm = findFraud(honest, table.auction.context).length > 0;
  if (kind === "two orders") return { found: convicts(twoOrders(table), table, "traders"), falseAlarm };
  const proofs = findFraud(bent(kind, honest, table), table.auction.context);
  return {
    found: proofs.length > 0 && proofs.every((proof) => convicts(proof, table, "supervisors")),
    falseAlarm,
  };
}

/** Of a third party that has the proof alone. */
function convicts(proof: FraudProof, { auction, traders }: Table, whose: "traders" | "supervisors"): boolean {
  const shown = JSON.parse(JSON.stringify(proof)) as FraudProof & JsonObject;
  const suspects = whose === "traders" ? traders : auction.ranked;
  try {
    const { convicted } = checkFraudProof(shown, auction.context);
    return suspects.some(({ agentId }) => agentId === convicted);
  } catch (error) {
    if (isProtocolError(error)) return false;
    throw error;
  }
}

function byId(a: OrderReveal, b: OrderReveal): number {
  return a.orderId < b.orderId ? -1 : 1;
}

function one<Of>(of: readonly Of[], chance: RandomStream): Of {
  const chosen = of[chance.integer(0, of.length - 1)];
  if (chosen === undefined) throw new Error("nothing to choose from");
  return chosen;
}

function randomOrder(trader: Signer, { auction, chance }: Table): MarketOrder {
  return {
    agentId: trader.agentId,
    side: chance.integer(0, 1) === 0 ? "bid" : "ask",
    slotId: auction.slotId,
    rulesHash: auction.rulesHash,
    qtyMilliWh: chance.integer(1, 3_000_000),
    limitMicroPerKWh: chance.integer(0, 400_000),
    minFillMilliWh: 0,
  };
}

/** An auction of three to seven as it should be. */
function honestView(table: Table): AuctionView {
  const { auction, chance, traders } = table;
  const reveals = traders
    .slice(0, chance.integer(3, 7))
    .map((trader) => auction.reveal(trader, randomOrder(trader, table), chance.integer(1, 200)))
    .sort(byId);
  const commitments = reveals.map(({ orderId }) => orderId);
  const deputies = auction.ranked.slice(0, 2);
  return {
    gates: [auction.gate(commitments)],
    results: [auction.result(reveals)],
    commitments,
    reveals,
    receipts: (["commit", "reveal"] as const).flatMap((of) =>
      deputies.map((signer) => auction.receipt(signer, of, commitments)),
    ),
  };
}

/** What is shown when the first supervisor cheats so. */
function bent(kind: CheatKind, honest: AuctionView, table: Table): AuctionView {
  const { auction, chance, stranger, traders } = table;
  const { reveals } = honest;
  const shown = (all: readonly OrderReveal[]): AuctionView => {
    const sorted = all.toSorted(byId);
    return { ...honest, reveals: sorted, results: [auction.result(sorted)] };
  };
  const off = () => {
    const by = one([1, -1], chance);
    return auction.result(reveals, {
      bend: (content) => ({ ...content, volumeMilliWh: content.volumeMilliWh + by }),
    });
  };
  if (kind === "drop") {
    const victim = one(reveals, chance);
    const kept = reveals.filter((reveal) => reveal !== victim);
    if (chance.integer(0, 1) === 0) return shown(kept);
    const commitments = kept.map(({ orderId }) => orderId);
    return { ...shown(kept), commitments, gates: [auction.gate(commitments)] };
  }
  if (kind === "one more or less") return { ...honest, results: [off()] };
  if (kind === "forge") {
    const owner = one([stranger, one(traders, chance)], chance);
    const forged = auction.reveal(owner, randomOrder(owner, table), 250);
    const borrowed = { ...forged, signature: one(reveals, chance).signature };
    return shown([...reveals, owner === stranger ? forged : borrowed]);
  }
  if (kind === "late") {
    const trader = one(traders, chance);
    return shown([...reveals, auction.reveal(trader, randomOrder(trader, table), 251)]);
  }
  if (kind === "two results") return { ...honest, results: [...honest.results, off()] };
  return { ...honest, results: [auction.result(reveals, { signer: one(auction.ranked.slice(1), chance) })] };
}

/** A trader shows one order to some and another, under the same id, to others. */
function twoOrders(table: Table): FraudProof {
  const trader = one(table.traders, table.chance);
  const first = table.auction.reveal(trader, randomOrder(trader, table), 1);
  const second = table.auction.revealUnder(first.orderId, trader, randomOrder(trader, table));
  return { kind: "equivocation", type: "order_reveal", documents: [first, second] };
}

const tapeStart = {
  slotId: "city/900/900",
  rules: { minMicroPerKWh: 0, maxMicroPerKWh: 100, tickMicro: 5, gateS: 800 },
};
const TAPE_ORDERS = 20;

/** The continuous book's order of events is changed. */
function resequence(chance: RandomStream): Outcome {
  const tape = new BookTape(tapeStart);
  const events = Array.from({ length: TAPE_ORDERS }, (_, index) =>
    tape.record({
      kind: "place",
      atS: index,
      order: {
        orderId: `o${index}`,
        agentId: `a${chance.integer(0, 3)}`,
        side: chance.integer(0, 1) === 0 ? "bid" : "ask",
        qtyMilliWh: chance.integer(1, 12),
        limitMicroPerKWh: 5 * chance.integer(0, 20),
        minFillMilliWh: 0,
        type: "limit",
        tif: "gtd",
        postOnly: false,
        expiresS: 700,
      },
    }),
  );
  const at = chance.integer(0, TAPE_ORDERS - 2);
  const swapped = [...events.slice(0, at), ...events.slice(at, at + 2).reverse(), ...events.slice(at + 2)];
  return { found: !isTape(swapped), falseAlarm: !isTape(events) };
}

function isTape(events: readonly BookEvent[]): boolean {
  try {
    replayTape(events, tapeStart);
    return true;
  } catch (error) {
    if (isProtocolError(error)) return false;
    throw error;
  }
}

/** Found per feeder alone: the meters' sum is not what its head shows. */
function falseMeter(chance: RandomStream): Outcome {
  const meters = Array.from({ length: chance.integer(5, 24) }, () => ({
    importMilliWh: chance.integer(100_000, 2_100_000),
    exportMilliWh: 0,
  }));
  const sum = meters.reduce((total, { importMilliWh }) => total + importMilliWh, 0);
  // Lines lose a little, meters are a little off.
  const head = { importMilliWh: Math.round(sum * (1 + chance.integer(0, 14) / 1_000)), exportMilliWh: 0 };
  const liar = { importMilliWh: 0, exportMilliWh: Math.round(sum * 0.03) };
  return {
    found: !isFeederPlausible([liar, ...meters.slice(1)], head),
    falseAlarm: !isFeederPlausible(meters, head),
  };
}

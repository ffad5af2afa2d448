/**
 * Do the books of a set of agents tell one story? Each alone (sums, nothing negative, balances = the orders behind
 * them), each pair (what one gave the other got; every order ended alike on both sides), all together.
 */

import type { BookSnapshot } from "@gridmesh/protocol";
import { bookSum, familyBalance, partnersOf, peerBalance } from "./accounts.ts";
import type { PeerAccount, Unit } from "./accounts.ts";
import type { AuditResult, Difference, OpenOrder } from "./audit-types.ts";
import { checkBook } from "./book-audit.ts";
import { checkOrders } from "./order-audit.ts";

type Pair = readonly [BookSnapshot, BookSnapshot];

/**
 * Audits books taken at rest. `complete: false` for a part of a network (one daemon's books): then what was settled
 * with an operator outside the set is not asked to cancel. Default: true for more than one book.
 */
export function auditBooks(
  books: readonly BookSnapshot[],
  options: { readonly complete?: boolean } = {},
): AuditResult {
  const byAgent = new Map(books.map((book) => [book.agentId, book]));
  const nameOf = (agentId: string): string => byAgent.get(agentId)?.name ?? agentId;
  const differences: Difference[] = books.flatMap((book) => checkBook(book, nameOf));
  if (byAgent.size !== books.length) {
    differences.push({ a: "", b: "", transactionId: "", what: "one agent has two books" });
  }
  const open: OpenOrder[] = [];
  const pairs = pairsOf(byAgent);
  for (const [first, second] of pairs) {
    const found = checkOrders(first, second);
    open.push(...found.open);
    differences.push(...found.differences);
    const explained = differences.some(({ a, b }) => isPair([a, b], [first.name, second.name]));
    if (!explained && found.open.length === 0) differences.push(...pairGaps([first, second]));
  }
  const complete = options.complete ?? books.length > 1;
  if (complete) differences.push(...imbalanceGaps(books));
  const named = new Set(differences.flatMap(({ a, b }) => [a, b]));
  return {
    agree: differences.length === 0,
    audited: books.length,
    agreeing: books.filter((book) => !named.has(book.name)).length,
    pairs: pairs.length,
    entries: books.reduce((sum, book) => sum + book.entries, 0),
    differences,
    open,
    unpaired: books.flatMap((book) => book.orders).filter((order) => !byAgent.has(order.counterparty)).length,
    conservationErrorMilliWh: conservationError("energy", books, { pairs, complete }),
    conservationErrorMicro: conservationError("money", books, { pairs, complete }),
  };
}

function pairsOf(byAgent: ReadonlyMap<string, BookSnapshot>): Pair[] {
  const seen = new Set<string>();
  const pairs: Pair[] = [];
  for (const book of byAgent.values()) {
    for (const partner of partnersOf(book)) {
      const other = byAgent.get(partner);
      const key = [book.agentId, partner].sort().join(" ");
      if (other === undefined || other === book || seen.has(key)) continue;
      seen.add(key);
      pairs.push([book, other]);
    }
  }
  return pairs;
}

function isPair(names: readonly [string, string], pair: readonly [string, string]): boolean {
  return names.includes(pair[0]) && names.includes(pair[1]);
}

const OPPOSITE: Readonly<Record<Unit, readonly (readonly [PeerAccount, PeerAccount])[]>> = {
  energy: [
    ["out", "in"],
    ["in", "out"],
  ],
  money: [
    ["paid", "received"],
    ["received", "paid"],
  ],
};

/** out/p + in/me = 0 and paid/p + received/me = 0, both ways. */
function pairGaps(pair: Pair): Difference[] {
  const [first, second] = pair;
  return [...OPPOSITE.energy, ...OPPOSITE.money]
    .map((accounts) => ({ accounts, gap: gapOf(pair, accounts) }))
    .filter(({ gap }) => gap !== 0)
    .map(({ accounts: [mine, theirs], gap }) => ({
      a: first.name,
      b: second.name,
      transactionId: "",
      what: `${mine}/${second.name} and ${theirs}/${first.name} do not cancel: ${gap} left`,
    }));
}

function gapOf([first, second]: Pair, [mine, theirs]: readonly [PeerAccount, PeerAccount]): number {
  return peerBalance(first, mine, second.agentId) + peerBalance(second, theirs, first.agentId);
}

/** What the agents settled with their operator, its own book mirrors. */
function imbalanceGaps(books: readonly BookSnapshot[]): Difference[] {
  return (["money", "energy"] as const)
    .map((unit) => ({ unit, gap: imbalanceGap(unit, books) }))
    .filter(({ gap }) => gap !== 0)
    .map(({ unit, gap }) => ({
      a: "",
      b: "",
      transactionId: "",
      what: `imbalance ${unit} of all agents and their operator does not cancel: ${gap} left`,
    }));
}

function imbalanceGap(unit: Unit, books: readonly BookSnapshot[]): number {
  return books.reduce((sum, book) => sum + familyBalance(book, unit, "imbalance"), 0);
}

/** Absolute gaps of books, pairs and imbalance, added: errors cannot hide behind each other. */
function conservationError(
  unit: Unit,
  books: readonly BookSnapshot[],
  scope: { readonly pairs: readonly Pair[]; readonly complete: boolean },
): number {
  const alone = books.reduce((sum, book) => sum + Math.abs(bookSum(book, unit)), 0);
  const between = scope.pairs
    .flatMap((pair) => OPPOSITE[unit].map((accounts) => Math.abs(gapOf(pair, accounts))))
    .reduce((sum, gap) => sum + gap, 0);
  return alone + between + (scope.complete ? Math.abs(imbalanceGap(unit, books)) : 0);
}

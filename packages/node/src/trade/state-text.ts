/** A desk's whole state as lines of JSON, and back: what a snapshot holds. */

import { isOrderOpen, type RecordedNonce, type RecordOf, type TradeDocument } from "@gridmesh/protocol";
import type { Book, DeskState, ImbalanceState, OfferState, OrderHalf, Partner } from "./state.ts";

/** Entries of an account map in one line. */
const ENTRIES_PER_LINE = 1_000;
const amountMaps = ["money", "energy", "purchased", "sold"] as const;

type Line =
  | { readonly part: "desk"; readonly lastSeq: number; readonly boot: DeskState["boot"] }
  | { readonly part: "nonces"; readonly nonces: readonly RecordedNonce[] }
  | { readonly part: "offer"; readonly offer: OfferState }
  | ({ readonly part: "book" } & Pick<
      Book,
      "agentId" | "name" | "capacityMilliWh" | "entries" | "openPurchasesMilliWh"
    >)
  | {
      readonly part: (typeof amountMaps)[number];
      readonly entries: readonly (readonly [string, number])[];
    }
  | {
      readonly part: "spending";
      readonly micro: number;
      readonly holds: readonly (readonly [string, { readonly atMs: number; readonly micro: number }])[];
    }
  | { readonly part: "half"; readonly half: OrderHalf }
  | { readonly part: "forestalled"; readonly key: string; readonly kept: Forestalled }
  | { readonly part: "energyRecord"; readonly key: string; readonly record: RecordOf<"produce"> }
  | { readonly part: "imbalance"; readonly key: string; readonly imbalance: ImbalanceState }
  | { readonly part: "partner"; readonly agentId: string; readonly partner: Partner };

type Forestalled = Book["forestalled"] extends Map<string, infer Kept> ? Kept : never;

/**
 * The state as it is at the call; each line is written only when it is asked for, as orders that ended, which are most,
 * change no more. A line of a book belongs to the last `book` before it.
 */
export function stateLines(state: DeskState): Iterable<string> {
  const lines: (() => string)[] = [];
  const now = (line: Line) => {
    const text = JSON.stringify(line);
    lines.push(() => text);
  };
  const { lastSeq, boot } = state;
  now({ part: "desk", lastSeq, boot });
  for (const nonces of slices(state.nonces)) now({ part: "nonces", nonces });
  for (const offer of state.offers.values()) now({ part: "offer", offer });
  for (const book of state.books.values()) bookLines(book, { now, later: (text) => lines.push(text) });
  return (function* () {
    for (const line of lines) yield line();
  })();
}

interface Lines {
  readonly now: (line: Line) => void;
  readonly later: (line: () => string) => void;
}

function bookLines(book: Book, { now, later }: Lines): void {
  const { agentId, name, capacityMilliWh, entries, openPurchasesMilliWh, spending } = book;
  now({ part: "book", agentId, name, capacityMilliWh, entries, openPurchasesMilliWh });
  for (const part of amountMaps) for (const some of slices([...book[part]])) now({ part, entries: some });
  now({ part: "spending", micro: spending.micro, holds: [] });
  for (const holds of slices([...spending.holds])) now({ part: "spending", micro: spending.micro, holds });
  for (const half of book.orders.values()) {
    const { evidence, lastSeq, agentId: of } = half;
    if (book.open.has(half)) now({ part: "half", half });
    // Of an order that ended nothing changes but what is found against it.
    else later(() => JSON.stringify({ part: "half", half: { ...half, evidence, lastSeq, agentId: of } }));
  }
  for (const [key, kept] of book.forestalled) now({ part: "forestalled", key, kept });
  for (const [key, record] of book.energyRecords)
    later(() => JSON.stringify({ part: "energyRecord", key, record }));
  for (const [key, imbalance] of book.imbalances) now({ part: "imbalance", key, imbalance });
  for (const [of, partner] of book.partners) now({ part: "partner", agentId: of, partner });
}

function slices<T>(items: readonly T[]): readonly (readonly T[])[] {
  const found: (readonly T[])[] = [];
  for (let at = 0; at < items.length; at += ENTRIES_PER_LINE)
    found.push(items.slice(at, at + ENTRIES_PER_LINE));
  return found;
}

/** Puts what the lines say into an empty state. @throws SyntaxError, TypeError for what `stateLines` never wrote. */
export function restoreState(state: DeskState, lines: Iterable<string>): void {
  let book: Book | undefined;
  for (const text of lines) {
    const line = JSON.parse(text) as Line;
    switch (line.part) {
      case "desk":
        state.lastSeq = line.lastSeq;
        state.boot = line.boot;
        break;
      case "nonces":
        state.nonces.push(...line.nonces);
        break;
      case "offer":
        state.offers.set(line.offer.offerId, line.offer);
        break;
      case "book":
        book = emptyBookOf(line);
        state.books.set(book.agentId, book);
        break;
      default:
        if (book === undefined) throw new TypeError(`${line.part} of no book`);
        restoreInBook(state, book, line);
    }
  }
}

type BookLine = Exclude<Line, { readonly part: "desk" | "nonces" | "offer" | "book" }>;

function restoreInBook(state: DeskState, book: Book, line: BookLine): void {
  switch (line.part) {
    case "spending":
      book.spending.micro = line.micro;
      for (const [key, hold] of line.holds) book.spending.holds.set(key, hold);
      break;
    case "half":
      restoreHalf(book, line.half);
      break;
    case "forestalled":
      book.forestalled.set(line.key, line.kept);
      break;
    case "energyRecord":
      book.energyRecords.set(line.key, line.record);
      break;
    case "imbalance":
      restoreImbalance(state, book, line);
      break;
    case "partner":
      book.partners.set(line.agentId, line.partner);
      break;
    default:
      for (const [account, amount] of line.entries) book[line.part].set(account, amount);
  }
}

function restoreHalf(book: Book, half: OrderHalf): void {
  // What JSON leaves out is there and undefined.
  const { answer, contractId, reason } = half;
  const whole: OrderHalf = { ...half, answer, contractId, reason };
  book.orders.set(whole.key, whole);
  if (isOrderOpen(whole.state)) book.open.add(whole);
}

function restoreImbalance(
  state: DeskState,
  book: Book,
  { key, imbalance }: { readonly key: string; readonly imbalance: ImbalanceState },
): void {
  const receipt: TradeDocument | undefined = imbalance.receipt;
  const whole = { ...imbalance, receipt };
  book.imbalances.set(key, whole);
  if (whole.record.side === "agent" && receipt === undefined) state.unreceipted.add(whole);
}

function emptyBookOf(line: Extract<Line, { readonly part: "book" }>): Book {
  const { part: _part, ...of } = line;
  return {
    ...of,
    money: new Map(),
    energy: new Map(),
    orders: new Map(),
    open: new Set(),
    forestalled: new Map(),
    energyRecords: new Map(),
    imbalances: new Map(),
    purchased: new Map(),
    sold: new Map(),
    spending: { holds: new Map(), micro: 0 },
    partners: new Map(),
  };
}

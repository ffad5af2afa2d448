/** What a ledger can prove: each document bears the signature of the one it names, and statements say what the books say. */

import { setImmediate as turn } from "node:timers/promises";
import {
  isProtocolError,
  type RecordOf,
  type TradeDocument,
  tradeDocumentSigner,
  type TradeStatement,
  verifyDocument,
  type VerifyEngine,
} from "@gridmesh/protocol";
import { sameTotals, settledWith, summed } from "./dealings.ts";
import type { Book, DeskState } from "./state.ts";

/** Signatures proved at a stretch, so that a node that audits itself goes on living. */
const AT_A_STRETCH = 64;

/** A sentence for each document that is not what it says it is; empty when all hold. */
export async function checkSigned(state: DeskState, engine: VerifyEngine): Promise<readonly string[]> {
  const network = state.boot?.network ?? "";
  const found: string[] = [];
  const kept = [...state.books.values()].flatMap((book) => documentsOf(book));
  for (const book of state.books.values()) found.push(...wrongStatements(book));
  for (const [at, { what, document }] of kept.entries()) {
    if (at % AT_A_STRETCH === AT_A_STRETCH - 1) await turn();
    const { type } = document;
    try {
      verifyDocument(document, { type, network, engine, signerField: tradeDocumentSigner[type] });
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      found.push(`${what}: ${type} is not signed by whom it names`);
    }
  }
  return found;
}

interface Kept {
  readonly what: string;
  readonly document: TradeDocument;
}

function documentsOf(book: Book): readonly Kept[] {
  const kept: Kept[] = [];
  for (const { key, documents } of book.orders.values()) {
    for (const document of Object.values(documents)) kept.push({ what: `${book.name}, ${key}`, document });
  }
  for (const [key, { record, receipt }] of book.imbalances) {
    const documents = [...(record.documents ?? []), ...(receipt === undefined ? [] : [receipt])];
    for (const document of documents) kept.push({ what: `${book.name}, ${key}`, document });
  }
  for (const record of statementsOf(book)) {
    for (const document of record.documents ?? []) kept.push({ what: nameOf(book, record), document });
  }
  return kept;
}

/** Both signed the same root, and the book's own orders of that time give it. */
function wrongStatements(book: Book): readonly string[] {
  return statementsOf(book).flatMap((record) => {
    const [own, theirs] = (record.documents ?? []) as readonly (TradeStatement | undefined)[];
    const { totals, root } = summed(settledWith(book, record.counterparty, record));
    if (own === undefined || theirs === undefined) return [`${nameOf(book, record)} is not signed by both`];
    if (own.root !== theirs.root) return [`${nameOf(book, record)}: both signed something else`];
    if (root === own.root && sameTotals(totals, own.totals)) return [];
    return [`${nameOf(book, record)} is of ${own.totals.orders} orders, the book has ${totals.orders}`];
  });
}

function statementsOf(book: Book): readonly RecordOf<"statement">[] {
  return [...book.partners.values()].flatMap(({ statements }) => statements);
}

function nameOf({ name }: Book, { counterparty, fromMs, toMs }: RecordOf<"statement">): string {
  return `${name}, statement with ${counterparty} of ${fromMs} … ${toMs}`;
}

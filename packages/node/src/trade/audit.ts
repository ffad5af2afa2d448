/** One ledger alone: the chain holds, the replay says what the live books say, and every invariant stands. */

import { AssertionError } from "node:assert";
import { canonicalize, isProtocolError, type JournalRecord, type VerifyEngine } from "@gridmesh/protocol";
import { apply } from "./apply.ts";
import type { JournalDisk } from "./disk.ts";
import { nodeEngine } from "../gate/engine.ts";
import { breaches } from "./invariants.ts";
import { checkSigned } from "./signed.ts";
import { recoverJournal } from "./recovery.ts";
import { type DeskState, emptyState, summaryOf } from "./state.ts";
import { restoreState } from "./state-text.ts";

export interface DeskAudit {
  readonly agree: boolean;
  readonly records: number;
  readonly books: number;
  /** Booked lines. */
  readonly entries: number;
  /** A sentence each; empty when the ledger agrees. */
  readonly differences: readonly string[];
}

/** Audits one ledger: of a running desk, or in a journal folder that nobody writes to and that stays as it is. */
export function auditDesk(source: JournalDisk | { audit(): Promise<DeskAudit> }): Promise<DeskAudit> {
  return "audit" in source ? source.audit() : auditReplay(source, nodeEngine(), undefined);
}

/** Audits the folder behind live books: everything up to their last record must be on the disk already. */
export async function auditLive(
  disk: JournalDisk,
  live: DeskState,
  engine: VerifyEngine,
): Promise<DeskAudit> {
  return auditReplay(disk, engine, { lastSeq: live.lastSeq, meaning: meaningOf(live) });
}

async function auditReplay(
  disk: JournalDisk,
  engine: VerifyEngine,
  live: { readonly lastSeq: number; readonly meaning: string } | undefined,
): Promise<DeskAudit> {
  const state = emptyState();
  const differences: string[] = [];
  const tell = (record: JournalRecord) => {
    if (live === undefined || record.seq <= live.lastSeq) apply(state, record);
  };
  try {
    const restore = (lines: readonly string[]) => restoreState(state, lines);
    await recoverJournal(disk, { tell, restore, preferWhole: true, repair: false });
  } catch (error) {
    const expected = isProtocolError(error) || error instanceof AssertionError;
    if (!expected) throw error;
    differences.push(error.message);
  }
  differences.push(...breaches(state));
  if (live !== undefined && differences.length === 0 && meaningOf(state) !== live.meaning) {
    differences.push(`I11 the journal replayed to ${state.lastSeq} differs from the live books`);
  }
  differences.push(...(await checkSigned(state, engine)));
  let entries = 0;
  for (const book of state.books.values()) entries += book.entries;
  return {
    agree: differences.length === 0,
    records: state.lastSeq,
    books: state.books.size,
    entries,
    differences,
  };
}

/** Work under way in a journal folder that nobody writes to: what a change of keys would cut off. @throws JOURNAL_DAMAGED. */
export async function openWork(disk: JournalDisk): Promise<OpenWork> {
  const state = emptyState();
  await recoverJournal(disk, {
    tell: (record) => apply(state, record),
    restore: (lines) => restoreState(state, lines),
    repair: false,
  });
  const books = [...state.books.values()];
  return {
    orders: books.reduce((sum, book) => sum + book.open.size, 0),
    statements: state.unreceipted.size,
  };
}

interface OpenWork {
  readonly orders: number;
  /** Statements of imbalance that the operator has not receipted. */
  readonly statements: number;
}

/** Everything a state says, in one text: equal texts are equal ledgers. */
export function meaningOf(state: DeskState): string {
  const books = [...state.books.values()].map((book) => ({
    agentId: book.agentId,
    money: Object.fromEntries(book.money),
    energy: Object.fromEntries(book.energy),
    entries: book.entries,
    underWay: book.openPurchasesMilliWh,
    spent: book.spending.micro,
    orders: [...book.orders.values()].map((half) => ({
      ...summaryOf(half),
      heldMicro: half.heldMicro,
      measuredMilliWh: half.measuredMilliWh,
      documents: Object.keys(half.documents).toSorted(),
    })),
    forestalled: [...book.forestalled.keys()],
    imbalances: [...book.imbalances].map(([key, { receipt }]) => [key, receipt !== undefined]),
    energyRecords: [...book.energyRecords.keys()],
    partners: [...book.partners].map(([agentId, { peerId, settled, statements }]) => {
      return { agentId, peerId, settled, statements: statements.map(({ seq }) => seq) };
    }),
  }));
  const offers = [...state.offers.values()].map((offer) => ({ ...offer }));
  return canonicalize({ lastSeq: state.lastSeq, epoch: state.boot?.epoch ?? "", books, offers });
}

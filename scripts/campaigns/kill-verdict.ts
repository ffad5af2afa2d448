/** Two journals held against each other and against everything their callers were told. */

import { join } from "node:path";
import { auditDesk, folderDisk } from "@gridmesh/node";
import { isEndPair, type JournalRecord, orderKey } from "@gridmesh/protocol";
import { createHash } from "node:crypto";
import { apply } from "../../packages/node/src/trade/apply.ts";
import { recoverJournal } from "../../packages/node/src/trade/recovery.ts";
import { type DeskState, emptyState, type OrderHalf } from "../../packages/node/src/trade/state.ts";
import { type Acknowledged, readAcks } from "./kill-acks.ts";

export interface Verdict {
  /** Orders that were paid and settled on both sides. */
  readonly trades: number;
  readonly refused: number;
  /** Lines told to callers. */
  readonly acknowledged: number;
  /** Told, and not in the journal. */
  readonly lost: number;
  /** Effects that are in a journal more than once, or answered in two ways. */
  readonly twice: number;
  /** Orders that do not end alike on both sides. */
  readonly unpaired: number;
  /** Money and energy over both books, which must be 0 each. */
  readonly moneySum: number;
  readonly energySum: number;
  /** Orders whose buyer was without an answer when somebody was killed, and that ended. */
  readonly doubtsHealed: number;
  /** What the audits of the two folders found. */
  readonly differences: readonly string[];
}

type Kind = JournalRecord["kind"];

/** What must be in the journal of who told this; one of the kinds, once. */
const backing: Readonly<Record<Acknowledged, readonly (readonly Kind[])[]>> = {
  held: [["hold"]],
  // A delivery that comes before the answer proves the acceptance.
  committed: [["commit", "receive"]],
  released: [["release"]],
  closed: [["receive"], ["close"]],
  accepted: [["accept"]],
  rejected: [["reject"]],
  settled: [["deliver"], ["credit"]],
};

interface Ledger {
  readonly state: DeskState;
  /** Records by order key and kind. */
  readonly effects: ReadonlyMap<string, ReadonlyMap<Kind, readonly JournalRecord[]>>;
}

export async function judge(
  homes: { readonly buyer: string; readonly seller: string },
  killedAtMs: readonly number[],
): Promise<Verdict> {
  const [buyer, seller] = [await readLedger(homes.buyer), await readLedger(homes.seller)];
  const told = { lost: 0, acknowledged: 0, twice: 0 };
  for (const [home, ledger] of [[homes.buyer, buyer] as const, [homes.seller, seller] as const]) {
    await holdAgainst(home, ledger, told);
    told.twice += repeatsIn(ledger);
  }
  const audits = [];
  for (const home of [homes.buyer, homes.seller]) audits.push(await auditDesk(folderDisk(journalOf(home))));
  return {
    ...told,
    ...pairsOf(buyer.state, seller.state),
    ...sumsOf([buyer.state, seller.state]),
    doubtsHealed: doubtsIn(buyer, killedAtMs),
    differences: audits.flatMap((audit) => audit.differences),
  };
}

const journalOf = (home: string) => join(home, "journal");

async function readLedger(home: string): Promise<Ledger> {
  const state = emptyState();
  const effects = new Map<string, Map<Kind, JournalRecord[]>>();
  const tell = (record: JournalRecord) => {
    apply(state, record);
    const key = keyOf(record);
    if (key === undefined) return;
    const kinds = effects.get(key) ?? new Map<Kind, JournalRecord[]>();
    kinds.set(record.kind, [...(kinds.get(record.kind) ?? []), record]);
    effects.set(key, kinds);
  };
  await recoverJournal(folderDisk(journalOf(home)), { tell, repair: false });
  return { state, effects };
}

function keyOf(record: JournalRecord): string | undefined {
  if ("terms" in record) return orderKey(record.terms.buyer, record.terms.orderId);
  return "key" in record ? record.key : undefined;
}

async function holdAgainst(
  home: string,
  { state, effects }: Ledger,
  told: { lost: number; acknowledged: number; twice: number },
): Promise<void> {
  const byOrderId = new Map<string, OrderHalf>();
  for (const book of state.books.values()) {
    for (const half of book.orders.values()) byOrderId.set(half.terms.orderId, half);
  }
  for (const { what, orderId, hash } of await readAcks(join(home, "acknowledged"))) {
    told.acknowledged += 1;
    const half = byOrderId.get(orderId);
    const kinds = half === undefined ? undefined : effects.get(half.key);
    const isThere = backing[what].every((kinds_) => kinds_.some((kind) => kinds?.has(kind) === true));
    if (half === undefined || !isThere) told.lost += 1;
    else if (hash !== "" && hash !== hashOf(half)) told.twice += 1;
  }
}

function hashOf({ answer }: OrderHalf): string {
  return createHash("sha256")
    .update(answer?.body ?? "")
    .digest("hex");
}

function repeatsIn({ effects }: Ledger): number {
  let twice = 0;
  for (const kinds of effects.values()) {
    for (const [kind, records] of kinds) if (kind !== "evidence" && records.length > 1) twice += 1;
    if (kinds.has("accept") && kinds.has("reject")) twice += 1;
    if (kinds.has("evidence")) twice += 1;
  }
  return twice;
}

function pairsOf(buyer: DeskState, seller: DeskState) {
  const bought = halvesOf(buyer);
  const sold = halvesOf(seller);
  let trades = 0;
  let refused = 0;
  let unpaired = 0;
  for (const key of new Set([...bought.keys(), ...sold.keys()])) {
    const [one, other] = [bought.get(key), sold.get(key)];
    const isPair =
      one?.role === "buyer" &&
      other?.role === "seller" &&
      isEndPair(one.state as "CLOSED", other.state as "SETTLED") &&
      one.finalMilliWh === other.finalMilliWh &&
      one.finalAmountMicro === other.finalAmountMicro &&
      one.orderHash === other.orderHash;
    if (!isPair) unpaired += 1;
    else if (one.state === "CLOSED") trades += 1;
    else refused += 1;
  }
  return { trades, refused, unpaired };
}

function halvesOf(state: DeskState): ReadonlyMap<string, OrderHalf> {
  return new Map([...state.books.values()].flatMap((book) => [...book.orders]));
}

/** Both books over all accounts but their openings: what one gave is what the other got. */
function sumsOf(states: readonly DeskState[]) {
  let moneySum = 0;
  let energySum = 0;
  for (const book of states.flatMap((state) => [...state.books.values()])) {
    for (const [account, micro] of book.money) if (isBetweenBooks(account)) moneySum += micro;
    for (const [account, milliWh] of book.energy) if (isBetweenBooks(account)) energySum += milliWh;
  }
  return { moneySum, energySum };
}

function isBetweenBooks(account: string): boolean {
  return /^(?:paid|received|in|out)\//u.test(account);
}

function doubtsIn({ effects }: Ledger, killedAtMs: readonly number[]): number {
  let doubts = 0;
  for (const kinds of effects.values()) {
    const held = kinds.get("hold")?.[0]?.atMs;
    const ended = (kinds.get("commit") ?? kinds.get("release") ?? kinds.get("receive"))?.[0]?.atMs;
    if (held === undefined || ended === undefined) continue;
    if (killedAtMs.some((atMs) => held < atMs && atMs < ended)) doubts += 1;
  }
  return doubts;
}

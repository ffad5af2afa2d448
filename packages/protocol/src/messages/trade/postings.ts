/** The one table of bookings: what each record moves. The node writes by it and the audit recomputes by it. */

import type { JournalRecord, RecordOf } from "./records.ts";

/** One line of a double entry. */
export interface Posting {
  readonly unit: "money" | "energy";
  readonly account: string;
  /** Micro-currency or mWh; sources and sinks go negative. */
  readonly amount: number;
}

type Row<K extends JournalRecord["kind"]> = (record: RecordOf<K>) => readonly Posting[];

const nothing = () => [];

const table: { readonly [K in JournalRecord["kind"]]: Row<K> } = {
  boot: nothing,
  open: (r) => [
    ...money("opening", "available", r.moneyMicro),
    ...energy("opening", "available", r.energyMilliWh),
  ],
  succeed: nothing,
  offer: nothing,
  withdraw: nothing,
  hold: (r) => money("available", "held", r.terms.amountMicro + r.terms.buyerFeesMicro),
  release: (r) => money("held", "available", r.heldMicro),
  accept: (r) => energy("available", `committed/${r.terms.slotId}`, r.terms.quantityMilliWh),
  reject: nothing,
  commit: nothing,
  measure: nothing,
  dispute: nothing,
  cancel: nothing,
  forestall: nothing,
  void: (r) => energy(`committed/${r.slotId}`, "available", r.quantityMilliWh),
  deliver: (r) => [
    ...energy(`committed/${r.slotId}`, `out/${r.buyer}`, r.deliveredMilliWh),
    ...energy(`committed/${r.slotId}`, "available", r.quantityMilliWh - r.deliveredMilliWh),
  ],
  receive: (r) => [
    ...money("held", `paid/${r.seller}`, r.amountMicro),
    ...money("held", `fees/${r.area}`, r.feesMicro),
    ...money("held", "available", r.heldMicro - r.amountMicro - r.feesMicro),
    ...energy(`in/${r.seller}`, "available", r.finalMilliWh),
  ],
  credit: (r) => [
    ...money(`received/${r.buyer}`, "available", r.amountMicro - r.feesMicro),
    ...money(`received/${r.buyer}`, `fees/${r.area}`, r.feesMicro),
    ...energy(`out/${r.buyer}`, `imbalance/${r.slotId}`, r.deliveredMilliWh - r.finalMilliWh),
  ],
  close: nothing,
  evidence: nothing,
  produce: (r) => energy("produced", "available", r.quantityMilliWh),
  consume: (r) => energy("available", "consumed", r.quantityMilliWh),
  loss: (r) => energy("available", "loss", r.quantityMilliWh),
  imbalance: (r) => [
    ...money("available", "imbalance", r.amountMicro),
    ...energy(`imbalance/${r.slotId}`, "available", r.quantityMilliWh),
  ],
  imbalance_receipt: nothing,
  statement: nothing,
};

/**
 * Lines of this record in the book of its agent; they sum to 0 in each unit.
 * Money: `available held deposit/<area> paid/<peer> received/<peer> fees/<area> imbalance dr/<program> opening`.
 * Energy: `available committed/<slot> out/<peer> in/<peer> produced consumed loss imbalance/<slot> opening`.
 * A peer is an agent_id.
 */
export function postings(record: JournalRecord): readonly Posting[] {
  // Each row takes the record of its own key; the compiler cannot follow that through the lookup.
  const row = table[record.kind] as (record: JournalRecord) => readonly Posting[];
  return row(record);
}

function money(from: string, to: string, amount: number): readonly Posting[] {
  return move("money", { from, to, amount });
}

function energy(from: string, to: string, amount: number): readonly Posting[] {
  return move("energy", { from, to, amount });
}

function move(
  unit: Posting["unit"],
  { from, to, amount }: { readonly from: string; readonly to: string; readonly amount: number },
): readonly Posting[] {
  if (amount === 0) return [];
  return [
    { unit, account: from, amount: -amount },
    { unit, account: to, amount },
  ];
}

/** The one table of bookings: what each record moves. The node writes by it and the audit recomputes by it. */

import type { JournalRecord } from "./records.ts";

/** One line of a double entry. */
export interface Posting {
  readonly unit: "money" | "energy";
  readonly account: string;
  /** Micro-currency or mWh; sources and sinks go negative. */
  readonly amount: number;
}

/**
 * Lines of this record in the book of its agent; they sum to 0 in each unit.
 * Money: `available held deposit/<area> paid/<peer> received/<peer> fees/<area> imbalance dr/<program> opening`.
 * Energy: `available committed/<slot> out/<peer> in/<peer> produced consumed loss imbalance/<slot> opening`.
 * A peer is an agent_id.
 */
export function postings(record: JournalRecord): readonly Posting[] {
  switch (record.kind) {
    case "open":
      return [
        ...move("money", "opening", "available", record.moneyMicro),
        ...move("energy", "opening", "available", record.energyMilliWh),
      ];
    case "hold":
      return move("money", "available", "held", record.terms.amountMicro + record.terms.buyerFeesMicro);
    case "release":
      return move("money", "held", "available", record.heldMicro);
    case "accept":
      return move("energy", "available", `committed/${record.terms.slotId}`, record.terms.quantityMilliWh);
    case "void":
      return move("energy", `committed/${record.slotId}`, "available", record.quantityMilliWh);
    case "deliver":
      return [
        ...move("energy", `committed/${record.slotId}`, `out/${record.buyer}`, record.deliveredMilliWh),
        ...move(
          "energy",
          `committed/${record.slotId}`,
          "available",
          record.quantityMilliWh - record.deliveredMilliWh,
        ),
      ];
    case "receive":
      return [
        ...move("money", "held", `paid/${record.seller}`, record.amountMicro),
        ...move("money", "held", `fees/${record.area}`, record.feesMicro),
        ...move("money", "held", "available", record.heldMicro - record.amountMicro - record.feesMicro),
        ...move("energy", `in/${record.seller}`, "available", record.finalMilliWh),
      ];
    case "credit":
      return [
        ...move("money", `received/${record.buyer}`, "available", record.amountMicro - record.feesMicro),
        ...move("money", `received/${record.buyer}`, `fees/${record.area}`, record.feesMicro),
        ...move(
          "energy",
          `out/${record.buyer}`,
          `imbalance/${record.slotId}`,
          record.deliveredMilliWh - record.finalMilliWh,
        ),
      ];
    case "produce":
      return move("energy", "produced", "available", record.quantityMilliWh);
    case "consume":
      return move("energy", "available", "consumed", record.quantityMilliWh);
    case "loss":
      return move("energy", "available", "loss", record.quantityMilliWh);
    case "imbalance":
      return [
        ...move("money", "available", "imbalance", record.amountMicro),
        ...move("energy", `imbalance/${record.slotId}`, "available", record.quantityMilliWh),
      ];
    case "boot":
    case "offer":
    case "withdraw":
    case "reject":
    case "commit":
    case "close":
    case "evidence":
    case "imbalance_receipt":
      return [];
  }
}

function move(unit: Posting["unit"], from: string, to: string, amount: number): readonly Posting[] {
  if (amount === 0) return [];
  return [
    { unit, account: from, amount: -amount },
    { unit, account: to, amount },
  ];
}

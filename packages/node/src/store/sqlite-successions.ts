/** Handovers of keys, heard or promised, in the state of a home. */

import type { DatabaseSync } from "node:sqlite";
import type { StateStore, StoredSuccession } from "./types.ts";

type SuccessionTable = Pick<StateStore, "successions" | "saveSuccession" | "removeSuccession">;

/** @param write - runs all of it, or nothing, and names a failing disk */
export function successionTable(database: DatabaseSync, write: (act: () => void) => void): SuccessionTable {
  const forget = database.prepare("delete from succession where at_ms < ?");
  const select = database.prepare("select * from succession order by at_ms");
  const insert = database.prepare("insert or replace into succession values (?, ?, ?, ?, ?, ?, ?)");
  const remove = database.prepare("delete from succession where old_id = ?");
  return {
    successions(sinceMs) {
      write(() => void forget.run(Math.round(sinceMs)));
      return select.all().map((row): StoredSuccession => ({
        oldId: String(row["old_id"]),
        promised: row["promised"] === null ? undefined : String(row["promised"]),
        handover: (row["handover"] as Uint8Array | null) ?? undefined,
        rival: (row["rival"] as Uint8Array | null) ?? undefined,
        followed: Number(row["followed"]) === 1,
        told: Number(row["told"]) === 1,
        atMs: Number(row["at_ms"]),
      }));
    },
    saveSuccession({ oldId, promised, handover, rival, followed, told, atMs }) {
      const flags = [followed ? 1 : 0, told ? 1 : 0, Math.round(atMs)] as const;
      write(() => void insert.run(oldId, promised ?? null, handover ?? null, rival ?? null, ...flags));
    },
    removeSuccession: (oldId) => write(() => void remove.run(oldId)),
  };
}

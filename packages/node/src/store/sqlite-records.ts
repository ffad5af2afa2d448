/** The tables of the registry: records as hints for the next start, proofs of those that signed two things at once. */

import type { DatabaseSync } from "node:sqlite";
import type { StateStore, StoredEquivocation, StoredRecord } from "./types.ts";

type RecordTables = Pick<StateStore, "records" | "saveRecords" | "equivocations" | "saveEquivocation">;

/** @param write - runs all of it, or nothing, and names a failing disk */
export function recordTables(database: DatabaseSync, write: (act: () => void) => void): RecordTables {
  const forget = database.prepare("delete from record where saved_ms < ?");
  const select = database.prepare("select * from record order by saved_ms desc");
  const insert = database.prepare("insert or replace into record values (?, ?, ?)");
  const selectProofs = database.prepare("select * from equivocation order by at_ms");
  const insertProof = database.prepare("insert or ignore into equivocation values (?, ?, ?, ?, ?, ?, ?)");
  const dropProofs = database.prepare(
    "delete from equivocation where agent_id not in (select agent_id from equivocation order by at_ms desc limit ?)",
  );
  return {
    records(sinceMs) {
      write(() => void forget.run(sinceMs));
      return select.all().map((row): StoredRecord => ({
        agentId: String(row["agent_id"]),
        message: row["message"] as Uint8Array,
        savedMs: Number(row["saved_ms"]),
      }));
    },
    saveRecords: (records) =>
      write(() => {
        for (const { agentId, message, savedMs } of records) insert.run(agentId, message, savedMs);
      }),
    equivocations: () =>
      selectProofs.all().map((row): StoredEquivocation => ({
        agentId: String(row["agent_id"]),
        nodeId: String(row["node_id"]),
        confirmed: Number(row["confirmed"]) === 1,
        seq: Number(row["seq"]),
        first: row["first"] as Uint8Array,
        second: row["second"] as Uint8Array,
        atMs: Number(row["at_ms"]),
      })),
    saveEquivocation({ agentId, nodeId, confirmed, seq, first, second, atMs }, max) {
      write(() => {
        insertProof.run(agentId, nodeId, confirmed ? 1 : 0, seq, first, second, atMs);
        dropProofs.run(max);
      });
    },
  };
}

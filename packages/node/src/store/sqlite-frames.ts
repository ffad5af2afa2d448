/** The table of Beckn messages as they travelled; most nodes never read it, so its statements are made when needed. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { StateStore, StoredFrame } from "./types.ts";

type FrameTable = Pick<StateStore, "frames" | "saveFrames">;

export const FRAME_SCHEMA = `
  create table if not exists frame (
    id integer primary key, transaction_id text not null, at_ms integer not null, direction text not null,
    carrier text not null, peer_id text not null, header blob not null, body blob not null,
    reply_header blob, reply_body blob) strict;
  create index if not exists frame_transaction on frame (transaction_id);
`;

interface Statements {
  readonly insert: StatementSync;
  readonly select: StatementSync;
  readonly forgetOld: StatementSync;
  readonly forgetMost: StatementSync;
  readonly forgetFirst: StatementSync;
  /** Of the whole file, without what is free in it. */
  readonly bytes: StatementSync;
}

/** So many of the oldest go at once where there is no room … */
const FORGOTTEN_AT_ONCE = 250;
/** … and so often after each batch: far more than came with it. */
const MAX_ROUNDS = 64;

/** @param write - runs all of it, or nothing, and names a failing disk */
export function frameTable(database: DatabaseSync, write: (act: () => void) => void): FrameTable {
  let made: Statements | undefined;
  const statements = (): Statements =>
    (made ??= {
      insert: database.prepare(
        `insert into frame (transaction_id, at_ms, direction, carrier, peer_id, header, body, reply_header, reply_body)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ),
      select: database.prepare("select * from frame where transaction_id = ? order by id"),
      // Numbers grow with time: the first that is young enough ends the search.
      forgetOld: database.prepare(
        "delete from frame where id < coalesce((select min(id) from frame where at_ms >= ?), 0)",
      ),
      forgetMost: database.prepare("delete from frame where id <= (select max(id) from frame) - ?"),
      forgetFirst: database.prepare("delete from frame where id < (select min(id) from frame) + ?"),
      bytes: database.prepare(
        `select (pages.page_count - free.freelist_count) * size.page_size as bytes
         from pragma_page_count as pages, pragma_freelist_count as free, pragma_page_size as size`,
      ),
    });
  return {
    frames: (transactionId) => statements().select.all(transactionId).map(frameOf),
    saveFrames(batch, { sinceMs, max, maxBytes }) {
      const { insert, forgetOld, forgetMost, forgetFirst, bytes } = statements();
      write(() => {
        for (const { transactionId, atMs, direction, carrier, peerId, header, body, reply } of batch) {
          const answer = [reply?.header ?? null, reply?.body ?? null] as const;
          insert.run(transactionId, atMs, direction, carrier, peerId, header, body, ...answer);
        }
        forgetOld.run(sinceMs);
        forgetMost.run(max);
        for (let round = 0; round < MAX_ROUNDS && Number(bytes.get()?.["bytes"]) > maxBytes; round += 1) {
          if (forgetFirst.run(FORGOTTEN_AT_ONCE).changes === 0) break;
        }
      });
    },
  };
}

function frameOf(row: Record<string, unknown>): StoredFrame {
  const replyHeader = row["reply_header"] as Uint8Array | null;
  return {
    transactionId: String(row["transaction_id"]),
    atMs: Number(row["at_ms"]),
    direction: row["direction"] === "in" ? "in" : "out",
    carrier: row["carrier"] === "gossip" ? "gossip" : "stream",
    peerId: String(row["peer_id"]),
    header: row["header"] as Uint8Array,
    body: row["body"] as Uint8Array,
    reply: replyHeader === null ? undefined : { header: replyHeader, body: row["reply_body"] as Uint8Array },
  };
}

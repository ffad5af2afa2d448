/** The table of what was said of orders after they were made; its statements are made when needed. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { StateStore, StoredWord } from "./types.ts";

type WordTable = Pick<StateStore, "word" | "saveWord" | "ratingsGiven">;

export const WORD_SCHEMA = `
  create table if not exists order_word (
    agent_id text not null, order_key text not null, kind text not null, about text not null, value integer not null,
    header text not null, body text not null, at_ms integer not null,
    primary key (agent_id, order_key, kind)) strict;
  create index if not exists order_word_about on order_word (kind, agent_id, about);
`;

interface Statements {
  readonly select: StatementSync;
  readonly insert: StatementSync;
  readonly rated: StatementSync;
}

export function wordTable(database: DatabaseSync, write: (act: () => void) => void): WordTable {
  let made: Statements | undefined;
  const statements = (): Statements =>
    (made ??= {
      select: database.prepare("select * from order_word where agent_id = ? and order_key = ? and kind = ?"),
      insert: database.prepare("insert or replace into order_word values (?, ?, ?, ?, ?, ?, ?, ?)"),
      rated: database.prepare(
        `select count(*) as count, coalesce(sum(value), 0) as sum from order_word
         where kind = 'rated' and agent_id = ? and about = ?`,
      ),
    });
  return {
    word(agentId, orderKey, kind) {
      const row = statements().select.get(agentId, orderKey, kind);
      if (row === undefined) return undefined;
      const text = (name: string) => String(row[name]);
      const [value, atMs] = [Number(row["value"]), Number(row["at_ms"])];
      return {
        agentId,
        orderKey,
        kind,
        about: text("about"),
        value,
        header: text("header"),
        body: text("body"),
        atMs,
      };
    },
    saveWord: ({ agentId, orderKey, kind, about, value, header, body, atMs }: StoredWord) =>
      write(() => {
        statements().insert.run(agentId, orderKey, kind, about, value, header, body, atMs);
      }),
    ratingsGiven(agentId, about) {
      const row = statements().rated.get(agentId, about);
      return { count: Number(row?.["count"] ?? 0), sum: Number(row?.["sum"] ?? 0) };
    },
  };
}

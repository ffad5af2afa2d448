/** The tables of what was said of orders after they were made, and of choices before; their statements are made when needed. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { StateStore, StoredWord } from "./types.ts";

type WordTable = Pick<StateStore, "word" | "saveWord" | "ratingsGiven" | "choice" | "saveChoice">;

export const WORD_SCHEMA = `
  create table if not exists order_word (
    agent_id text not null, order_key text not null, kind text not null, about text not null, value integer not null,
    header text not null, body text not null, at_ms integer not null,
    primary key (agent_id, order_key, kind)) strict;
  create index if not exists order_word_about on order_word (kind, agent_id, about);
  create table if not exists choice (
    transaction_id text primary key, text text not null, at_ms integer not null) strict;
  create index if not exists choice_age on choice (at_ms);
`;

interface Statements {
  readonly select: StatementSync;
  readonly insert: StatementSync;
  readonly rated: StatementSync;
  readonly choice: StatementSync;
  readonly choose: StatementSync;
  readonly forget: StatementSync;
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
      choice: database.prepare("select * from choice where transaction_id = ?"),
      choose: database.prepare("insert or replace into choice values (?, ?, ?)"),
      forget: database.prepare("delete from choice where at_ms < ?"),
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
    choice(transactionId) {
      const row = statements().choice.get(transactionId);
      return row && { transactionId, text: String(row["text"]), atMs: Number(row["at_ms"]) };
    },
    saveChoice: ({ transactionId, text, atMs }, sinceMs) =>
      write(() => {
        statements().forget.run(sinceMs);
        statements().choose.run(transactionId, text, atMs);
      }),
    ratingsGiven(agentId, about) {
      const row = statements().rated.get(agentId, about);
      return { count: Number(row?.["count"] ?? 0), sum: Number(row?.["sum"] ?? 0) };
    },
  };
}

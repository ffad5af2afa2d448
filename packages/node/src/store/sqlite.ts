/** `<home>/state.sqlite`: one exclusive connection, which is also the lock of the home. */

import { chmodSync, closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type NonceRow, ProtocolError } from "@gridmesh/protocol";
import { FRAME_SCHEMA, frameTable } from "./sqlite-frames.ts";
import { recordTables } from "./sqlite-records.ts";
import { successionTable } from "./sqlite-successions.ts";
import { WORD_SCHEMA, wordTable } from "./sqlite-words.ts";
import type { StateStore, StoredBan, StoredOffence, StoredPeer } from "./types.ts";

const SQLITE_BUSY = 5;

const SCHEMA = `
  create table if not exists known_peer (
    peer_id text primary key, addresses text not null, first_seen_ms integer not null,
    last_seen_ms integer not null, uptime_ms integer not null, fails integer not null, source text not null) strict;
  create table if not exists ban (
    subject text primary key, code text not null, since_ms integer not null,
    until_ms integer not null, strikes integer not null,
    kind text not null default 'peer', by text not null default 'node') strict;
  create table if not exists offence (
    subject text primary key, code text not null, points real not null, at_ms integer not null) strict;
  create table if not exists nonce (
    sender_id text not null, nonce text not null, keep_until_s integer not null,
    primary key (sender_id, nonce)) strict, without rowid;
  create index if not exists nonce_age on nonce (keep_until_s);
  create table if not exists counter (name text primary key, value integer not null) strict;
  create table if not exists record (
    agent_id text primary key, message blob not null, saved_ms integer not null) strict;
  create index if not exists record_age on record (saved_ms);
  create table if not exists equivocation (
    agent_id text primary key, node_id text not null, confirmed integer not null, seq integer not null,
    first blob not null, second blob not null, at_ms integer not null) strict;
  create table if not exists succession (
    old_id text primary key, promised text, handover blob, rival blob,
    followed integer not null, told integer not null, at_ms integer not null) strict;
  create table if not exists child (
    pid integer primary key, start_time text not null, agent text not null) strict;
  create table if not exists agent (name text primary key, agent_id text not null) strict;
${FRAME_SCHEMA}${WORD_SCHEMA}`;

/**
 * Opens the state of a home and holds it until closed; the kernel frees the lock of a process that dies.
 * @throws ALREADY_RUNNING when another process holds it, DISK_FAILED when it cannot be opened.
 */
export function openStateStore(home: string): StateStore {
  const path = join(home, "state.sqlite");
  const database = openExclusive(path);
  const write = (act: () => void) => {
    try {
      act();
    } catch (error) {
      throw new ProtocolError("DISK_FAILED", "the state of the node cannot be written", { cause: error });
    }
  };
  return {
    ...peerTables(database, write),
    ...banTables(database, write),
    ...countingTables(database, write),
    ...childTable(database, write),
    ...successionTable(database, write),
    ...recordTables(database, (act) => write(() => together(database, act))),
    ...wordTable(database, write),
    ...frameTable(database, (act) => write(() => together(database, act))),
    close: () => database.close(),
  };
}

function openExclusive(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    closeSync(openSync(path, "a", 0o600));
    chmodSync(path, 0o600);
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec("pragma locking_mode = exclusive");
    // The first write transaction takes the lock, and exclusive mode never gives it back.
    database.exec("begin exclusive");
    database.exec("commit");
    database.exec("pragma journal_mode = wal; pragma synchronous = normal");
    database.exec(SCHEMA);
    addColumns(database);
    return database;
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) {
      throw new ProtocolError("ALREADY_RUNNING", `another process runs the home of ${path}`, {
        cause: error,
      });
    }
    throw new ProtocolError("DISK_FAILED", `${path} cannot be opened`, { cause: error });
  }
}

/** A home of an earlier release has bans without these. */
function addColumns(database: DatabaseSync): void {
  const columns = database.prepare("select name from pragma_table_info('ban')").all();
  const has = new Set(columns.map((row) => row["name"]));
  if (!has.has("kind")) database.exec("alter table ban add column kind text not null default 'peer'");
  if (!has.has("by")) database.exec("alter table ban add column by text not null default 'node'");
}

type PeerTables = Pick<StateStore, "peers" | "savePeers">;
type BanTables = Pick<StateStore, "bans" | "saveBan" | "removeBan" | "offences" | "saveOffences">;
type ChildTable = Pick<StateStore, "children" | "saveChild" | "removeChild">;
type CountingTables = Pick<StateStore, "nonces" | "saveNonces" | "nextSeq" | "agentId" | "rememberAgent">;

function peerTables(database: DatabaseSync, write: (act: () => void) => void): PeerTables {
  const selectPeers = database.prepare("select * from known_peer order by last_seen_ms desc");
  const insertPeer = database.prepare("insert or replace into known_peer values (?, ?, ?, ?, ?, ?, ?)");
  return {
    peers: () =>
      selectPeers.all().map((row): StoredPeer => ({
        peerId: String(row["peer_id"]),
        addresses: JSON.parse(String(row["addresses"])) as StoredPeer["addresses"],
        firstSeenMs: Number(row["first_seen_ms"]),
        lastSeenMs: Number(row["last_seen_ms"]),
        uptimeMs: Number(row["uptime_ms"]),
        fails: Number(row["fails"]),
        source: String(row["source"]),
      })),
    savePeers: (peers) =>
      write(() =>
        together(database, () => {
          database.exec("delete from known_peer");
          for (const { peerId, addresses, firstSeenMs, lastSeenMs, uptimeMs, fails, source } of peers) {
            const times = [firstSeenMs, lastSeenMs, Math.round(uptimeMs)];
            insertPeer.run(peerId, JSON.stringify(addresses), ...times, fails, source);
          }
        }),
      ),
  };
}

function banTables(database: DatabaseSync, write: (act: () => void) => void): BanTables {
  const selectBans = database.prepare("select * from ban order by since_ms");
  const insertBan = database.prepare(
    `insert or replace into ban (subject, kind, code, since_ms, until_ms, strikes, by)
     values (?, ?, ?, ?, ?, ?, ?)`,
  );
  const deleteBan = database.prepare("delete from ban where subject = ?");
  const forgetOffences = database.prepare("delete from offence where at_ms < ?");
  const selectOffences = database.prepare("select * from offence order by at_ms");
  const insertOffence = database.prepare("insert or replace into offence values (?, ?, ?, ?)");
  return {
    bans: () =>
      selectBans.all().map((row): StoredBan => ({
        subject: String(row["subject"]),
        kind: String(row["kind"]) as StoredBan["kind"],
        code: String(row["code"]),
        sinceMs: Number(row["since_ms"]),
        untilMs: Number(row["until_ms"]),
        strikes: Number(row["strikes"]),
        by: String(row["by"]),
      })),
    saveBan: ({ subject, kind, code, sinceMs, untilMs, strikes, by }) =>
      write(() => {
        insertBan.run(subject, kind, code, Math.round(sinceMs), Math.round(untilMs), strikes, by);
      }),
    removeBan: (subject) => write(() => deleteBan.run(subject)),
    offences(sinceMs) {
      write(() => forgetOffences.run(Math.round(sinceMs)));
      return selectOffences.all().map((row): StoredOffence => ({
        subject: String(row["subject"]),
        code: String(row["code"]),
        points: Number(row["points"]),
        atMs: Number(row["at_ms"]),
      }));
    },
    saveOffences: (batch) =>
      write(() =>
        together(database, () => {
          for (const { subject, code, points, atMs } of batch) {
            insertOffence.run(subject, code, points, Math.round(atMs));
          }
        }),
      ),
  };
}

function childTable(database: DatabaseSync, write: (act: () => void) => void): ChildTable {
  const select = database.prepare("select * from child order by pid");
  const insert = database.prepare("insert or replace into child values (?, ?, ?)");
  const remove = database.prepare("delete from child where pid = ?");
  return {
    children: () =>
      select.all().map((row) => ({
        pid: Number(row["pid"]),
        startTime: String(row["start_time"]),
        agent: String(row["agent"]),
      })),
    saveChild: ({ pid, startTime, agent }) =>
      write(() => {
        insert.run(pid, startTime, agent);
      }),
    removeChild: (pid) => write(() => remove.run(pid)),
  };
}

function countingTables(database: DatabaseSync, write: (act: () => void) => void): CountingTables {
  const selectNonces = database.prepare("select * from nonce where keep_until_s >= ? order by keep_until_s");
  const forgetNonces = database.prepare("delete from nonce where keep_until_s < ?");
  const insertNonce = database.prepare("insert or ignore into nonce values (?, ?, ?)");
  const count = database.prepare(
    "insert into counter values (?1, ?2) on conflict (name) do update set value = max(value + 1, ?2) returning value",
  );
  const selectAgent = database.prepare("select agent_id from agent where name = ?");
  const insertAgent = database.prepare("insert or replace into agent values (?, ?)");
  return {
    nonces(nowS) {
      write(() => forgetNonces.run(nowS));
      return selectNonces.all(nowS).map((row): NonceRow => ({
        senderId: String(row["sender_id"]),
        nonce: String(row["nonce"]),
        keepUntilS: Number(row["keep_until_s"]),
      }));
    },
    saveNonces: (batch) =>
      write(() =>
        together(database, () => {
          for (const { senderId, nonce, keepUntilS } of batch) insertNonce.run(senderId, nonce, keepUntilS);
        }),
      ),
    nextSeq(counter, atLeast = 1) {
      let value = 0;
      write(() => {
        value = Number(count.get(counter, atLeast)?.["value"]);
      });
      return value;
    },
    agentId(name) {
      const row = selectAgent.get(name);
      return row === undefined ? undefined : String(row["agent_id"]);
    },
    rememberAgent: (name, agentId) => write(() => insertAgent.run(name, agentId)),
  };
}

function together(database: DatabaseSync, act: () => void): void {
  database.exec("begin immediate");
  try {
    act();
    database.exec("commit");
  } catch (error) {
    database.exec("rollback");
    throw error;
  }
}

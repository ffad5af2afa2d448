/** The distributed registry: own agents, records heard, and the DHT as a pointer to who may know more. */

import { createHash } from "node:crypto";
import { type JsonObject, type JsonValue, ProtocolError, messageOf } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import { startDeadline } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Transport } from "../network/transport.ts";
import type { MethodCall } from "../route/forward.ts";
import { isObject } from "../route/rpc-lines.ts";
import type { RecordCache } from "./cache.ts";
import type { AgentRecord } from "./record.ts";
import type { AgentRow, Registry, RegistryQuery } from "./types.ts";
import { answers } from "./words.ts";

export interface RegistryOptions {
  readonly network: string;
  readonly peerId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly transport: Transport;
  readonly dht: boolean;
  readonly cache: RecordCache;
  /** Agents of this node, in order of registration. */
  readonly own: () => readonly AgentRow[];
  /** Calls a method of another node. */
  readonly call: (peerId: string, call: MethodCall, wait: Wait) => Promise<JsonValue>;
  /** Is the node still meeting its first peers, so that silence proves nothing? */
  readonly settling: () => boolean;
  /** Verifies a record as it came. @throws RECORD_INVALID and the codes of the ladder. */
  readonly open: (message: JsonObject) => AgentRecord;
}

export interface DistributedRegistry extends Registry {
  /** Takes a verified record and tells listeners. @throws as `RecordCache.take`. */
  take(record: AgentRecord): void;
  /** Asks a peer for the records of its agents. @throws the call's codes. */
  fetch(peerId: string, wait: FetchWait): Promise<void>;
  /** Tells listeners that own agents changed. */
  touch(): void;
}

type FetchWait = Wait & { readonly capability?: string | undefined };

/** How often a look-up that found nothing yet looks whether the node still meets its first peers. */
const SETTLING_TURN_MS = 100;

/** Where the DHT keeps who offers a word. */
export function capabilityKey(network: string, word: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(`gridmesh/${network}/cap/1\n${word}`).digest());
}

export function createRegistry(options: RegistryOptions): DistributedRegistry {
  const { cache } = options;
  const listeners = new Set<() => void>();
  let fetching = 0;
  const touch = () => {
    for (const fn of listeners) fn();
  };
  const onChange = (fn: () => void): Disposable => {
    listeners.add(fn);
    return { [Symbol.dispose]: () => listeners.delete(fn) };
  };
  const take = (record: AgentRecord) => {
    if (record.nodeId !== options.peerId && cache.take(record)) touch();
  };
  const ask = async (peerId: string, wait: FetchWait): Promise<JsonValue> => {
    const { capability, ...limits } = wait;
    const params = { signed: true, ...(capability === undefined ? {} : { capability }) };
    fetching += 1;
    try {
      return await options.call(peerId, { method: `${peerId}:node/list_agents`, params }, limits);
    } finally {
      fetching -= 1;
    }
  };
  const fetch = async (peerId: string, wait: FetchWait) => {
    const answer = await ask(peerId, wait);
    for (const message of recordsIn(answer)) {
      // Told on the control stream a moment ago: what was proven once need not be again.
      if (cache.holds(message)) continue;
      try {
        const record = options.open(message);
        if (record.nodeId !== peerId) throw new ProtocolError("RECORD_INVALID", "a record of another node");
        take(record);
      } catch (error) {
        const code = error instanceof ProtocolError ? error.code : "RECORD_INVALID";
        if (code !== "RECORD_OUTDATED") options.log.debug("registry.refused", code, { peer: peerId, code });
      }
    }
  };
  const known = () => [...options.own(), ...cache.rows()];

  return {
    take,
    fetch,
    touch,
    known,
    byId: (agentId) => options.own().find((row) => row.agentId === agentId) ?? cache.byId(agentId),
    find: (query) =>
      findRows(
        { options, fetch, known, onChange, settling: () => fetching > 0 || options.settling() },
        query,
      ),
    onChange,
  };
}

interface Search {
  readonly onChange: (fn: () => void) => Disposable;
  readonly settling: () => boolean;
  readonly options: RegistryOptions;
  readonly fetch: DistributedRegistry["fetch"];
  readonly known: () => readonly AgentRow[];
}

async function* findRows(search: Search, query: RegistryQuery): AsyncGenerator<AgentRow> {
  const { options } = search;
  const words = typeof query.capability === "string" ? [query.capability] : query.capability;
  const matches = (row: AgentRow) =>
    query.match === "all"
      ? words.every((word) => answers(row.capabilities, word))
      : words.some((word) => answers(row.capabilities, word));
  const limit = query.limit ?? 50;
  const seen = new Set<string>();
  const fresh = (rows: readonly AgentRow[]) =>
    byPresence(rows.filter((row) => !seen.has(row.agentId) && matches(row))).slice(0, limit - seen.size);

  const scope = query.scope ?? "network";
  const near = () => fresh(scope === "local" ? options.own() : search.known());
  for (const row of near()) {
    seen.add(row.agentId);
    yield row;
  }
  if (scope !== "network" || seen.size >= limit) return;
  using deadline = startDeadline(options.clock, query, nodeLimits.findTimeoutMs);
  for await (const _news of newsOf({ ...search, words, unlucky: () => seen.size === 0 }, deadline.signal)) {
    for (const row of near()) {
      seen.add(row.agentId);
      yield row;
    }
    if (seen.size >= limit) return;
  }
}

/** Turns at which more may be known: while the first peers are met, then as providers from the DHT answer. */
async function* newsOf(
  search: Search & { readonly words: readonly string[]; readonly unlucky: () => boolean },
  signal: AbortSignal,
): AsyncGenerator<void> {
  const { words, unlucky } = search;
  const { clock, dht } = search.options;
  while (unlucky() && search.settling() && !signal.aborted) {
    const { promise, resolve } = Promise.withResolvers<void>();
    using _listener = search.onChange(resolve);
    using _turn = clock.timer(SETTLING_TURN_MS, resolve);
    await promise;
    yield;
  }
  if (!dht) return;
  for await (const _peer of fetchProviders(search, words, signal)) yield;
}

function byPresence(rows: readonly AgentRow[]): readonly AgentRow[] {
  return rows.toSorted((one, other) => Number(one.presence !== "live") - Number(other.presence !== "live"));
}

/** Every word is looked up and every provider asked: choosing one word of many would lose matches silently. */
async function* fetchProviders(
  search: Search,
  words: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<string> {
  const { options } = search;
  const asked = new Set<string>([options.peerId]);
  const running = new Map<string, Promise<string>>();
  const fetchFrom = async (peerId: string): Promise<string> => {
    await search.fetch(peerId, { timeoutMs: nodeLimits.fetchTimeoutMs, signal }).catch(() => undefined);
    return peerId;
  };
  const next = async (): Promise<string> => {
    const peerId = await Promise.race(running.values());
    running.delete(peerId);
    return peerId;
  };
  for (const word of words) {
    for await (const peerId of providersOf(options, word, signal)) {
      if (asked.has(peerId)) continue;
      while (running.size >= nodeLimits.fetchesAtOnce) yield await next();
      asked.add(peerId);
      running.set(peerId, fetchFrom(peerId));
    }
  }
  while (running.size > 0) yield await next();
}

async function* providersOf(
  options: RegistryOptions,
  word: string,
  signal: AbortSignal,
): AsyncGenerator<string> {
  try {
    const wait = { timeoutMs: nodeLimits.findTimeoutMs, signal };
    for await (const hint of options.transport.providers(capabilityKey(options.network, word), wait)) {
      yield hint.peerId;
    }
  } catch (error) {
    // The DHT is one source of several: without it the search ends with what the others gave.
    options.log.debug("registry.dht", messageOf(error), { word });
  }
}

function recordsIn(answer: JsonValue): readonly JsonObject[] {
  if (!isObject(answer) || !Array.isArray(answer["agents"])) return [];
  return (answer["agents"] as readonly JsonValue[])
    .slice(0, nodeLimits.recordsPerNode)
    .flatMap((row) => (isObject(row) && isObject(row["record"]) ? [row["record"]] : []));
}

/** A call to whoever has a capability: the better of two drawn, then the next, within what may be repeated. */

import {
  errorTable,
  type ErrorCode,
  type JsonObject,
  type JsonValue,
  ProtocolError,
  toProtocolError,
} from "@gridmesh/protocol";
import type { Clock, Random, Wait } from "../clock.ts";
import { type Deadline, startDeadline, until } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import { isObject } from "../route/rpc-lines.ts";
import type { CallWait, CapabilityCall } from "../route/types.ts";
import { answers } from "../words.ts";
import { alternativesIn } from "./alternatives.ts";
import { Candidates } from "./candidates.ts";
import { createFailoverBudget } from "./failover-budget.ts";
import type { DistributedRegistry } from "./registry.ts";
import type { Standings } from "./standings.ts";
import type { AgentRow } from "./types.ts";

type TryResult = "answered" | "failed-over" | "failed";

export interface AnycastOptions {
  readonly registry: Pick<DistributedRegistry, "find" | "answering" | "byId" | "fetch" | "absent">;
  readonly clock: Clock;
  readonly random: Random;
  readonly standings: Standings;
  readonly call: (address: string, params: JsonValue, wait: CallWait) => Promise<JsonValue>;
  /** Makes sure there is a link. @throws PEER_NOT_FOUND, PEER_UNREACHABLE. */
  readonly reach: (nodeId: string, wait: Wait) => Promise<void>;
  /** Tools that change nothing when they are called twice, as the operator says. */
  readonly idempotentTools: ReadonlySet<string>;
  readonly onTry?: (result: TryResult) => void;
}

export interface Anycast {
  /** @throws NO_PROVIDER with `data.tried`; the error after which nothing may be repeated. */
  readonly call: CapabilityCall;
  /** One provider, to stay with. @throws NO_PROVIDER, CALL_CANCELLED. */
  resolve(capability: string, wait: Wait): Promise<AgentRow>;
}

/** Repeating these changes nothing, so they may be tried elsewhere even if they may have happened. */
const IDEMPOTENT =
  /^(?:.*\/list|resources\/read|prompts\/get|server\/discover|completion\/complete|GetTask|ListTasks)$/;

interface CapabilityRequest {
  readonly capability: string;
  readonly method: string;
  readonly params: JsonValue;
  readonly idempotent: boolean;
  /** For whom, and through whom. */
  readonly made: Pick<CallWait, "caller" | "via">;
}

interface Tried {
  readonly address: string;
  readonly code: ErrorCode;
}

export function createAnycast(options: AnycastOptions): Anycast {
  const budget = createFailoverBudget(options.clock);
  const mayFailOver = () => budget.failOver();
  const note = (result: TryResult) => options.onTry?.(result);
  return {
    async call(capability, { method, params }, wait) {
      using deadline = startDeadline(options.clock, wait, nodeLimits.callTimeoutMs);
      budget.call();
      const idempotent = isIdempotent(method, params, options.idempotentTools);
      const { caller, via } = wait;
      const call = { capability, method, params, idempotent, made: { caller, via } };
      await using search = new CandidateSearch(options, capability, deadline);
      try {
        return await callOne({ options, search, deadline, mayFailOver, note }, call);
      } catch (error) {
        note("failed");
        throw error;
      }
    },
    async resolve(capability, wait) {
      using deadline = startDeadline(options.clock, wait, nodeLimits.findTimeoutMs);
      await using search = new CandidateSearch(options, capability, deadline);
      const row = await search.next();
      if (row === undefined) throw exhausted(capability, []);
      return row;
    },
  };
}

interface Course {
  readonly options: AnycastOptions;
  readonly search: CandidateSearch;
  readonly deadline: Deadline;
  readonly mayFailOver: () => boolean;
  readonly note: (result: TryResult) => void;
}

async function callOne(course: Course, call: CapabilityRequest): Promise<JsonValue> {
  const { search, note } = course;
  const tried: Tried[] = [];
  let last: ProtocolError | undefined;
  for (;;) {
    const row = tried.length < nodeLimits.anycastTries ? await search.next() : undefined;
    if (row === undefined || (last !== undefined && !course.mayFailOver())) break;
    if (last !== undefined) note("failed-over");
    const outcome = await attempt(course, row, call);
    if ("result" in outcome) {
      note("answered");
      return outcome.result;
    }
    last = outcome.error;
    tried.push({ address: row.address, code: last.code });
    if (course.deadline.signal.aborted || !mayTryNext(last, call.idempotent)) throw last;
    search.learn(row, last);
  }
  throw verdictOn(call.capability, tried, last);
}

type Outcome = { readonly result: JsonValue } | { readonly error: ProtocolError };

/** The time that is left is shared by the tries that are; what cannot be repeated has all of it, once its node is reached. */
async function attempt(course: Course, row: AgentRow, call: CapabilityRequest): Promise<Outcome> {
  const { options, search, deadline } = course;
  const { signal } = deadline;
  const shareMs = Math.max(deadline.leftMs() / (search.left + 1), nodeLimits.anycastTryMs);
  const standing = options.standings.begin(row.agentId);
  const address = `${row.address}/${call.method}`;
  try {
    if (!call.idempotent && !row.local) {
      await until(options.reach(row.nodeId, { timeoutMs: shareMs, signal }), signal);
    }
    const timeoutMs = call.idempotent ? shareMs : deadline.leftMs();
    const result = await options.call(address, call.params, { ...call.made, timeoutMs, signal });
    standing.end();
    return { result };
  } catch (thrown) {
    const error = toProtocolError(thrown, "INTERNAL_ERROR");
    standing.end(error);
    return { error };
  }
}

/** Those known first; then those a refusal named; then whoever the network finds. */
class CandidateSearch implements AsyncDisposable {
  readonly #options: AnycastOptions;
  readonly #capability: string;
  readonly #deadline: Deadline;
  readonly #candidates: Candidates;
  /** Nodes a refusal named whose agents are not known yet. */
  #named: string[] = [];
  /** Agents a refusal named: what these name in turn is not followed. */
  readonly #hinted = new Set<string>();
  #network: AsyncIterator<AgentRow> | undefined;

  constructor(options: AnycastOptions, capability: string, deadline: Deadline) {
    this.#options = options;
    this.#capability = capability;
    this.#deadline = deadline;
    const { random, standings, clock, registry } = options;
    const known = registry.answering([capability]);
    this.#candidates = new Candidates(known, { random, standings, nowMs: clock.monotonicMs() });
  }

  /** Candidates that are known and not tried. */
  get left(): number {
    return this.#candidates.size;
  }

  async next(): Promise<AgentRow | undefined> {
    const row = this.#candidates.take();
    if (row !== undefined) return row;
    if (this.#named.length > 0) {
      await this.#askNamed();
      const named = this.#candidates.take();
      if (named !== undefined) return named;
    }
    this.#network ??= this.#find();
    try {
      return await this.#nextFound(this.#network);
    } catch (error) {
      // Nothing was called: that nobody was found in time leaves no doubt.
      if (error instanceof ProtocolError && error.code === "CALL_TIMEOUT") return undefined;
      throw error;
    }
  }

  async #nextFound(network: AsyncIterator<AgentRow>): Promise<AgentRow | undefined> {
    for (;;) {
      const found = await until(network.next(), this.#deadline.signal);
      if (found.done === true) return undefined;
      if (this.#candidates.add(found.value)) return this.#candidates.take();
    }
  }

  /** What the error of a candidate tells of it and of others. */
  learn(row: AgentRow, error: ProtocolError): void {
    const { registry } = this.#options;
    if (error.code === "AGENT_NOT_FOUND" && !row.local) registry.absent(row.agentId);
    if (this.#hinted.has(row.agentId)) return;
    for (const { agentId, nodeId } of alternativesIn(error)) {
      this.#hinted.add(agentId);
      const known = registry.byId(agentId);
      if (known === undefined) this.#named.push(nodeId);
      else this.#offer(known);
    }
  }

  #offer(row: AgentRow): void {
    if (answers(row.capabilities, this.#capability)) this.#candidates.add(row);
  }

  async #askNamed(): Promise<void> {
    const { registry } = this.#options;
    const { signal } = this.#deadline;
    const nodes = [...new Set(this.#named)];
    this.#named = [];
    const wait = { timeoutMs: nodeLimits.fetchTimeoutMs, signal, words: [this.#capability] };
    await until(Promise.allSettled(nodes.map((nodeId) => registry.fetch(nodeId, wait))), signal);
    for (const agentId of this.#hinted) {
      const row = registry.byId(agentId);
      if (row !== undefined) this.#offer(row);
    }
  }

  #find(): AsyncIterator<AgentRow> {
    const { registry } = this.#options;
    const { signal } = this.#deadline;
    const timeoutMs = Math.min(this.#deadline.leftMs(), nodeLimits.findTimeoutMs);
    const query = { capability: this.#capability, scope: "network", timeoutMs, signal } as const;
    return registry.find(query)[Symbol.asyncIterator]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A search nobody reads any more is not waited for.
    void this.#network?.return?.()?.catch(() => undefined);
    await Promise.resolve();
  }
}

function isIdempotent(method: string, params: JsonValue, tools: ReadonlySet<string>): boolean {
  if (IDEMPOTENT.test(method)) return true;
  const name = method === "tools/call" && isObject(params) ? params["name"] : undefined;
  return typeof name === "string" && tools.has(name);
}

function mayTryNext(error: ProtocolError, idempotent: boolean): boolean {
  if (error.code === "CALL_CANCELLED" || error.foreign !== undefined) return false;
  return !errorTable[error.code].executed || idempotent;
}

/** When all said the same of the call itself, that is the answer. */
function verdictOn(
  capability: string,
  tried: readonly Tried[],
  last: ProtocolError | undefined,
): ProtocolError {
  const own = last?.code === "METHOD_NOT_FOUND" || last?.code === "INVALID_PARAMS";
  if (own && tried.every(({ code }) => code === last.code)) return last;
  return exhausted(capability, tried, last);
}

function exhausted(capability: string, tried: readonly Tried[], cause?: ProtocolError): ProtocolError {
  const data: JsonObject = { tried: tried.map(({ address, code }) => ({ address, code })) };
  return new ProtocolError("NO_PROVIDER", `nobody reachable offers ${capability}`, { data, cause });
}

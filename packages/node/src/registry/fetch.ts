/** Asks a peer for the records of its agents, and for those it can name; nothing of an answer is believed unproven. */

import {
  canonicalBytes,
  type ErrorCode,
  type JsonObject,
  type JsonValue,
  ProtocolError,
  toProtocolError,
} from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { PeerHint } from "../network/transport.ts";
import type { MethodCall } from "../route/forward.ts";
import { isObject } from "../route/rpc-lines.ts";
import { answers } from "../words.ts";
import type { AbsentMemory } from "./absent.ts";
import type { RecordCache } from "./cache.ts";
import { type NamedAgent, othersIn } from "./others.ts";
import { type AgentRecord, hashOf } from "./record.ts";
import { SharedWork } from "./shared-work.ts";

export interface FetchOptions {
  readonly peerId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly cache: RecordCache;
  readonly absent: AbsentMemory;
  /** Calls a method of another node. */
  readonly call: (peerId: string, call: MethodCall, wait: Wait) => Promise<JsonValue>;
  /** Verifies a record as it came. @throws RECORD_INVALID and the codes of the ladder. */
  readonly open: (bytes: Uint8Array) => AgentRecord;
  /** What a peer's signed record of its addresses says. @throws RECORD_INVALID. */
  readonly openPeerRecord: (text: string) => Promise<PeerHint>;
  /** Is nobody to listen to this peer or agent? */
  readonly banned: (subject: string) => boolean;
  /** Counts what a peer told against it. */
  readonly offence: (peerId: string, code: ErrorCode) => void;
  /** @throws as `RecordCache.take`. */
  readonly take: (record: AgentRecord, confirmed: boolean, heardMs?: number) => void;
  /** Told where a peer may be reached. */
  readonly notice: (hint: PeerHint) => void;
  /** Told when an answer shows that agents went. */
  readonly onGone: () => void;
  /** Told when a fetch ended. */
  readonly onEnd: () => void;
}

/** Words: those somebody looks for; a single one is all that is asked for. Others: also those of other nodes. */
export type FetchWait = Wait & {
  readonly words?: readonly string[] | undefined;
  readonly others?: boolean;
};

/** So many records of an answer are verified before others have their turn. */
const VERIFIED_AT_ONCE = 16;
/** No honest relay passes these on: it verified the record before. */
const FORGED: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["MESSAGE_MALFORMED", "SIGNATURE_INVALID"]);

export class RecordFetcher {
  readonly #options: FetchOptions;
  readonly #shared = new SharedWork<readonly PeerHint[]>();
  #underWay = 0;

  constructor(options: FetchOptions) {
    this.#options = options;
  }

  /** Calls that were not answered yet. */
  get underWay(): number {
    return this.#underWay;
  }

  /**
   * Takes what a peer tells; equal questions at one time are one call.
   * @returns where the nodes of the others it named are, as far as it says
   * @throws the call's codes.
   */
  fetch(peerId: string, { signal, timeoutMs, ...asked }: FetchWait): Promise<readonly PeerHint[]> {
    const name = [peerId, asked.others === true, ...(asked.words ?? [])].join(" ");
    const work = (end: AbortSignal) => this.#fetch(peerId, { ...asked, timeoutMs, signal: end });
    return this.#shared.join(name, work, signal);
  }

  async #fetch(peerId: string, wait: FetchWait): Promise<readonly PeerHint[]> {
    const askedMs = this.#options.clock.nowMs();
    const answer = await this.#ask(peerId, wait);
    const present = await this.#takeOwn(peerId, recordsIn(answer));
    this.#noteAbsent({ peerId, words: wait.words, askedMs, present });
    return wait.others === true ? this.#takeOthers(peerId, wait.words ?? [], othersIn(answer)) : [];
  }

  async #ask(peerId: string, { words = [], others, ...limits }: FetchWait): Promise<JsonValue> {
    const [capability] = words;
    const params = {
      signed: true,
      ...(words.length === 1 && capability !== undefined ? { capability } : {}),
      ...(others === true ? { others } : {}),
    };
    this.#underWay += 1;
    try {
      const method = `${peerId}:node/list_agents`;
      return await this.#options.call(peerId, { method, params }, limits);
    } finally {
      this.#underWay -= 1;
      this.#options.onEnd();
    }
  }

  /** The words of each agent that is there, by agent_id. */
  async #takeOwn(
    peerId: string,
    told: readonly JsonObject[],
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const { log, offence, take } = this.#options;
    const present = new Map<string, readonly string[]>();
    for (const [at, message] of told.entries()) {
      // A full answer takes as long to verify as a thousand calls.
      if (at % VERIFIED_AT_ONCE === VERIFIED_AT_ONCE - 1)
        await new Promise((resolve) => setImmediate(resolve));
      try {
        const record = this.#proven(message);
        if (record.nodeId !== peerId) throw new ProtocolError("RECORD_INVALID", "a record of another node");
        present.set(record.agentId, record.words);
        take(record, true);
      } catch (error) {
        const { code } = toProtocolError(error, "RECORD_INVALID");
        if (code === "RECORD_OUTDATED") continue;
        log.debug("registry.refused", code, { peer: peerId, code });
        offence(peerId, code);
      }
    }
    return present;
  }

  /** Hearsay, from the time of its signing on: an answer that is older makes nobody younger. */
  async #takeOthers(
    peerId: string,
    words: readonly string[],
    named: readonly NamedAgent[],
  ): Promise<readonly PeerHint[]> {
    const { log, offence, take, notice } = this.#options;
    const hints: PeerHint[] = [];
    for (const { record: message, peerRecord } of named) {
      try {
        const record = this.#proven(message);
        if (!this.#isWanted(record, words)) continue;
        const hint = peerRecord === undefined ? undefined : await this.#hintOf(record.nodeId, peerRecord);
        // Whoever is told of the agent may call it at once.
        if (hint !== undefined) {
          notice(hint);
          hints.push(hint);
        }
        take(record, false, record.validUntil * 1_000 - record.lifeMs);
      } catch (error) {
        const { code } = toProtocolError(error, "RECORD_INVALID");
        if (code === "RECORD_OUTDATED") continue;
        log.debug("registry.refused", code, { peer: peerId, code });
        if (FORGED.has(code)) offence(peerId, code);
      }
    }
    return hints;
  }

  /** Does it answer, of a node that did not say itself that it has none such? */
  #isWanted({ nodeId, words: offered }: AgentRecord, words: readonly string[]): boolean {
    const { peerId, banned, absent } = this.#options;
    if (nodeId === peerId || banned(nodeId)) return false;
    return words.some((word) => answers(offered, word) && !absent.knows(nodeId, word));
  }

  async #hintOf(nodeId: string, text: string): Promise<PeerHint | undefined> {
    try {
      const hint = await this.#options.openPeerRecord(text);
      return hint.peerId === nodeId ? hint : undefined;
    } catch {
      // The DHT may know where it is.
      return undefined;
    }
  }

  /** Told on the control stream or by gossip a moment ago: what was proven once need not be again. */
  #proven(message: JsonObject): AgentRecord {
    const { cache, open, banned } = this.#options;
    const bytes = canonicalBytes(message);
    const { agent_id: agentId } = message;
    const known = typeof agentId === "string" ? cache.record(agentId) : undefined;
    const record = known !== undefined && known.hash === hashOf(bytes) ? known : open(bytes);
    if (banned(record.agentId)) throw new ProtocolError("PEER_BANNED", "the agent's key is banned");
    return record;
  }

  /** What an answer did not name is not there: words nobody answers, agents that should have been among them. */
  #noteAbsent(asked: {
    readonly peerId: string;
    readonly words: readonly string[] | undefined;
    readonly askedMs: number;
    readonly present: ReadonlyMap<string, readonly string[]>;
  }): void {
    const { cache, absent, onGone } = this.#options;
    const { peerId, words = [], askedMs, present } = asked;
    for (const word of words) {
      if (![...present.values()].some((one) => answers(one, word))) absent.note(peerId, word);
    }
    const [only] = words;
    const complete = words.length === 1 && only !== undefined ? only : undefined;
    if (cache.onlyThese({ nodeId: peerId, word: complete, present, askedMs })) onGone();
  }
}

function recordsIn(answer: JsonValue): readonly JsonObject[] {
  if (!isObject(answer) || !Array.isArray(answer["agents"])) return [];
  return (answer["agents"] as readonly JsonValue[])
    .slice(0, nodeLimits.recordsPerNode)
    .flatMap((row) => (isObject(row) && isObject(row["record"]) ? [row["record"]] : []));
}

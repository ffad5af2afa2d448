/** A registry and its ear on gossip without a network: what it asks is answered as a test says. */

import { canonicalBytes, type JsonObject, type JsonValue } from "@gridmesh/protocol";
import { createBans } from "../src/gate/admit.ts";
import { nodeEngine } from "../src/gate/engine.ts";
import { createGossipGate } from "../src/gate/gossip.ts";
import { silentLog } from "../src/log.ts";
import type { PeerHint } from "../src/network/transport.ts";
import { createRecordCache } from "../src/registry/cache.ts";
import { createEquivocations } from "../src/registry/equivocations.ts";
import { recordTopic } from "../src/registry/heard.ts";
import { openRecord } from "../src/registry/record.ts";
import { createRegistry } from "../src/registry/registry.ts";
import { memoryStore } from "../src/store/memory.ts";
import { manualClock } from "../src/testing/index.ts";
import { keyOf, messageOf, NET, type RecordChange } from "./registry-rig.ts";

export interface EarOptions {
  /** Peers that are linked and greeted. */
  readonly greeted?: readonly string[];
  /** Answers a question; default what `answerWith` was told last. */
  readonly answer?: (peerId: string, params: JsonObject) => Promise<JsonValue>;
  /** Where the nodes that answers name are, by the text that stands for their record. */
  readonly hints?: Readonly<Record<string, PeerHint>>;
}

export function ear({ greeted = [], answer: answerTo, hints = {} }: EarOptions = {}) {
  const clock = manualClock();
  const nowS = () => Math.floor(clock.nowMs() / 1_000);
  const engine = nodeEngine();
  const bans = createBans(memoryStore(), clock);
  const cache = createRecordCache({
    clock,
    linksHeard: () => new Map(greeted.map((peerId) => [peerId, clock.nowMs()])),
  });
  const equivocations = createEquivocations(clock);
  const open = (bytes: Uint8Array) => openRecord(bytes, { network: NET, engine, nowS: nowS() });
  const asked: string[] = [];
  const noticed: PeerHint[] = [];
  let answer: JsonValue = { agents: [] };
  const registry = createRegistry({
    network: NET,
    peerId: keyOf("me").peerId,
    clock,
    log: silentLog(),
    transport: { links: () => greeted.map((peerId) => ({ peerId })) } as never,
    dht: false,
    cache,
    equivocations,
    own: () => [],
    call(peerId, { params }) {
      asked.push(peerId);
      return answerTo?.(peerId, params as JsonObject) ?? Promise.resolve(answer);
    },
    greeted: () => greeted,
    peerRecord: () => undefined,
    openPeerRecord(text) {
      const hint = hints[text];
      return hint === undefined ? Promise.reject(new Error("no record")) : Promise.resolve(hint);
    },
    settling: () => false,
    open,
    banned: (subject) => bans.banned(subject),
    offence: (peerId, code) => void bans.offence(peerId, code),
    cost: () => 0,
    notice: (hint) => noticed.push(hint),
    remembered: (word) => (word === "old" ? [keyOf(1_000).peerId] : []),
  });
  const gate = createGossipGate({ clock, log: silentLog(), bans, load: () => undefined });
  const known = (agentId: string) => registry.record(agentId);
  const take = registry.take.bind(registry);
  const topic = recordTopic({ network: NET, engine, clock, known, take: (record) => take(record, false) });
  const validate = gate.validator(topic);
  const relay = keyOf("relay").peerId;
  const refused: Record<string, number> = {};
  /** The verdict and, when it was refused, the code. */
  const hear = async (message: JsonObject | Uint8Array): Promise<string> => {
    const bytes = message instanceof Uint8Array ? message : canonicalBytes(message);
    const verdict = await validate(relay, bytes);
    const code = Object.keys(gate.refused).find((one) => gate.refused[one] !== (refused[one] ?? 0));
    Object.assign(refused, gate.refused);
    return code === undefined ? verdict : `${verdict} ${code}`;
  };
  const made = (change: RecordChange = {}) => messageOf({ nowS: nowS(), ...change });
  const answerWith = (next: JsonValue) => {
    answer = next;
  };
  const told = { asked, noticed, answerWith, hear, made, open, relay };
  return { clock, nowS, bans, cache, registry, equivocations, ...told };
}

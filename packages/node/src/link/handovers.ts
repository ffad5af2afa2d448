/** Handovers on their way: own ones told after each hello and once to all, others' taken wherever they come from. */

import {
  canonicalBytes,
  type Continuity,
  isProtocolError,
  type JsonObject,
  type KeyContinuity,
  openContinuity,
  parseCanonical,
  ProtocolError,
  type SealedMessage,
  type VerifyEngine,
} from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { Handover } from "../identity-chain.ts";
import type { GossipPurpose, GossipTopic } from "../gate/gossip.ts";
import type { Log } from "../log.ts";
import type { Transport } from "../network/transport.ts";
import type { LinkExchange } from "./exchange.ts";
import type { Successions } from "./successions.ts";

const TYPE = "key_continuity";
const MARK = Buffer.from(`"type":"${TYPE}"`);
/** The first version that knows the message. */
const BEFORE = "1.0";
const PASSED_KEPT = 1_024;

export interface HandoverOptions {
  readonly exchange: Pick<LinkExchange, "handle" | "pass" | "session">;
  readonly transport: Pick<Transport, "publish">;
  readonly successions: Successions;
  /** Own handovers as they were signed, oldest first. */
  readonly own: readonly Handover[];
  readonly topic: string;
  readonly log: Log;
}

export interface HandoverTeller extends Disposable {
  /** A hello with this peer is over: tells it every own handover. */
  greet(peerId: string): void;
  /** Somebody listens: tells all what was not told to all yet. */
  publish(): void;
}

export function startHandovers(options: HandoverOptions): HandoverTeller {
  const { exchange, transport, successions, own, topic, log } = options;
  const hearing = exchange.handle("control", TYPE, ({ message }) => {
    successions.take(provenHandover(message as JsonObject));
    return Promise.resolve(undefined);
  });
  const failed = (error: unknown) => {
    if (!isProtocolError(error)) throw error;
    log.debug("succession.untold", error.message, { code: error.code });
  };
  const publishing = new Set<Handover>();
  return {
    greet(peerId) {
      if (exchange.session(peerId).agreement?.selected_version === BEFORE) return;
      for (const handover of own)
        void exchange.pass(peerId, handover as unknown as SealedMessage, {}).catch(failed);
    },
    publish() {
      for (const handover of own) {
        const { old_id: oldId } = handover;
        if (publishing.has(handover) || successions.isTold(oldId)) continue;
        publishing.add(handover);
        transport
          .publish(topic, canonicalBytes(handover))
          .then(({ recipients }) => {
            if (recipients > 0) successions.markTold(oldId);
          })
          .catch(failed)
          .finally(() => publishing.delete(handover));
      }
    },
    [Symbol.dispose]: () => hearing[Symbol.dispose](),
  };
}

/** A handover that came over gossip; it goes by the name of the key that comes, for its rate and its bans. */
export interface HeardHandover {
  readonly signerId: string;
  readonly handover: Continuity;
}

export interface HandoverTopicOptions {
  readonly network: string;
  readonly engine: VerifyEngine;
  readonly clock: Clock;
  readonly successions: Successions;
}

/** The topic of records with handovers on it. */
export function withHandovers<Proven extends { readonly signerId: string }>(
  records: GossipTopic<Proven>,
  { network, engine, clock, successions }: HandoverTopicOptions,
): GossipTopic<Proven | HeardHandover> {
  /** Whoever was told over a link before still passes a handover on, but once. */
  const passed = new Set<string>();
  const purpose: GossipPurpose = records.purpose;
  return {
    purpose,
    open(data, admit) {
      const message = handoverIn(data);
      if (message === undefined) return records.open(data, admit);
      const { new_id: newId } = message;
      if (typeof newId !== "string") throw new ProtocolError("SCHEMA_INVALID", "key_continuity: new_id");
      if (passed.has(keyOf(message))) throw outdated("it was passed on before");
      admit(newId);
      const nowS = Math.floor(clock.nowMs() / 1_000);
      return { signerId: newId, handover: openContinuity(message, { network, engine, nowS }) };
    },
    take(proven, from) {
      if (!isHandover(proven)) return records.take(proven, from);
      const { handover } = proven;
      const taken = successions.take(handover);
      // Nobody's fault who passes it on: it depends on what one has seen before.
      if (taken === "refused") throw outdated("it is not to be followed");
      passed.add(keyOf(handover.message));
      const [oldest] = passed;
      if (passed.size > PASSED_KEPT && oldest !== undefined) passed.delete(oldest);
    },
  };
}

function isHandover(proven: { readonly signerId: string }): proven is HeardHandover {
  return "handover" in proven;
}

/** The message, if its type says so; read before any signature is. */
function handoverIn(data: Uint8Array): JsonObject | undefined {
  if (!Buffer.from(data.buffer, data.byteOffset, data.length).includes(MARK)) return undefined;
  const message = parseCanonical(data);
  if (typeof message !== "object" || message === null || Array.isArray(message)) return undefined;
  const object = message as JsonObject;
  return object["type"] === TYPE ? object : undefined;
}

/** Two handovers of one key to one other say the same, whenever they were signed. */
function keyOf(message: JsonObject): string {
  const { old_id: oldId, new_id: newId } = message;
  return JSON.stringify([oldId, newId]);
}

/** A message whose two signatures held before. */
export function provenHandover(message: JsonObject): Continuity {
  return { ...(message as unknown as KeyContinuity & { readonly old_id: string }), message };
}

function outdated(why: string): ProtocolError {
  return new ProtocolError("RECORD_OUTDATED", `a handover: ${why}`);
}

/**
 * The ladder of a gossip message, the same for every topic: size, form and times, rate, signature, meaning. A relay is
 * blamed only for what every correct relay would have refused.
 */

import { type ErrorCode, limits, ProtocolError, toProtocolError, verdictOf } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { WritePriority } from "../network/stream-types.ts";
import type { Verdict } from "../network/transport.ts";
import type { Bans } from "./admit.ts";
import { type SignerRate, SignerRates } from "./signer-rates.ts";

/** What one purpose of gossip allows. */
export interface GossipPurpose extends SignerRate {
  readonly maxBytes: number;
  readonly priority: WritePriority;
}

/** By purpose, the second last part of a topic's name or its last. Two at once: changes sent apart may arrive together. */
export const gossipPurposes = {
  search: {
    maxBytes: limits.gossipBytes,
    perSecond: limits.searchesPerSecond,
    burst: limits.searchesPerSecond,
    priority: "high",
  },
  capability: {
    maxBytes: limits.capabilityGossipBytes,
    perSecond: 1 / limits.advertisementGapS,
    burst: 2,
    priority: "low",
  },
  "task-offer": { maxBytes: 8 * 1024, perSecond: 1, burst: 2, priority: "normal" },
  forecast: { maxBytes: limits.gossipBytes, perSecond: 0.1, burst: 2, priority: "low" },
  grid: { maxBytes: 8 * 1024, perSecond: 4, burst: 4, priority: "high" },
  market: { maxBytes: 16 * 1024, perSecond: 5, burst: 5, priority: "high" },
} as const satisfies Readonly<Record<string, GossipPurpose>>;

/** How one topic is read; each step throws a ProtocolError, whose code decides the verdict. */
export interface GossipTopic<Proven extends { readonly signerId: string }> {
  readonly purpose: GossipPurpose;
  /** As the gate's own, and in its place: for a topic that counts more than that. */
  readonly onVerdict?: GossipGateOptions["onVerdict"];
  /**
   * Reads and proves. Must call `admit` once the signer is named and before its signature is checked: forgers then
   * neither cost a verification too many nor use up another's rate.
   */
  open(data: Uint8Array, admit: (signerId: string) => void): Proven;
  /** What it means here: own history first, effects last. @throws EQUIVOCATION, RECORD_OUTDATED … */
  take(proven: Proven, from: string): void;
}

type GossipValidator = (from: string, data: Uint8Array) => Promise<Verdict>;

export interface GossipGate {
  /** A validator that never throws and answers within 100 ms. */
  validator<Proven extends { readonly signerId: string }>(topic: GossipTopic<Proven>): GossipValidator;
  /** Messages not accepted, by code. */
  readonly refused: Readonly<Record<string, number>>;
}

export interface GossipGateOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly bans: Bans;
  /** Told of each message: its bytes, and the code of the error unless it was accepted. */
  readonly onVerdict?: ((bytes: number, code: ErrorCode | undefined) => void) | undefined;
  /** Counts a message towards what the whole node takes. @throws OVERLOADED. */
  readonly load: (priority: WritePriority) => void;
}

export function createGossipGate(options: GossipGateOptions): GossipGate {
  const { clock, log, bans } = options;
  const refused: Record<string, number> = {};
  const refuse = (error: ProtocolError, from: string): Verdict => {
    const { code } = error;
    refused[code] = (refused[code] ?? 0) + 1;
    const verdict = verdictFor(error);
    log.debug("gossip.refused", `${code}: ${error.message}`, { peer: from, code, verdict });
    if (verdict === "reject") bans.offence(from, code);
    return verdict;
  };
  return {
    refused,
    validator(topic) {
      const rates = new SignerRates(topic.purpose);
      const climb = (from: string, data: Uint8Array): void => {
        if (data.length > topic.purpose.maxBytes) {
          throw new ProtocolError("FRAME_TOO_LARGE", `${data.length} bytes of gossip`);
        }
        let named: string | undefined;
        const proven = topic.open(data, (signerId) => {
          named = signerId;
          bans.check(signerId);
          rates.check(signerId, clock.monotonicMs());
          options.load(topic.purpose.priority);
        });
        try {
          // One that the topic did not name before was not looked up either.
          if (named !== proven.signerId) bans.check(proven.signerId);
          rates.take(proven.signerId, clock.monotonicMs());
          topic.take(proven, from);
        } catch (error) {
          // Who signed two contents is banned; the peer it names as its node has not signed them.
          const { code } = toProtocolError(error, "INTERNAL_ERROR");
          if (code === "EQUIVOCATION" && !bans.banned(proven.signerId)) bans.ban(proven.signerId, code);
          throw error;
        }
      };
      const queue = new GossipQueue(clock);
      const onVerdict = topic.onVerdict ?? options.onVerdict;
      return async (from, data) => {
        try {
          await queue.run(() => climb(from, data));
          onVerdict?.(data.length, undefined);
          return "accept";
        } catch (error) {
          const known = toProtocolError(error, "INTERNAL_ERROR");
          onVerdict?.(data.length, known.code);
          return refuse(known, from);
        }
      };
    },
  };
}

/** Early and late depend on whose clock is right: such an error says so, and no relay is to blame. */
function verdictFor(error: ProtocolError): Verdict {
  return error.data?.["window"] === undefined ? verdictOf(error.code) : "ignore";
}

interface Waiting {
  /** What the topic had worked when it came. */
  readonly sinceMs: number;
  readonly work: () => void;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * No message takes longer to judge. What the clock says beyond it went to others: a busy machine, code that runs for the
 * first time. A burst that waits for them is not dropped: what is dropped here never comes again.
 */
const WORK_MS = 2;
/** So long one topic may hold the event loop before others have their turn. */
const TURN_MS = 8;

/** Messages of one topic in order of arrival; more than fit drop the oldest. */
class GossipQueue {
  readonly #clock: Clock;
  readonly #waiting: Waiting[] = [];
  #open = false;
  #turnEndsMs = 0;
  /** Time spent on messages: a stalled event loop is not this topic's load, nor is a machine that others keep busy. */
  #workedMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  run(work: () => void): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ sinceMs: this.#workedMs, work, done, failed });
      if (this.#waiting.length > nodeLimits.gossipQueue) {
        this.#waiting.shift()?.failed(new ProtocolError("QUEUE_FULL", "the topic's queue is full"));
      }
      if (!this.#open) this.#begin();
      // Whatever arrives in this turn of the event loop shares its time.
      this.#workOn();
    });
  }

  #begin(): void {
    this.#open = true;
    this.#turnEndsMs = this.#clock.monotonicMs() + TURN_MS;
    setImmediate(() => {
      this.#open = false;
      if (this.#waiting.length === 0) return;
      this.#begin();
      this.#workOn();
    });
  }

  #workOn(): void {
    while (this.#waiting.length > 0 && this.#clock.monotonicMs() < this.#turnEndsMs) {
      const next = this.#waiting.shift();
      if (next !== undefined) this.#work(next);
    }
  }

  #work({ sinceMs, work, done, failed }: Waiting): void {
    const startMs = this.#clock.monotonicMs();
    try {
      if (this.#workedMs - sinceMs > nodeLimits.gossipAnswerMs) {
        throw new ProtocolError("OVERLOADED", "it waited too long for its turn");
      }
      work();
      done();
    } catch (error) {
      failed(error);
    }
    this.#workedMs += Math.min(WORK_MS, this.#clock.monotonicMs() - startMs);
  }
}

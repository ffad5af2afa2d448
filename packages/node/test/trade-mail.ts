/** Carries sealed messages between desks over queues in virtual time, and loses, doubles and delays them. */

import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { canonicalBytes, isProtocolError, openEnvelope, ProtocolError, seal } from "@gridmesh/protocol";
import type { Clock, Random } from "../src/clock.ts";
import { nodeEngine } from "../src/gate/engine.ts";
import type { Identity } from "../src/identity.ts";
import type { Link } from "../src/network/transport.ts";
import type { Received, SignedExchange } from "../src/signed-exchange.ts";

export const NETWORK = "desk-test";
export const START_MS = 1_800_000_000_000;

/** xorshift32: enough chance for tests, and the seed alone repeats a run. */
export function seededRandom(seed: number): Random {
  let state = seed * 2_654_435_761 + 1 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let warm = 0; warm < 8; warm += 1) next();
  return {
    bytes: (length) => Uint8Array.from({ length }, () => next() & 255),
    below: (bound) => next() % bound,
  };
}

interface Timer {
  readonly atMs: number;
  readonly fn: () => void;
  isOver: boolean;
}

export class VirtualClock implements Clock {
  #nowMs = START_MS;
  /** The next one last; of the same moment the oldest. */
  readonly #timers: Timer[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - START_MS;
  }

  timer(ms: number, fn: () => void): Disposable {
    const timer = { atMs: this.#nowMs + ms, fn, isOver: false };
    let [from, to] = [0, this.#timers.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#timers[middle]?.atMs ?? 0) > timer.atMs) from = middle + 1;
      else to = middle;
    }
    this.#timers.splice(from, 0, timer);
    return {
      [Symbol.dispose]() {
        timer.isOver = true;
      },
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.timer(ms, resolve));
  }

  /** Runs timers in order until `ms` have passed, letting promises settle in between. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      while (this.#timers.at(-1)?.isOver === true) this.#timers.pop();
      const next = this.#timers.at(-1);
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.pop();
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fn();
    }
    this.#nowMs = untilMs;
    await settle();
  }
}

export async function settle(): Promise<void> {
  for (let count = 0; count < 4; count += 1) await turn();
}

export interface MailFaults {
  lossPercent: number;
  duplicatePercent: number;
  maxDelayMs: number;
}

type Handler = Parameters<SignedExchange["handle"]>[2];

/** Carries sealed bytes between desks, and loses them. */
export class Mail {
  readonly faults: MailFaults = { lossPercent: 0, duplicatePercent: 0, maxDelayMs: 0 };
  readonly down = new Set<string>();
  /** Everything that left a node, in order. */
  readonly sent: { readonly from: string; readonly to: string; readonly bytes: Uint8Array }[] = [];
  /** Seen by every message on its way; may change its bytes. */
  tamper: ((bytes: Uint8Array) => Uint8Array) | undefined;
  readonly #ports: { readonly clock: Clock; readonly random: Random };
  readonly #handlers = new Map<string, Handler>();
  readonly #waiting = new Map<string, (answer: Received | ProtocolError) => void>();
  readonly #nonces = new Set<string>();
  readonly #engine = nodeEngine();

  constructor(ports: { readonly clock: Clock; readonly random: Random }) {
    this.#ports = ports;
  }

  exchangeOf(peerId: string): SignedExchange {
    const seal_ = (draft: Parameters<SignedExchange["tell"]>[2], signer: Identity["signer"]) => {
      const { clock, random } = this.#ports;
      return seal(draft, { network: NETWORK, signer, nowS: Math.floor(clock.nowMs() / 1000), random });
    };
    return {
      handle: (_protocol, type, on) => {
        const key = `${peerId} ${type}`;
        this.#handlers.set(key, on);
        return { [Symbol.dispose]: () => void this.#handlers.delete(key) };
      },
      request: async (...[to, _protocol, draft, { signer, timeoutMs }]) => {
        const message = seal_(draft, signer);
        const { promise, resolve } = Promise.withResolvers<Received | ProtocolError>();
        this.#waiting.set(message.message_id, resolve);
        const timer = this.#ports.clock.timer(timeoutMs ?? 5_000, () =>
          resolve(new ProtocolError("CALL_TIMEOUT", "no answer")),
        );
        this.#post(peerId, to, canonicalBytes(message));
        const answer = await promise;
        timer[Symbol.dispose]();
        this.#waiting.delete(message.message_id);
        if (answer instanceof ProtocolError) throw answer;
        return answer;
      },
      tell: async (...[to, _protocol, draft, { signer }]) =>
        this.#post(peerId, to, canonicalBytes(seal_(draft, signer))),
    };
  }

  /** Delivers the same bytes again, as an eavesdropper would. */
  replay(index: number): void {
    const letter = this.sent[index];
    assert(letter !== undefined);
    void this.#deliver(letter.from, letter.to, letter.bytes);
  }

  forgetNonces(): void {
    this.#nonces.clear();
  }

  #post(from: string, to: string, bytes: Uint8Array): void {
    if (this.down.has(to) || this.down.has(from)) throw new ProtocolError("PEER_UNREACHABLE", to);
    this.sent.push({ from, to, bytes });
    const { random, clock } = this.#ports;
    const copies = random.below(100) < this.faults.duplicatePercent ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (random.below(100) < this.faults.lossPercent) continue;
      const delayMs = this.faults.maxDelayMs === 0 ? 0 : random.below(this.faults.maxDelayMs);
      clock.timer(delayMs, () => void this.#deliver(from, to, this.tamper?.(bytes) ?? bytes));
    }
  }

  async #deliver(from: string, to: string, bytes: Uint8Array): Promise<void> {
    if (this.down.has(to)) return;
    let opened;
    try {
      opened = openEnvelope(bytes, {
        network: NETWORK,
        engine: this.#engine,
        nowS: Math.floor(this.#ports.clock.nowMs() / 1000),
        isMine: () => true,
        nonceSeen: (signer, nonce) => this.#nonces.has(`${to} ${signer} ${nonce}`),
      });
    } catch (error) {
      assert(isProtocolError(error), String(error));
      return;
    }
    this.#nonces.add(`${to} ${opened.signerId} ${opened.nonce}`);
    const { type, message, messageId, signerId } = opened;
    const received: Received = { type, message, body: message, messageId, signerId, from: linkTo(from) };
    const repliedTo = message["in_reply_to"];
    if (typeof repliedTo === "string") {
      const error = message["error_code"];
      const waiting = this.#waiting.get(repliedTo);
      waiting?.(typeof error === "string" ? new ProtocolError(error as "ORDER_STATE", "told") : received);
      return;
    }
    await this.#handle(received, to);
  }

  async #handle(received: Received, at: string): Promise<void> {
    const on = this.#handlers.get(`${at} ${received.type}`);
    if (on === undefined) return;
    const back = received.from.peerId;
    try {
      const reply = await on(received);
      if (reply === undefined || this.down.has(at)) return;
      const { draft, signer } = reply;
      const { clock, random } = this.#ports;
      const message = seal(
        { ...draft, in_reply_to: received.messageId },
        { network: NETWORK, signer, nowS: Math.floor(clock.nowMs() / 1000), random },
      );
      this.#post(at, back, canonicalBytes(message));
    } catch (error) {
      assert(isProtocolError(error), String(error instanceof Error ? error.stack : error));
      this.#waiting.get(received.messageId)?.(error);
    }
  }
}

function linkTo(peerId: string): Link {
  return { peerId, address: "", inbound: true, relayed: false, openedAtMs: 0, lastByteMs: 0 };
}

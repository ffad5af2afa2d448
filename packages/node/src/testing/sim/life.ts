/** One run of a node, from its start to the crash: when it ends, none of its timers, syncs and answers ever comes. */

import type { ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../../clock.ts";
import type { Received, SignedExchange } from "../../signed-exchange.ts";
import type { DeskContext } from "../../trade/context.ts";
import type { TradeDesk } from "../../trade/types.ts";
import type { World } from "./world.ts";

type Handler = Parameters<SignedExchange["handle"]>[2];

/** Wall time of virtual time 0; a slot begins here. */
export const START_MS = 1_800_000_000_000;

export class Life {
  alive = true;
  readonly clock: Clock;
  readonly handlers = new Map<string, Handler>();
  /** By the id of the question. */
  readonly waiting = new Map<string, (answer: Received | ProtocolError) => void>();
  /** Messages the gate let through; a crash forgets them. */
  readonly seen = new Set<string>();
  /** Quantities the seller promised to keep for a transaction, in this life. */
  readonly promised = new Map<string, { readonly quantityMilliWh: number; readonly untilMs: number }>();
  linked: (peerId: string) => void = () => {};
  desk: TradeDesk | undefined;
  context: DeskContext | undefined;

  constructor(world: World, skewMs: number) {
    this.clock = this.#clockOf(world, skewMs);
  }

  #clockOf(world: World, skewMs: number): Clock {
    const timer = (ms: number, fn: () => void): Disposable => {
      const event = world.after(ms, () => {
        if (this.alive) fn();
      });
      return {
        [Symbol.dispose]() {
          event.cancelled = true;
        },
      };
    };
    return {
      nowMs: () => Math.floor(START_MS + world.nowMs + skewMs),
      monotonicMs: () => world.nowMs,
      timer,
      sleep: (ms) => new Promise((resolve) => void timer(ms, resolve)),
    };
  }
}

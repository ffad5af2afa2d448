/** The other process of a bench: started with this runtime and the same conditions, told to end by a hang-up. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { NodeOptions } from "../packages/node/src/index.ts";

/** What the product allows a peer, 100 a second, would be the figure: both ends of a bench agree on more. */
export const openRates: NonNullable<NodeOptions["messageRates"]> = {
  perSecond: 100_000,
  burst: 1_000_000,
  peakPerSecond: 1_000_000,
  peakBurst: 1_000_000,
};

/** Signing without a bound that a bench would meet. */
export const openPolicy = { maxOrderMicro: 10 ** 9, spendPerHourMicro: 10 ** 12, maxOpenOrders: 1_000 };

export interface Peer<Facts> extends AsyncDisposable {
  readonly facts: Facts;
  /** Sends one message and takes the next answer. */
  ask(message: string): Promise<unknown>;
}

/** Starts `file` beside this one and waits for the facts it sends once it is ready. */
export async function startPeer<Facts>(file: string, ...words: readonly string[]): Promise<Peer<Facts>> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), words, {
    execArgv: ["--conditions=gridmesh-source"],
  });
  const facts = (await answerOf(child)) as Facts;
  return {
    facts,
    async ask(message) {
      const answer = answerOf(child);
      child.send(message);
      return answer;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, "exit");
      child.disconnect();
      await exit;
    },
  };
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const onExit = (code: number | null) => reject(new Error(`the other process ended with ${String(code)}`));
  child.once("message", resolve);
  child.once("exit", onExit);
  try {
    return await promise;
  } finally {
    child.off("message", resolve);
    child.off("exit", onExit);
  }
}

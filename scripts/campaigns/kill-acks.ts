/** What the callers of a trading node were told: a line each, written before anything else is done, kept by the system. */

import { openSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** `hold`, `conclude` and `decide` that resolved, and orders told to be over. */
export type Acknowledged = "held" | "committed" | "released" | "closed" | "accepted" | "rejected" | "settled";

export interface Ack {
  readonly what: Acknowledged;
  readonly orderId: string;
  /** The answer's hash, where bytes were answered. */
  readonly hash?: string;
}

/** Appends to a file of the process's own; a kill −9 right behind it takes nothing back. */
export function ackWriter(path: string): (ack: Ack) => void {
  const file = openSync(path, "a");
  return ({ what, orderId, hash = "" }) => void writeSync(file, `${what} ${orderId} ${hash}\n`);
}

export async function readAcks(path: string): Promise<readonly Ack[]> {
  const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const [what = "", orderId = "", hash = ""] = line.split(" ");
    return { what: what as Acknowledged, orderId, hash };
  });
}

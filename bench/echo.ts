/** What is sent and must come back: about 350 bytes as a call, as an intent of the market is. */

import assert from "node:assert/strict";

/** Sends number `n` and takes the same back, or fails. */
export type Echo = (n: number, lane: number) => Promise<void>;

export interface Said {
  readonly n: number;
  readonly [key: string]: number | string | Readonly<Record<string, string | number>>;
}

export function said(n: number): Said {
  return {
    n,
    context: { domain: "energy", action: "search", transaction_id: "0198c2ab-5f1e-7c3d-9a40-6d5e8f7b1c2a" },
    intent: { energyWh: 3_200, area: "north", text: "y".repeat(60) },
  };
}

/** @throws when it is not what was said */
export function checkEcho(heard: unknown, n: number): void {
  // The whole is compared now and then: comparing it always would be half of what is measured.
  if (n % 64 === 1) assert.deepEqual(heard, said(n));
  else assert.equal((heard as Partial<Said> | null)?.n, n);
}

/** Handovers by whoever has both keys, for tests of successions. */

import { signContinuity } from "@gridmesh/protocol";
import { systemRandom } from "../src/clock.ts";
import type { Identity } from "../src/identity.ts";
import type { Handover } from "../src/identity-chain.ts";
import { NETWORK } from "./node-fixture.ts";

export interface HandoverChange {
  readonly seq?: number;
  readonly nextKeyHash?: string;
  readonly reason?: "compromise";
  /** Seconds after its signing. */
  readonly inS?: number;
  readonly subject?: "agent";
}

export function signedHandover(
  from: Identity,
  to: Identity,
  { nowS, inS = 0, ...change }: HandoverChange & { readonly nowS: number },
): Handover {
  const usual = { network: NETWORK, subject: "node", seq: 1, reason: "routine" } as const;
  const signers = { oldSigner: from.signer, newSigner: to.signer, random: systemRandom() };
  const message = signContinuity({
    ...usual,
    ...signers,
    nextKeyHash: undefined,
    ...change,
    nowS,
    notBeforeS: nowS + inS,
  });
  return message as unknown as Handover;
}

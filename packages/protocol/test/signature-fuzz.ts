/** Signatures, honest and not, on which every engine must say the same. */

import assert from "node:assert/strict";
import type { Signer, VerifyEngine } from "@gridmesh/protocol";
import { signerOf } from "./keys.ts";
import { type Chance, chanceOf } from "./mutations.ts";

interface Case {
  readonly signature: Uint8Array;
  readonly message: Uint8Array;
  readonly publicKey: Uint8Array;
}

export interface SignatureFuzz {
  readonly cases: number;
  readonly seed: number;
  /** The first one's verdict is compared with each other one's. */
  readonly engines: readonly VerifyEngine[];
}

/** One case in five is honest, the others are spoilt in one of these ways. */
const spoilers: readonly ((it: Case, chance: Chance) => Case)[] = [
  (it) => it,
  (it, chance) => ({ ...it, signature: withBitTurned(it.signature, chance) }),
  (it, chance) => ({ ...it, publicKey: withBitTurned(it.publicKey, chance) }),
  (it, chance) => ({ ...it, signature: it.signature.subarray(0, chance(64)) }),
  (it, chance) => ({ ...it, message: withBitTurned(Uint8Array.from([...it.message, 0]), chance) }),
];

/** Counts what held and where the engines disagreed; a dishonest signature that holds ends the run. */
export function fuzzSignatures({ cases, seed, engines }: SignatureFuzz): {
  readonly held: number;
  readonly disagreed: number;
} {
  const chance = chanceOf(seed);
  let held = 0;
  let disagreed = 0;
  for (let i = 0; i < cases; i++) {
    const spoil = spoilers[i % spoilers.length];
    assert.ok(spoil);
    const { signature, message, publicKey } = spoil(honest(signerOf(chance(256)), chance), chance);
    const [first, ...others] = engines.map((engine) => engine(signature, message, publicKey));
    if (others.some((verdict) => verdict !== first)) disagreed += 1;
    if (first === true) held += 1;
    assert.equal(first, i % spoilers.length === 0, `case ${i} of seed ${seed}`);
  }
  return { held, disagreed };
}

function honest(signer: Signer, chance: Chance): Case {
  const message = Uint8Array.from({ length: chance(200) }, () => chance(256));
  return { signature: signer.sign(message), message, publicKey: signer.publicKey };
}

function withBitTurned(bytes: Uint8Array, chance: Chance): Uint8Array {
  const at = chance(bytes.length);
  return bytes.with(at, (bytes[at] ?? 0) ^ (1 << chance(8)));
}

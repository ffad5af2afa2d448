/**
 * The strict signature rule under both engines: fuzzed signatures, S + L, and keys of mixed order.
 *
 *   npm run campaign:signatures -- [--cases 10000] [--seed 1]
 */

import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { nobleEngine } from "@gridmesh/protocol";
import { nodeEngine } from "../../packages/node/src/gate/engine.ts";
import { signerOf } from "../../packages/protocol/test/keys.ts";
import { mixedOrderCase, withOrderAdded } from "../../packages/protocol/test/mixed-order.ts";
import { fuzzSignatures } from "../../packages/protocol/test/signature-fuzz.ts";

const { values } = parseArgs({
  options: { cases: { type: "string", default: "10000" }, seed: { type: "string", default: "1" } },
});
const [cases, seed] = [Number(values.cases), Number(values.seed)];
const engine = nodeEngine();

const fuzzed = fuzzSignatures({ cases, seed, engines: [engine, nobleEngine] });
console.log(`seed ${seed}`);
console.log(`fuzzed signatures   ${cases}, ${fuzzed.held} held, ${fuzzed.disagreed} disagreements`);

let refused = 0;
for (let i = 0; i < 1_000; i++) {
  const signer = signerOf(i);
  const message = new TextEncoder().encode(`message ${seed} ${i}`);
  const changed = withOrderAdded(signer.sign(message));
  assert.ok(changed);
  const verdicts = [engine, nobleEngine].map((one) => one(changed, message, signer.publicKey));
  if (verdicts.every((verdict) => !verdict)) refused += 1;
}
console.log(`S + L               1,000, ${refused} refused by both`);

let agreed = 0;
for (let i = 0; i < 1_000; i++) {
  const it = mixedOrderCase(seed * 1_000 + i, "key");
  const verdicts = [engine, nobleEngine].map((one) => one(it.signature, it.message, it.publicKey));
  if (verdicts.every((verdict) => verdict === it.holds)) agreed += 1;
}
console.log(`keys of mixed order 1,000, ${agreed} as the equation decides`);
process.exitCode = fuzzed.disagreed === 0 && refused === 1_000 && agreed === 1_000 ? 0 : 1;

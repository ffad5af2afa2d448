/**
 * Spoilt input for every reader of what others wrote, blind or led by the code it reaches.
 *
 *   npm run campaign:parsers -- [--runs 100000] [--seed 1] [--only frame]        blind, so many for each
 *   npm run campaign:parsers -- --guided 600 [--seed 1] [--only config]          so many seconds for each
 *   … --save                                            adds what led somewhere new to scripts/fuzz/corpus
 */

import { appendFileSync, mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { loadCodecs } from "@gridmesh/protocol";
import { fuzzBlind, fuzzGuided } from "../fuzz/run.ts";
import { corpusFile, targetsWith } from "../fuzz/targets.ts";

const SLOWEST_MS = 50;
/** Few and small: what is kept is read in every test. */
const SAVED = 24;
const SAVED_BYTES = 400;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    guided: { type: "string" },
    only: { type: "string" },
    save: { type: "boolean", default: false },
  },
});
const seed = Number(values.seed);
const codecs = await loadCodecs(["cbor", "protobuf"]);
const targets = targetsWith(codecs).filter(({ name }) => values.only === undefined || name === values.only);
console.log(`seed ${seed}, ${targets.length} readers`);
let slow = 0;
for (const target of targets) {
  const startedMs = performance.now();
  const { runs, codes, slowestMs, kept } =
    values.guided === undefined
      ? await fuzzBlind(target, { runs: Number(values.runs), seed })
      : await fuzzGuided(target, { seconds: Number(values.guided), seed });
  const seconds = (performance.now() - startedMs) / 1_000;
  if (values.save) {
    const known = new Set(target.samples);
    const fresh = kept.filter((input) => !known.has(input) && input.length <= SAVED_BYTES).slice(0, SAVED);
    mkdirSync(new URL(".", corpusFile(target)), { recursive: true });
    if (fresh.length > 0)
      appendFileSync(
        corpusFile(target),
        fresh.map((input) => `${Buffer.from(input).toString("base64")}\n`).join(""),
      );
  }
  if (slowestMs > SLOWEST_MS) slow += 1;
  const told = [...codes].toSorted((a, b) => b[1] - a[1]).map(([code, count]) => `${code} ${count}`);
  console.log(
    `${target.name.padEnd(13)} ${runs} inputs, ${Math.round(runs / seconds)}/s, ${kept.length} kept, slowest ${slowestMs.toFixed(1)} ms, 0 uncaught`,
  );
  console.log(`              ${told.join(", ")}`);
}
process.exitCode = slow === 0 && targets.length > 0 ? 0 : 1;

/**
 * Beckn in both revisions: arbitrary messages against the published documents, and read back as written.
 *
 *   npm run campaign:beckn -- [--runs 10000] [--seed 1] [--profile beckn/2]
 */

import { parseArgs } from "node:util";
import type { BecknProfile } from "@gridmesh/protocol";
import { runEmission, runRoundTrip } from "../../packages/protocol/test/beckn-campaign.ts";
import { absent } from "../../packages/protocol/test/beckn-documents.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    profile: { type: "string" },
  },
});
const run = { numRuns: Number(values.runs), seed: Number(values.seed) };
const profiles = (["beckn/1", "beckn/2"] satisfies BecknProfile[]).filter(
  (profile) => values.profile === undefined || values.profile === profile,
);

console.log(`seed ${run.seed}, ${run.numRuns} messages per revision`);
for (const profile of profiles) {
  const startedMs = performance.now();
  const read = runRoundTrip(profile, run);
  console.log(`${profile}  read back as written        ${read} messages, ${secondsSince(startedMs)} s`);
  if (absent !== false) {
    console.log(absent);
    continue;
  }
  const validatingMs = performance.now();
  const { messages, actions, packs } = runEmission(profile, run);
  console.log(
    `${profile}  valid by the document       ${messages} messages, ${actions} actions, ${packs} packs, ${secondsSince(validatingMs)} s`,
  );
}

function secondsSince(startedMs: number): string {
  return ((performance.now() - startedMs) / 1_000).toFixed(1);
}

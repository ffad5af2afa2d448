/** Everything we write against the published documents of both revisions, formats on. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BecknProfile } from "@gridmesh/protocol";
import { runEmission, runRoundTrip } from "./beckn-campaign.ts";
import { absent } from "./beckn-documents.ts";

const profiles: readonly BecknProfile[] = ["beckn/1", "beckn/2"];

describe("what is written is valid by the published documents", { skip: absent }, () => {
  for (const profile of profiles) {
    test(`${profile}: every message of every action, and every pack in it`, () => {
      const { messages, actions, packs } = runEmission(profile, { numRuns: 400 });
      assert.equal(messages, 400);
      assert.equal(actions, profile === "beckn/1" ? 20 : 22);
      assert.equal(packs, profile === "beckn/1" ? 0 : 7);
    });
  }
});

for (const profile of profiles) {
  test(`${profile}: any message of any action is read back as it was written`, () => {
    assert.equal(runRoundTrip(profile, { numRuns: 1_000 }), 1_000);
  });
}

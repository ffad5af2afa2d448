import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalBytes, seal, signBinding } from "@gridmesh/protocol";
import { nodeEngine } from "../../src/gate/engine.ts";
import { createRecordCache } from "../../src/registry/cache.ts";
import { openRecord } from "../../src/registry/record.ts";
import { manualClock, seededRandom } from "../../src/testing/index.ts";
import { failsWith, keyOf, NET, recordOf } from "../registry-rig.ts";

test("an advertisement of version 1.0 that is signed twice within a second is no lie, one with a number is", () => {
  const clock = manualClock();
  const nowS = Math.floor(clock.nowMs() / 1_000);
  const cache = createRecordCache({ clock, linksHeard: () => new Map() });
  const { signer } = keyOf(1);
  const { peerId } = keyOf(1_000);
  const binding = signBinding({ network: NET, peerId, name: "old", notAfterS: nowS + 1_000, signer });
  const random = seededRandom(1);
  const signed = () => {
    const draft = { type: "capability_advertisement", recipient_id: "*", capabilities: {} };
    const message = seal(draft, { network: NET, signer, binding, nowS, random, version: "1.0" });
    return openRecord(canonicalBytes(message), { network: NET, engine: nodeEngine(), nowS });
  };
  assert.equal(cache.take(signed()), true);
  failsWith("RECORD_OUTDATED", () => cache.take(signed()));
  const numbered = (load: number) => recordOf({ agent: 2, nowS, seq: 7, load }).record;
  assert.equal(cache.take(numbered(0.1)), true);
  failsWith("EQUIVOCATION", () => cache.take(numbered(0.2)));
});

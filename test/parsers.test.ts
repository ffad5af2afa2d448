/** A short form of the campaign over every reader of what others wrote. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { loadCodecs } from "@gridmesh/protocol";
import { fuzzBlind, fuzzGuided } from "../scripts/fuzz/run.ts";
import { type Target, targetsWith } from "../scripts/fuzz/targets.ts";

const targets = targetsWith(await loadCodecs(["cbor", "protobuf"]));

for (const target of targets) {
  test(`2,000 spoilt inputs of the ${target.name} reader give values and errors of the table`, async () => {
    for (const sample of target.samples)
      await fuzzBlind({ ...target, samples: [sample] }, { runs: 1, seed: 1 });
    const { runs, codes } = await fuzzBlind(target, { runs: 2_000, seed: 1 });
    const counted = [...codes.values()].reduce((sum, count) => sum + count, 0);
    assert.equal(counted, runs);
    assert.ok((codes.get("taken") ?? 0) > 0, "some are read to the end");
  });
}

test("what throws something else, or lets go of a bug, ends the run with its input", async () => {
  const bad: Target = {
    name: "bad",
    samples: [Buffer.from("ab")],
    read(bytes) {
      if (bytes.includes(0x63)) throw new RangeError("too much");
    },
  };
  await assert.rejects(fuzzBlind(bad, { runs: 20_000, seed: 3 }), /bad: .*too much/su);
});

test("inputs that reach code no other reached are kept", { timeout: 60_000 }, async () => {
  const rpc = targets.find(({ name }) => name === "rpc line");
  assert.ok(rpc);
  const one = { ...rpc, samples: rpc.samples.slice(0, 1) };
  const { kept } = await fuzzGuided(one, { seconds: 30, seed: 1, most: 400 });
  assert.ok(kept.length > 3, `${kept.length} kept`);
});

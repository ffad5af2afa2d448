/**
 * Mutated frames of real messages through every reader and the whole ladder, then gzip bombs: nothing but a message or
 * a code of the table comes out, and no memory is lost to a bomb.
 *
 *   npm run campaign:frames -- [--frames 1000000] [--seed 1]
 */

import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { parseArgs } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { canonicalize, decodeBody, limits, loadCodecs, openMessage, wireFormOf } from "@gridmesh/protocol";
import { nodeEngine } from "../../packages/node/src/gate/engine.ts";
import { allMessages, anyMessage, assertOfTable } from "../../packages/protocol/test/mutations.ts";
import { NETWORK } from "../../packages/protocol/test/vectors.ts";

const BOMBS = 100;
const BOMB_BYTES = 200 * 1024 * 1024;
const MAY_GROW_MB = 32;

const { values } = parseArgs({
  options: { frames: { type: "string", default: "1000000" }, seed: { type: "string", default: "1" } },
});
const [frames, seed] = [Number(values.frames), Number(values.seed)];
const codecs = await loadCodecs(["cbor", "protobuf"]);
const form = wireFormOf(["cbor", "protobuf", "compression"], "task", codecs);
const inflate = (bytes: Uint8Array, maxOutputLength: number) => gunzipSync(bytes, { maxOutputLength });
const options = { form, maxBytes: limits.taskFrameBytes, inflate };
const context = {
  network: NETWORK,
  engine: nodeEngine(),
  nowS: 1_640_995_200,
  isMine: () => true,
  extensions: true,
};

/** What was signed. */
const signed = new Set(allMessages().map(canonicalize));
const next = anyMessage(codecs, seed);
const counts = new Map<string, number>();
const startedMs = performance.now();
for (let i = 0; i < frames; i++) {
  const content = next();
  const code =
    assertOfTable(() => {
      const { message } = openMessage(decodeBody(content, options), context);
      // Whatever came through the spoilt bytes says what its signer said.
      assert.ok(signed.has(canonicalize(message)));
    }) ?? "taken";
  counts.set(code, (counts.get(code) ?? 0) + 1);
  // What gzip held is given back only between turns.
  if (i % 500 === 0) await turn();
}
const seconds = (performance.now() - startedMs) / 1_000;
console.log(
  `seed ${seed}: ${frames} mutated frames in ${seconds.toFixed(1)} s, none uncaught, none outside the table`,
);
for (const [code, count] of [...counts].toSorted((a, b) => b[1] - a[1]))
  console.log(`  ${code.padEnd(22)} ${count}`);

interface Bombing {
  readonly limited: number;
  readonly grewMb: number;
}

/** Each bomb comes by a turn of its own, as a frame would. */
async function bombard(bomb: Uint8Array): Promise<Bombing> {
  const beforeMb = process.memoryUsage.rss() / 2 ** 20;
  let peakMb = beforeMb;
  let limited = 0;
  for (let i = 0; i < BOMBS; i++) {
    if (assertOfTable(() => decodeBody(bomb, options)) === "DECOMPRESSION_LIMIT") limited += 1;
    peakMb = Math.max(peakMb, process.memoryUsage.rss() / 2 ** 20);
    await turn();
  }
  return { limited, grewMb: peakMb - beforeMb };
}

const bomb = Buffer.concat([Buffer.of(1), gzipSync(Buffer.alloc(BOMB_BYTES))]);
const liar = Buffer.from(bomb);
liar.writeUInt32LE(limits.taskFrameBytes, liar.length - 4);
const said = `${BOMBS} bombs of ${Math.round(bomb.length / 1_024)} KiB that inflate to 200 MiB`;
const honest = await bombard(bomb);
console.log(`${said}: ${honest.limited} DECOMPRESSION_LIMIT, RSS +${honest.grewMb.toFixed(1)} MiB`);
const lying = await bombard(liar);
console.log(
  `the same, saying 2 MiB: ${lying.limited} DECOMPRESSION_LIMIT, RSS +${lying.grewMb.toFixed(1)} MiB`,
);
const right = honest.limited === BOMBS && lying.limited === BOMBS && honest.grewMb <= MAY_GROW_MB;
process.exitCode = right ? 0 : 1;

import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "@gridmesh/protocol";
import { silentLog } from "../src/log.ts";
import { nodeLimits } from "../src/limits.ts";
import type { Transport } from "../src/network/transport.ts";
import { createWordProvider } from "../src/registry/provide.ts";
import { manualClock, seededRandom } from "../src/testing/index.ts";

/** A DHT that takes words or does not, seen from its edge. */
function rig(words: string[]) {
  const clock = manualClock();
  const kept = new Set<string>();
  const asked: string[] = [];
  const dht = { answers: true, linked: true };
  let link: () => void = () => undefined;
  const warnings: string[] = [];
  const log = { ...silentLog(), warn: (event: string) => void warnings.push(event) };
  const text = (key: Uint8Array) => Buffer.from(key).toString();
  const edge: Pick<Transport, "on" | "links" | "provide" | "withdraw"> = {
    on(_event, fn) {
      link = () => fn({});
      return { [Symbol.dispose]: () => void (link = () => undefined) };
    },
    links: () => (dht.linked ? [{ peerId: "p" } as never] : []),
    provide(key) {
      asked.push(text(key));
      if (!dht.answers) return Promise.reject(new ProtocolError("DHT_FAILED", "nobody"));
      kept.add(text(key));
      return Promise.resolve();
    },
    withdraw(key) {
      kept.delete(text(key));
      return Promise.resolve();
    },
  };
  const provider = createWordProvider({
    transport: edge as Transport,
    dht: true,
    clock,
    random: seededRandom(1),
    log,
    words: () => words,
    keyOf: (word) => Buffer.from(word),
  });
  return { clock, kept, asked, dht, provider, warnings, comeLink: () => link() };
}

test("words and their prefixes enter the DHT with the first link, and follow what the agents offer", async () => {
  const words = ["energy.sell"];
  const { clock, kept, provider, dht, comeLink } = rig(words);
  dht.linked = false;
  provider.changed();
  await clock.advance(20_000);
  assert.deepEqual([...kept], []);
  assert.equal(clock.pending, 0, "nobody is waited for by looking");
  dht.linked = true;
  comeLink();
  await clock.advance(2 * nodeLimits.provideSettleMs);
  assert.deepEqual([...kept].sort(), ["energy", "energy.sell"]);
  words.splice(0, 1, "energy.buy");
  provider.changed();
  await clock.advance(2 * nodeLimits.provideSettleMs);
  assert.deepEqual([...kept].sort(), ["energy", "energy.buy"]);
  await provider.withdraw();
  assert.deepEqual([...kept], []);
  assert.equal(clock.pending, 0);
});

test("a DHT that does not answer is asked again, ever more seldom, without a new link", async () => {
  const { clock, kept, asked, dht, provider } = rig(["a"]);
  dht.answers = false;
  provider.changed();
  await clock.advance(60_000);
  const first = asked.length;
  assert.ok(first >= 2 && first <= 6, `${first} times in the first minute`);
  await clock.advance(600_000);
  assert.ok(asked.length - first <= 10, `${asked.length - first} times in the next ten`);
  dht.answers = true;
  await clock.advance(120_000);
  assert.deepEqual([...kept], ["a"]);
  provider.stop();
});

test("a young network is told once more when it has grown", async () => {
  const { clock, asked, provider } = rig(["a"]);
  provider.changed();
  await clock.advance(2 * nodeLimits.provideSettleMs);
  assert.equal(asked.length, 1);
  await clock.advance(310_000);
  assert.equal(asked.length, 2);
  await clock.advance(3_600_000);
  assert.equal(asked.length, 2);
  provider.stop();
});

test("a node puts no more than 128 words into the DHT, and says that it left some out", async () => {
  const { clock, kept, provider, warnings } = rig(Array.from({ length: 100 }, (_, at) => `w${at}.x`));
  provider.changed();
  await clock.advance(2 * nodeLimits.provideSettleMs);
  assert.equal(kept.size, nodeLimits.wordsProvided);
  assert.deepEqual(warnings, ["registry.words"]);
  provider.stop();
});

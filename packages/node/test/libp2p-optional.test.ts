/** Parts that only some nodes need: with their package they work, without it the error says what to install. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { optional } from "../src/network/libp2p/optional.ts";
import { rigged } from "./libp2p-rig.ts";
import { answerFrames, hasCode, limits, protocol, wait } from "./transport-fixture.ts";

/** Why a test is skipped where its package is not installed. */
async function absent(name: string): Promise<string | false> {
  try {
    await import(name);
    return false;
  } catch {
    return `${name} is not installed`;
  }
}

test("a package that is missing is named with the line that installs it", async () => {
  const missing = "@gridmesh/no-such-package";
  await assert.rejects(
    optional(missing, "reach.example", async () => (await import(missing)) as unknown),
    (error) =>
      hasCode("CONFIG_INVALID")(error) &&
      /reach\.example needs .* npm i @gridmesh\/no-such-package/u.test(String(error)),
  );
  const broken = new Error("the package itself is broken");
  await assert.rejects(
    optional("any", "reach.example", () => Promise.reject(broken)),
    broken,
  );
});

test("over QUIC frames cross, beside TCP", { skip: await absent("@chainsafe/libp2p-quic") }, async () => {
  const options = {
    listen: ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"],
    dht: false,
    reach: { quic: true },
  } as const;
  await using a = await rigged(options);
  await using b = await rigged(options);
  using _ = b.transport.handle(protocol, limits, (stream) => void answerFrames(stream));
  const quic = b.transport.addresses().filter((address) => address.includes("/quic-v1"));
  const link = await a.transport.dial({ addresses: quic }, wait);
  assert.match(link.address, /\/quic-v1/u);
  const stream = await a.transport.open(b.transport.peerId, protocol, wait);
  await stream.writeFrame(Uint8Array.of(1, 2, 3), wait);
  assert.deepEqual(await stream.readFrame(wait), Uint8Array.of(1, 2, 3));
  await stream.close(wait);
});

test(
  "TLS 1.3 is spoken beside Noise, and Noise alone by default",
  { skip: await absent("@libp2p/tls") },
  async () => {
    await using both = await rigged({ dht: false, reach: { tls: true } });
    await using other = await rigged({ dht: false, reach: { tls: true } });
    await using plain = await rigged({ dht: false });
    for (const peer of [other, plain]) {
      await both.transport.dial({ addresses: peer.transport.addresses() }, wait);
    }
    const [spoken] = plain.parts.links.connections().map(({ encryption }) => encryption);
    assert.equal(spoken, "/noise");
    assert.equal(both.transport.links().length, 2);
  },
);

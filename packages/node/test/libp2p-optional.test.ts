/** Parts that only some nodes need: with their package they work, without it the error says what to install. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { optional } from "../src/network/libp2p/optional.ts";
import { rigged, type Rigged } from "./libp2p-rig.ts";
import { answerFrames, hasCode, limits, protocol, until, wait } from "./transport-fixture.ts";

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
  "a peer that speaks TLS alone is met where TLS is on, and nowhere else",
  { skip: await absent("@libp2p/tls") },
  async () => {
    const { tls } = await import("@libp2p/tls");
    await using open = await rigged({ dht: false, reach: { tls: true } });
    await using plain = await rigged({ dht: false });
    const other = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [tls()],
      streamMuxers: [yamux()],
    });
    try {
      const dial = async ({ transport }: Rigged) =>
        await other.dial(transport.addresses().map((address) => multiaddr(address)));
      assert.equal((await dial(open)).encryption, "/tls/1.0.0");
      await assert.rejects(dial(plain));
      await until(() => open.transport.links().length === 1, "the link");
      assert.deepEqual(plain.transport.links(), []);
    } finally {
      await other.stop();
    }
  },
);

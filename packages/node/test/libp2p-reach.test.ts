/** Who reaches whom: private networks, WebSocket, relays, multicast. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import type { ProtocolError } from "@gridmesh/protocol";
import { libp2p, type Libp2pOptions, type Transport } from "../src/network/index.ts";
import { multicastRoute } from "../src/network/libp2p/multicast.ts";
import { answerFrames, hasCode, limits, protocol, startTransport, wait } from "./transport-fixture.ts";

const pskOf = (hex = randomBytes(32).toString("hex")) => `/key/swarm/psk/1.0.0/\n/base16/\n${hex}\n`;
/** Two that do not understand each other say nothing: enough time to notice. */
const brief = { timeoutMs: 1_000 };
const local = { listen: ["/ip4/127.0.0.1/tcp/0"], dht: false } as const;

/** Runs with started transports, and stops them whatever happens. */
async function withTransports(
  choices: readonly (Libp2pOptions & { readonly network?: string })[],
  run: (...transports: Transport[]) => Promise<void>,
): Promise<void> {
  const started: Transport[] = [];
  try {
    for (const { network, ...options } of choices)
      started.push(await startTransport(libp2p(options), network));
    await run(...started);
  } finally {
    await Promise.all(started.map((one) => one.stop({ deadlineMs: 2_000 })));
  }
}

const attemptsOf = (error: unknown) =>
  (error as ProtocolError).data?.["attempts"] as { address: string; reason: string }[];

async function echoes(from: Transport, to: Transport): Promise<void> {
  const stream = await from.open(to.peerId, protocol, wait);
  await stream.writeFrame(Uint8Array.of(1, 2, 3), wait);
  assert.deepEqual(await stream.readFrame(wait), Uint8Array.of(1, 2, 3));
  await stream.close(wait);
}

test("a private network: the same key meets, another key and none do not", async () => {
  const psk = pskOf();
  const member = { profile: "private", ...local, reach: { psk } } as const;
  const other = { profile: "private", ...local, reach: { psk: pskOf() } } as const;
  await withTransports([member, member, other, { profile: "lan", ...local, mdns: false }], async (...all) => {
    const [a, b, wrong, open] = all as [Transport, Transport, Transport, Transport];
    using _ = b.handle(protocol, limits, (stream) => void answerFrames(stream));
    await a.dial({ addresses: b.addresses() }, wait);
    await echoes(a, b);
    for (const outsider of [wrong, open]) {
      await assert.rejects(outsider.dial({ addresses: a.addresses() }, brief), hasCode("PEER_UNREACHABLE"));
      await assert.rejects(a.dial({ addresses: outsider.addresses() }, brief), (error) => {
        assert.match(attemptsOf(error)[0]!.reason, /another private network|no answer/u);
        return hasCode("PEER_UNREACHABLE")(error);
      });
      assert.deepEqual(outsider.links(), []);
    }
    assert.deepEqual(
      a.links().map(({ peerId }) => peerId),
      [b.peerId],
    );
  });
});

test("what would pass a private network's key by is refused by name, and a forced key is one that is there", () => {
  const refused: readonly (readonly [Libp2pOptions, RegExp])[] = [
    [{ profile: "private", reach: { psk: pskOf(), quic: true } }, /pskFile.*quic/u],
    [{ profile: "private", reach: { psk: pskOf(), webrtc: true } }, /pskFile.*webrtc/u],
    [{ profile: "lan", reach: { psk: pskOf(), quic: true } }, /pskFile.*quic/u],
    [
      { profile: "private", reach: { psk: pskOf() }, listen: ["/ip4/127.0.0.1/udp/0/quic-v1/webtransport"] },
      /pskFile.*webtransport/u,
    ],
    [
      { profile: "private", reach: { psk: pskOf() }, listen: ["/ip4/127.0.0.1/udp/0/quic-v1"] },
      /pskFile.*quic/u,
    ],
    [{ profile: "private" }, /pskFile/u],
    [{ profile: "lan", forcePnet: true }, /GRIDMESH_FORCE_PNET/u],
    [{ profile: "private", reach: { psk: "secret" } }, /three lines/u],
    [{ profile: "private", reach: { psk: pskOf("abcd") } }, /64 hex/u],
  ];
  for (const [options, message] of refused) {
    assert.throws(
      () => libp2p(options),
      (error) => hasCode("CONFIG_INVALID")(error) && message.test((error as Error).message),
      JSON.stringify(options),
    );
  }
  libp2p({ profile: "lan", forcePnet: true, reach: { psk: pskOf() } });
});

test("a node that listens on WebSocket only is reached, through it alone", async () => {
  const ws = { listen: ["/ip4/127.0.0.1/tcp/0/ws"], dht: false };
  await withTransports([local, ws], async (...all) => {
    const [a, b] = all as [Transport, Transport];
    assert.ok(b.addresses().every((address) => /\/ws\/p2p\//u.test(address)));
    using _ = b.handle(protocol, limits, (stream) => void answerFrames(stream));
    const link = await a.dial({ addresses: b.addresses() }, wait);
    assert.match(link.address, /\/ws/u);
    await echoes(a, b);
  });
});

test("multicast has a route where the kernel's table says so", () => {
  const head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n";
  const line = (destination: string, mask: string) =>
    `eth0\t${destination}\t0\t1\t0\t0\t0\t${mask}\t0\t0\t0\n`;
  assert.equal(
    multicastRoute(() => head + line("00000000", "00000000")),
    true,
  );
  assert.equal(
    multicastRoute(() => head + line("000000E0", "000000F0")),
    true,
  );
  assert.equal(
    multicastRoute(() => head + line("000200C0", "00FFFFFF")),
    false,
  );
  assert.equal(
    multicastRoute(() => head),
    false,
  );
  assert.equal(
    multicastRoute(() => {
      throw new Error("no such file");
    }),
    undefined,
  );
});

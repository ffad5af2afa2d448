/** What the node refuses before libp2p would: connections, records, configurations. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { MultiaddrConnection, PeerId } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { libp2p, profiles } from "../src/network/index.ts";
import { addressRanges } from "../src/network/libp2p/address-rules.ts";
import { Gater } from "../src/network/libp2p/gater.ts";
import type { ProfileName } from "../src/network/profiles.ts";
import { hasCode, startTransport, wait } from "./transport-fixture.ts";

/** The part of a connection that the gater looks at. */
interface Arriving extends MultiaddrConnection {
  leave(): void;
}

function arriving(address: string): Arriving {
  const events = new EventTarget();
  const connection = {
    remoteAddr: multiaddr(address),
    addEventListener: (name: string, fn: () => void) => events.addEventListener(name, fn),
    leave: () => events.dispatchEvent(new Event("close")),
  };
  return connection as unknown as Arriving;
}

const peer = (name: string) => ({ toString: () => name }) as unknown as PeerId;

interface Rules {
  readonly profile?: ProfileName;
  readonly trusted?: readonly string[];
  readonly anchors?: readonly string[];
  readonly bannedPeers?: readonly string[];
  readonly bannedIps?: readonly string[];
  readonly linked?: readonly string[];
  /** Linked this moment. */
  readonly young?: readonly string[];
}

function gaterOf(rules: Rules = {}) {
  let nowMs = 0;
  const floods: string[] = [];
  const gater = new Gater({
    profile: profiles[rules.profile ?? "public"],
    self: "self",
    monotonicMs: () => nowMs,
    trusted: addressRanges(rules.trusted ?? []),
    provesReach: false,
    isAnchor: (peerId) => rules.anchors?.includes(peerId) ?? false,
    bannedPeer: (peerId) => rules.bannedPeers?.includes(peerId) ?? false,
    bannedIp: (ip) => rules.bannedIps?.includes(ip) ?? false,
    onFlood: (ip) => floods.push(ip),
    links: Object.assign(new Set(rules.linked), {
      isYoung: (peerId: string) => rules.young?.includes(peerId) ?? false,
    }),
  });
  const admits = (address: string) => !gater.denyInboundConnection(arriving(address));
  /** Lets connections from these addresses in and up to an open link. */
  const fill = (addresses: readonly string[]) => {
    for (const address of addresses) gater.opened(multiaddr(address));
  };
  return { gater, floods, admits, fill, pass: (ms: number) => void (nowMs += ms) };
}

const from = (count: number, address: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => address(index));

test("of two that dial each other at once the second connection is turned away, a later one is not", () => {
  const { gater } = gaterOf({ linked: ["both", "back"], young: ["both"] });
  assert.ok(gater.denyInboundEncryptedConnection(peer("both")));
  assert.ok(!gater.denyInboundEncryptedConnection(peer("back")));
  assert.deepEqual(gater.refused, { twice: 1 });
});

test("an address may have eight connections pending, and each refusal is counted by rule", () => {
  const { gater, admits } = gaterOf();
  const first = arriving("/ip4/192.0.2.7/tcp/999");
  assert.ok(!gater.denyInboundConnection(first));
  const tries = from(29, (index) => `/ip4/192.0.2.7/tcp/${1_000 + index}`);
  assert.equal(tries.filter(admits).length, 7);
  assert.deepEqual(gater.refused, { "pending-per-ip": 22 });
  first.leave();
  assert.ok(admits("/ip4/192.0.2.7/tcp/2000"));
  assert.ok(!admits("/ip4/192.0.2.7/tcp/2001"));
  gater.opened(multiaddr("/ip4/192.0.2.7/tcp/2000/p2p/12D3KooWBuXBpwuXu7gYMpQMh44swWdjYC1vzBENqLSHk88SARg6"));
  assert.ok(admits("/ip4/192.0.2.7/tcp/2002"));
});

test("an address may open twenty connections a second, and each one more is told as a flood", () => {
  const { gater, floods, pass } = gaterOf();
  const admitted = () => {
    const tries = from(40, (index) => `/ip4/192.0.2.7/tcp/${1_000 + index}`);
    return tries.map(arriving).filter((connection) => {
      const denied = gater.denyInboundConnection(connection);
      connection.leave();
      return !denied;
    }).length;
  };
  assert.equal(admitted(), 20);
  assert.equal(admitted(), 0);
  pass(1_000);
  assert.equal(admitted(), 20);
  assert.deepEqual(gater.refused, { "rate-per-ip": 80 });
  assert.deepEqual(floods, Array(80).fill("192.0.2.7"));
});

test("an address may hold sixteen links, a /24 or /64 thirty-two, and loopback in the testnet any number", () => {
  const one = gaterOf();
  one.fill(from(16, (index) => `/ip4/192.0.2.7/tcp/${1_000 + index}`));
  assert.ok(!one.admits("/ip4/192.0.2.7/tcp/9"));
  assert.ok(one.admits("/ip4/192.0.2.8/tcp/9"));
  one.gater.closed(multiaddr("/ip4/192.0.2.7/tcp/1000"));
  assert.ok(one.admits("/ip4/192.0.2.7/tcp/9"));
  const four = gaterOf();
  four.fill(from(32, (index) => `/ip4/192.0.2.${index}/tcp/1000`));
  assert.ok(!four.admits("/ip4/192.0.2.99/tcp/9"));
  assert.ok(four.admits("/ip4/198.51.100.1/tcp/9"));
  const six = gaterOf();
  six.fill(from(32, (index) => `/ip6/2a00:1:2:3::${index + 1}/tcp/1000`));
  assert.ok(!six.admits("/ip6/2a00:1:2:3:ffff::1/tcp/9"));
  assert.ok(six.admits("/ip6/2a00:1:2:4::1/tcp/9"));
  assert.deepEqual(six.gater.refused, { "links-per-subnet": 1 });
  const local = gaterOf({ profile: "testnet" });
  local.fill(from(100, (index) => `/ip4/127.0.0.1/tcp/${1_000 + index}`));
  assert.ok(local.admits("/ip4/127.0.0.1/tcp/9"));
});

test("a trusted range escapes every limit per address", () => {
  const { fill, admits } = gaterOf({ trusted: ["198.51.100.0/24", "2a00:1::/32"] });
  fill(from(40, (index) => `/ip4/198.51.100.7/tcp/${1_000 + index}`));
  assert.ok(from(60, (index) => `/ip4/198.51.100.7/tcp/${2_000 + index}`).every(admits));
  assert.ok(from(60, (index) => `/ip6/2a00:1::7/tcp/${2_000 + index}`).every(admits));
  assert.ok(!from(60, (index) => `/ip4/198.51.101.7/tcp/${2_000 + index}`).every(admits));
  assert.throws(() => libp2p({ trusted: ["198.51.100.0/33"] }), hasCode("CONFIG_INVALID"));
});

test("eight of ninety-six inbound places are for anchors alone", () => {
  const { gater, fill, admits } = gaterOf({ anchors: ["anchor"] });
  fill(from(88, (index) => `/ip4/20.${index}.1.1/tcp/1000`));
  assert.ok(admits("/ip4/21.1.1.1/tcp/1"));
  assert.ok(gater.denyInboundEncryptedConnection(peer("anybody")));
  assert.ok(!gater.denyInboundEncryptedConnection(peer("anchor")));
  fill(from(8, (index) => `/ip4/22.${index}.1.1/tcp/1000`));
  assert.ok(!admits("/ip4/23.1.1.1/tcp/1"));
  assert.deepEqual(gater.refused, { "inbound-links": 2 });
});

test("a banned peer is refused in both directions, a banned address before any handshake", () => {
  const { gater, admits } = gaterOf({ bannedPeers: ["bad"], bannedIps: ["192.0.2.7"], linked: ["bad"] });
  using _ = gater.allowDials(["bad"]);
  assert.ok(gater.denyDialPeer(peer("bad")));
  assert.ok(gater.denyInboundEncryptedConnection(peer("bad")));
  assert.ok(gater.denyOutboundEncryptedConnection(peer("bad")));
  assert.ok(gater.denyInboundRelayReservation(peer("bad")));
  assert.ok(gater.denyInboundRelayedConnection(peer("relay"), peer("bad")));
  assert.ok(gater.denyOutboundRelayedConnection(peer("good"), peer("bad")));
  assert.ok(!admits("/ip4/192.0.2.7/tcp/1"));
  assert.ok(!admits("/ip6/::ffff:192.0.2.7/tcp/1"));
  assert.ok(gater.denyDialMultiaddr(multiaddr("/ip4/192.0.2.7/tcp/1")));
  assert.ok(admits("/ip4/192.0.2.8/tcp/1"));
  assert.ok(!gater.denyInboundEncryptedConnection(peer("good")));
  assert.deepEqual(gater.refused, { "banned-peer": 6, "banned-ip": 3 });
});

test("libp2p dials nobody but whom the supervisor, a query of ours or a link of ours needs", () => {
  const { gater } = gaterOf({ profile: "testnet", linked: ["linked"] });
  assert.ok(gater.denyDialPeer(peer("peer")));
  assert.ok(!gater.denyDialPeer(peer("linked")));
  {
    using _ = gater.allowDials(["peer"]);
    assert.ok(!gater.denyDialPeer(peer("peer")));
  }
  assert.ok(gater.denyDialPeer(peer("peer")));
  using _ = gater.allowQuery();
  assert.ok(!gater.denyDialPeer(peer("peer")));
});

test("a public network keeps no address that leads to this machine, its LAN, or nowhere", () => {
  const closed = [
    "/ip4/0.0.0.0/tcp/1",
    "/ip4/127.0.0.1/tcp/1",
    "/ip4/169.254.169.254/tcp/80",
    "/ip4/10.1.2.3/tcp/1",
    "/ip4/172.16.0.1/tcp/1",
    "/ip4/192.168.1.1/tcp/1",
    "/ip4/100.64.0.1/tcp/1",
    "/ip4/224.0.0.251/udp/5353",
    "/ip4/255.255.255.255/tcp/1",
    "/ip6/::/tcp/1",
    "/ip6/::1/tcp/1",
    "/ip6/fe80::1/tcp/1",
    "/ip6/fd00::1/tcp/1",
    "/ip6/ff02::fb/udp/5353",
    "/ip6/::ffff:8.8.8.8/tcp/1",
    "/ip6/64:ff9b::808:808/tcp/1",
    "/dns4/inside.example/tcp/1",
    "/dnsaddr/inside.example",
    "/memory/1",
  ];
  const open = [
    "/ip4/8.8.8.8/tcp/1",
    "/ip4/172.32.0.1/tcp/1",
    "/ip6/2a00:1450::1/udp/1/quic-v1",
    "/dns4/outside.example/tcp/443/tls/ws",
    "/dns6/outside.example/tcp/443/wss",
  ];
  const { gater } = gaterOf();
  const keeps = (name: string) => (address: string) =>
    gater.filterMultiaddrForPeer(peer(name), multiaddr(address));
  assert.deepEqual(closed.filter(keeps("one")), []);
  assert.deepEqual(open.filter(keeps("one")), open);
  assert.ok(closed.every(keeps("self")), "our own are ours to know");
  const lan = gaterOf({ profile: "lan" }).gater;
  assert.ok(lan.filterMultiaddrForPeer(peer("one"), multiaddr("/ip4/192.168.1.1/tcp/1")));
});

test("of a peer's addresses eight are kept a minute", () => {
  const { gater, pass } = gaterOf();
  const keeps = (address: string) => gater.filterMultiaddrForPeer(peer("many"), multiaddr(address));
  const many = from(30, (index) => `/ip4/8.8.8.${index}/tcp/1`);
  assert.deepEqual(many.filter(keeps), many.slice(0, 8));
  assert.deepEqual(many.slice(0, 8).filter(keeps), many.slice(0, 8));
  pass(60_000);
  assert.deepEqual(many.slice(20).filter(keeps), many.slice(20, 28));
});

test("a configuration that cannot work is CONFIG_INVALID", () => {
  const bad = [
    { listen: ["127.0.0.1:4801"] },
    { profile: "lan", bootstrap: ["/ip4/127.0.0.1/tcp/1"] },
    { profile: "private" },
  ] as const;
  for (const options of bad) assert.throws(() => libp2p(options), hasCode("CONFIG_INVALID"));
  libp2p({ profile: "testnet", bootstrap: ["/ip4/127.0.0.1/tcp/1"] });
});

test("a taken port is PORT_IN_USE", async () => {
  const first = await startTransport(libp2p());
  try {
    const listen = [first.addresses()[0]!.replace(/\/p2p\/.*/u, "")];
    await assert.rejects(startTransport(libp2p({ listen })), hasCode("PORT_IN_USE"));
  } finally {
    await first.stop({ deadlineMs: 1_000 });
  }
});

test("a bootstrap without PeerId is dialled in the testnet", async () => {
  const [a, b] = [await startTransport(libp2p()), await startTransport(libp2p())];
  try {
    const link = await a.dial({ addresses: [b.addresses()[0]!.replace(/\/p2p\/.*/u, "")] }, wait);
    assert.equal(link.peerId, b.peerId);
  } finally {
    await Promise.all([a.stop({ deadlineMs: 1_000 }), b.stop({ deadlineMs: 1_000 })]);
  }
});

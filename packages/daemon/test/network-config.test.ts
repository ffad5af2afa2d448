import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { profiles } from "../../node/src/network/profiles.ts";
import { isProtocolError } from "@gridmesh/protocol";
import { resolveConfig } from "../src/config/load.ts";
import { parseConfig } from "../src/config/read-file.ts";
import { networkOptions } from "../src/network-options.ts";

function configOf(text: string, env: Readonly<Record<string, string>> = {}) {
  return resolveConfig(parseConfig(text), { env, flags: {} }).config;
}

function refusal(text: string, env: Readonly<Record<string, string>> = {}): string {
  try {
    configOf(text, env);
  } catch (error) {
    assert.ok(isProtocolError(error) && error.code === "CONFIG_INVALID", String(error));
    return error.message;
  }
  throw new assert.AssertionError({ message: "the configuration was accepted" });
}

function temporaryHome(): { readonly home: string } & Disposable {
  const home = mkdtempSync("/tmp/gm-");
  return { home, [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }) };
}

const KEY = `/key/swarm/psk/1.0.0/\n/base16/\n${"5f".repeat(32)}\n`;

test("a private network beside a transport that passes its key by is refused, naming both settings and lines", () => {
  const text = 'reach.pskFile = "swarm.key"\nreach.quic = true\n';
  assert.match(
    refusal(text),
    /^config\.toml:2:1 reach\.quic lets outsiders in: .* conflicts with reach\.pskFile \(config\.toml:1:1\)\./,
  );
  assert.match(refusal(text.replace("quic", "webrtc")), /reach\.webrtc lets outsiders in: WebRTC/);
});

test("profile private wants a key, and a forced private network is refused without one", () => {
  assert.match(refusal('profile = "private"\n'), /^config\.toml:1:1 profile is private, .*reach\.pskFile/);
  const forced = { GRIDMESH_FORCE_PNET: "1" };
  assert.match(refusal("", forced), /^env GRIDMESH_FORCE_PNET forces a private network/);
  assert.equal(configOf('reach.pskFile = "swarm.key"\n', forced).reach.pskFile, "swarm.key");
  assert.equal(configOf("", { GRIDMESH_FORCE_PNET: "0" }).reach.pskFile, undefined);
});

test("the key of a private network is refused when it is missing, open to others or no key", async () => {
  using folder = temporaryHome();
  const path = join(folder.home, "swarm.key");
  const config = configOf('profile = "testnet"\nreach.pskFile = "swarm.key"\n');
  const made = () => networkOptions(config, folder.home);
  await assert.rejects(made, { code: "CONFIG_INVALID", message: /cannot be read \(ENOENT\)/ });
  writeFileSync(path, KEY, { mode: 0o600 });
  assert.equal((await made()).network.profile, "testnet");
  chmodSync(path, 0o644);
  await assert.rejects(made, { code: "CONFIG_INVALID", message: /open to others\. chmod 600/ });
  writeFileSync(path, "a secret\n");
  chmodSync(path, 0o600);
  await assert.rejects(made, { code: "CONFIG_INVALID", message: /64 hex digits/ });
});

test("what this program has no part for is refused by name", () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ["reach.webrtc = true", /reach\.webrtc asks for WebRTC, which is no part/],
    ['interop.p2pdSocket = "/tmp/p2pd"', /interop\.p2pdSocket asks for the p2pd protocol/],
    ["interop.dhtValues = true", /interop\.dhtValues asks for values in the DHT/],
    ['features.encryption = "off"', /features\.encryption would allow links that are not encrypted/],
    ['features.leases = "optional"', /features\.leases asks for a feature that is no part/],
  ];
  for (const [line, told] of refused) {
    assert.match(refusal(`${line}\n`), /^config\.toml:1:1 /, line);
    assert.match(refusal(`${line}\n`), told);
  }
  assert.match(refusal("peers.min = 9\npeers.target = 8\n"), /peers\.min asks for more .* peers\.target/);
  assert.match(refusal('peers.trusted = ["10.0.0.0"]\n'), /peers\.trusted\[0\]: a range is an address/);
  assert.match(refusal('peers.static = ["/ip4/10.0.0.1/tcp/1"]\n'), /without \/p2p\/<PeerId>/);
});

test("settings of peers and limits reach the node", async () => {
  const text = `profile = "testnet"
peers = { min = 2, target = 5, allowForeign = true, trusted = ["10.0.0.0/8"] }
limits = { connections = 40, perIp = 3, streamWindowBytes = 524288, unreadBytes = 16777216, inboundBytesPerSecondPerPeer = 1000000 }
`;
  const { links, network, streams } = await networkOptions(configOf(text), "/nowhere");
  assert.deepEqual(links, { min: 2, target: 5, static: [], allowForeign: true });
  assert.equal(streams?.unreadBytes, 16_777_216);
  assert.equal(streams.inboundBytesPerSecondPerPeer, 1_000_000);
  assert.equal(streams.outboundBytesPerSecond, 0);
  assert.equal(network.profile, "testnet");
  assert.match(refusal("limits.streamWindowBytes = 1024\n"), /262144/);
});

test("every profile of the configuration is one of the network's", () => {
  for (const profile of ["lan", "testnet", "public"] as const) {
    assert.ok(Object.hasOwn(profiles, configOf(`profile = "${profile}"\n`).profile));
  }
});

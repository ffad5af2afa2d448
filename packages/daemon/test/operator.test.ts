import assert from "node:assert/strict";
import { test } from "node:test";
import { configOf, type Ended, gridmesh, startedDaemon, temporaryHome } from "./running.ts";

interface Check {
  readonly group: string;
  readonly name: string;
  readonly state: string;
  readonly text: string;
  readonly fix?: string;
}

/** What `--json` shows; each verb has its own members. */
interface Shown {
  readonly checks: readonly Check[];
  readonly ready: boolean;
  readonly findings: readonly unknown[];
  readonly ping: { readonly minMs: number; readonly p50Ms: number; readonly maxMs: number };
  readonly bans: readonly {
    readonly subject: string;
    readonly sinceMs: number;
    readonly untilMs: number;
    readonly by: string;
  }[];
}

const parsed = (ended: Ended) => JSON.parse(ended.stdout) as Shown;

async function doctor(
  home: string,
  group = "network",
): Promise<{ readonly code: number | null; readonly checks: readonly Check[] }> {
  const ended = await gridmesh(home, "doctor", group, "--json");
  assert.equal(ended.stderr, "");
  return { code: ended.code, checks: parsed(ended).checks };
}

/** The check of this name, once the doctor has it; rejects after a while. */
async function diagnosed(home: string, name: string): Promise<Check> {
  const until = Date.now() + 30_000;
  for (;;) {
    const { checks } = await doctor(home);
    const found = checks.find((check) => check.name === name);
    if (found !== undefined) return found;
    if (Date.now() > until) throw new Error(`${name} was not found: ${JSON.stringify(checks)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("an operator is told what is wrong in every place, and that it is gone", async (t) => {
  using one = temporaryHome();
  using two = temporaryHome();
  using three = temporaryHome();
  await using first = await startedDaemon(one.home, { config: configOf({ network: "north" }) });
  const [address = ""] = first.node.addresses;
  const { peerId } = first.node;
  const more = 'status.listen = "127.0.0.1:0"\n';

  await t.test(
    "a bootstrap address with another node's PeerId, by doctor, status, health, page, metric and log",
    async () => {
      const other = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
      const bootstrap = [address.replace(/\/p2p\/.*$/, `/p2p/${other}`)];
      await using wrong = await startedDaemon(two.home, {
        config: configOf({ network: "north", bootstrap, more }),
      });
      const { state, text, fix, group } = await diagnosed(two.home, "BOOTSTRAP_UNREACHABLE");
      assert.equal(`${group} ${state}`, "network failed");
      assert.ok(text.includes(`another peer answers: ${peerId}`), text);
      assert.ok(fix?.endsWith(`/p2p/${peerId}`), fix);
      assert.equal((await doctor(two.home)).code, 7);
      const status = await gridmesh(two.home, "status");
      assert.match(status.stdout, /^warning {2}BOOTSTRAP_UNREACHABLE {2}\S+: another peer answers: /);
      const health = parsed(await gridmesh(two.home, "health", "--ready", "--json"));
      assert.equal(health.ready, true);
      assert.match(JSON.stringify(health.findings), /"code":"BOOTSTRAP_UNREACHABLE","severity":"warning"/);
      const page = async (path: string) => (await fetch(`http://${wrong.node.statusPage}${path}`)).text();
      assert.match(await page("/health"), /BOOTSTRAP_UNREACHABLE/);
      assert.match(
        await page("/metrics"),
        /^gridmesh_health_findings\{code="BOOTSTRAP_UNREACHABLE",severity="warning"\} 1$/m,
      );
      assert.equal((await gridmesh(two.home, "stop")).code, 0);
      const { stdout } = await wrong.ended;
      const raised = stdout.split("\n").filter((line) => line.includes('"event":"health.raised"'));
      assert.equal(
        raised.filter((line) => line.includes('"code":"BOOTSTRAP_UNREACHABLE"')).length,
        1,
        "once per episode",
      );
    },
  );

  await t.test("with the right address the finding is gone and doctor ends with 0", async () => {
    await using _right = await startedDaemon(two.home, {
      config: configOf({ network: "north", bootstrap: [address] }),
    });
    assert.equal((await gridmesh(two.home, "wait", "--peers", "1")).code, 0);
    const { code, checks } = await doctor(two.home);
    assert.equal(code, 0, JSON.stringify(checks));
    assert.deepEqual(
      checks.filter(({ state }) => state === "failed"),
      [],
    );
    assert.equal((await gridmesh(two.home, "stop")).code, 0);
  });

  await t.test("a node of another network, on both sides", async () => {
    await using _south = await startedDaemon(three.home, {
      config: configOf({ network: "south", bootstrap: [address] }),
    });
    assert.match((await diagnosed(three.home, "NETWORK_SPLIT")).text, /north/);
    assert.match((await diagnosed(one.home, "NETWORK_SPLIT")).fix ?? "", /same network name/);
    assert.equal((await gridmesh(three.home, "stop")).code, 0);
  });
});

test("a peer is pinged, banned for a time, refused meanwhile, and welcome once the ban is lifted", async () => {
  using one = temporaryHome();
  using two = temporaryHome();
  await using first = await startedDaemon(one.home, { config: configOf({ network: "bans" }) });
  const bootstrap = first.node.addresses;
  await using second = await startedDaemon(two.home, { config: configOf({ network: "bans", bootstrap }) });
  const { peerId } = second.node;
  assert.equal((await gridmesh(one.home, "wait", "--peers", "1")).code, 0);

  const ping = await gridmesh(one.home, "peers", "ping", peerId, "--count", "3", "--json");
  const { minMs, p50Ms, maxMs } = parsed(ping).ping;
  assert.ok(minMs >= 0 && minMs <= p50Ms && p50Ms <= maxMs, ping.stdout);

  const banned = await gridmesh(one.home, "peers", "disconnect", peerId, "--ban", "1h", "--json");
  assert.equal(banned.code, 0, banned.stderr);
  const bans = parsed(await gridmesh(one.home, "bans", "ls", "--json")).bans;
  assert.deepEqual(
    bans.map(({ subject, sinceMs, untilMs, by }) => [subject, untilMs - sinceMs, by]),
    [[peerId, 3_600_000, "operator"]],
  );
  assert.match((await gridmesh(one.home, "peers", "ls", "--banned")).stdout, /banned/);
  const refused = await gridmesh(two.home, "peers", "connect", bootstrap[0] ?? "");
  assert.equal(refused.code, 1, refused.stdout);
  assert.match(
    refused.stderr,
    /^PEER_UNREACHABLE .*(?:a ban or a limit over there|a limit or ban over there)/,
  );

  assert.equal((await gridmesh(one.home, "bans", "lift", peerId)).code, 0);
  assert.equal((await gridmesh(one.home, "bans", "lift", peerId)).code, 4);
  assert.match((await gridmesh(one.home, "bans")).stdout, /nobody is banned/);
  const back = await gridmesh(one.home, "peers", "connect", second.node.addresses[0] ?? "", "--unban");
  assert.equal(back.code, 0, back.stderr);
});

test("doctor names libp2p's silent limits of running daemons, and they are gone once the setting is", async (t) => {
  using one = temporaryHome();
  using two = temporaryHome();
  using three = temporaryHome();
  const client = 'discovery.dhtMode = "client"\n';
  const strict = configOf({ network: "limits", more: `${client}limits.perIp = 1\n` });
  await using first = await startedDaemon(one.home, { config: strict });
  const bootstrap = first.node.addresses;
  const second = await startedDaemon(two.home, {
    config: configOf({ network: "limits", bootstrap, more: client }),
  });
  await using _ended: AsyncDisposable = second;
  assert.equal((await gridmesh(one.home, "wait", "--peers", "1")).code, 0);
  await using _third = await startedDaemon(three.home, {
    config: configOf({ network: "limits", bootstrap }),
  });

  await t.test("a limit of links per address, where it acts and where it is felt", async () => {
    const here = await diagnosed(one.home, "DIALS_THROTTLED");
    assert.match(here.text, /turned away by links-per-ip \(limits\.perIp\)/);
    assert.match((await diagnosed(three.home, "BOOTSTRAP_UNREACHABLE")).text, /reset before the handshake/);
    assert.match((await diagnosed(three.home, "DIALS_THROTTLED")).text, /were cut before the handshake/);
    assert.equal((await doctor(three.home)).code, 7);
  });

  await t.test("a DHT of clients alone is told without failing the check", async () => {
    const empty = await diagnosed(two.home, "DHT_EMPTY");
    assert.match(empty.text, /this node is only a client of it \(discovery\.dhtMode\)/);
    assert.equal(empty.state, "note");
    assert.equal((await doctor(two.home)).code, 0);
  });

  await t.test("once the place is free the third is linked, and serves the DHT", async () => {
    assert.equal((await gridmesh(two.home, "stop")).code, 0);
    const connected = await gridmesh(three.home, "peers", "connect", bootstrap[0] ?? "");
    assert.equal(connected.code, 0, connected.stderr);
    const names = (await doctor(three.home)).checks.map(({ name }) => name);
    assert.ok(!names.includes("BOOTSTRAP_UNREACHABLE"), names.join());
    const linked = (await doctor(one.home)).checks.map(({ name }) => name);
    assert.ok(!linked.includes("DHT_EMPTY"), linked.join());
  });
});

test("doctor without a daemon finds a private network mixed with QUIC, and no group of another name", async () => {
  using one = temporaryHome();
  const { writeFileSync } = await import("node:fs");
  writeFileSync(`${one.home}/config.toml`, 'reach.pskFile = "swarm.key"\nreach.quic = true\n');
  const ended = await gridmesh(one.home, "doctor", "home", "--json");
  assert.equal(ended.code, 7);
  const mixed = parsed(ended).checks.find(({ name }) => name === "PNET_MIXED_TRANSPORT");
  assert.match(mixed?.text ?? "", /reach\.quic .* reach\.pskFile/);
  writeFileSync(`${one.home}/config.toml`, 'reach.pskFile = "swarm.key"\n');
  const mended = parsed(await gridmesh(one.home, "doctor", "home", "--json"));
  assert.ok(!mended.checks.some(({ name }) => name === "PNET_MIXED_TRANSPORT"));
  const unknown = await gridmesh(one.home, "doctor", "nets");
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /no group "nets".*machine\|home\|node\|network\|work/);
});

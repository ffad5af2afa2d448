import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isProtocolError } from "@gridmesh/protocol";
import { controlClient } from "../src/client.ts";
import { loadConfig } from "../src/config/load.ts";
import { homePaths } from "../src/home.ts";
import { commonMarketMs } from "../src/market-time.ts";
import { prepareNode } from "../src/testnet/single.ts";
import { ended, program } from "./running.ts";

const nowMs = Date.UTC(2026, 0, 3);

function emptyHome() {
  const folder = mkdtempSync(join(tmpdir(), "gm-one-"));
  const home = join(folder, "home");
  return { home, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

async function configOf(home: string, name: string, env: Record<string, string>) {
  await prepareNode(homePaths(home, {}), { name, env, nowMs });
  return loadConfig({ home, env: {}, flags: {} }).config;
}

async function refusal(name: string, env: Record<string, string>, preset?: string): Promise<string> {
  using place = emptyHome();
  try {
    await prepareNode(homePaths(place.home, {}), { name, env, preset, nowMs });
    return "not refused";
  } catch (error) {
    return isProtocolError(error) ? `${error.code} ${error.message}` : String(error);
  }
}

test("a household gets the preset's config with what the environment says of it", async () => {
  using place = emptyHome();
  const config = await configOf(place.home, "household-agent-01", {
    AGENT_ID: "household-agent-01",
    AGENT_PORT: "8101",
    BECKN_GATEWAY_URL: "http://gateway:9000",
    INITIAL_SOC: "40",
  });
  assert.equal(config.network, "gridmesh-seed000");
  assert.equal(config.profile, "testnet");
  assert.deepEqual(config.listen, ["/ip4/0.0.0.0/tcp/4801"]);
  assert.deepEqual(config.discovery.bootstrap, ["/dns4/gateway/tcp/4801"]);
  assert.equal(config.status.listen, "0.0.0.0:8101");
  assert.equal(config.status.hosts[0], "household-agent-01");
  assert.deepEqual([config.lab.enabled, config.lab.paused, config.lab.clockSpeed], [true, false, 1]);
  const [agent] = config.agents;
  assert.equal(agent?.name, "household-agent-01");
  assert.equal(agent?.factory, "household");
  assert.equal(agent?.options["stateOfChargePercent"], 40);
  assert.equal(statSync(join(place.home, "config.toml")).mode & 0o777, 0o600);
});

test("the bootstrap node dials nobody; utility and reporter keep their files in the home", async () => {
  const url = { BECKN_GATEWAY_URL: "http://10.1.2.3:9000" };
  const folders: unknown[] = [];
  for (const name of ["bootstrap", "utility-agent", "reporter"]) {
    using place = emptyHome();
    const config = await configOf(place.home, name, url);
    const expected = name === "bootstrap" ? [] : ["/ip4/10.1.2.3/tcp/4801"];
    assert.deepEqual(config.discovery.bootstrap, expected);
    const listen = { bootstrap: "0.0.0.0:9000", "utility-agent": "0.0.0.0:8002" }[name] ?? "";
    assert.equal(config.status.listen, listen);
    const folder = config.agents[0]?.options["dir"];
    folders.push(typeof folder === "string" ? folder.slice(place.home.length) : folder);
  }
  assert.deepEqual(folders, [undefined, "/collections", "/reports"]);
});

test("a config that is there stays as it is, to the byte", async () => {
  using place = emptyHome();
  await prepareNode(homePaths(place.home, {}), { name: "reporter", env: {}, nowMs });
  const path = join(place.home, "config.toml");
  const own = `# mine\n${readFileSync(path, "utf8")}`;
  writeFileSync(path, own);
  await prepareNode(homePaths(place.home, {}), { name: "utility-agent", env: { AGENT_PORT: "1234" }, nowMs });
  assert.equal(readFileSync(path, "utf8"), own);
});

test("an unknown node is refused with the nearest, a bad variable with its name", async () => {
  assert.equal(
    await refusal("household-agent-1", {}),
    'CONFIG_INVALID no node "household-agent-1" in preset "seed000". Did you mean "household-agent-01"?',
  );
  assert.match(await refusal("gateway", {}), /It has: bootstrap, utility-agent, household-agent-01, /);
  assert.match(await refusal("reporter", {}, "dya"), /^CONFIG_INVALID no preset "dya".*day, seed000/);
  assert.match(await refusal("reporter", { GRIDMESH_PRESET: "dya" }), /^CONFIG_INVALID no preset "dya"/);
  const home = "household-agent-02";
  assert.match(await refusal(home, { INITIAL_SOC: "101" }), /^CONFIG_INVALID INITIAL_SOC .*0 … 100/);
  assert.match(await refusal(home, { INITIAL_SOC: "1.5" }), /^CONFIG_INVALID INITIAL_SOC /);
  assert.match(await refusal(home, { AGENT_PORT: "0" }), /^CONFIG_INVALID AGENT_PORT .*1 … 65535/);
  assert.match(await refusal(home, { AGENT_ID: "Home 2" }), /^CONFIG_INVALID AGENT_ID /);
  assert.match(await refusal(home, { BECKN_GATEWAY_URL: "gateway" }), /^CONFIG_INVALID BECKN_GATEWAY_URL /);
});

test("faster market time counts from the year's beginning, so that daemons started apart agree", () => {
  assert.equal(commonMarketMs(1, nowMs), nowMs);
  assert.equal(commonMarketMs(10, nowMs), Date.UTC(2026, 0, 21));
  assert.equal(commonMarketMs(10, nowMs + 1_000) - commonMarketMs(10, nowMs), 10_000);
});

test("market time of a testnet counts from its beginning where that is told", async () => {
  using place = emptyHome();
  const at = (env: Record<string, string>, preset = "seed000") =>
    prepareNode(homePaths(place.home, {}), { name: "reporter", preset, env, nowMs });
  assert.equal(await at({}), undefined);
  const fast = { GRIDMESH_LAB_CLOCK_SPEED: "10" };
  assert.equal(await at(fast), undefined);
  assert.equal(await at({ ...fast, GRIDMESH_LAB_MARKET_START_MS: "5" }), undefined);
  const anHourAgo = { ...fast, TESTNET_BEGAN: String(nowMs / 1_000 - 3_600) };
  assert.equal(await at(anHourAgo, "day"), Date.UTC(2017, 6, 12, 10));
  await assert.rejects(at(fast, "day"), {
    code: "CONFIG_INVALID",
    message: /begins on 2017-07-12: .*TESTNET_BEGAN=/,
  });
});

test("the verb runs the node until SIGTERM, which ends it with 0 within 5 s", async () => {
  using place = emptyHome();
  const env = {
    ...process.env,
    GRIDMESH_LISTEN: "/ip4/127.0.0.1/tcp/0",
    GRIDMESH_LAB_CLOCK_SPEED: "10",
  };
  const args = [program, "testnet", "node", "household-agent-02", "--home", place.home];
  const child = spawn(process.execPath, args, { env: { ...env, GRIDMESH_STATUS_LISTEN: "127.0.0.1:0" } });
  const end = ended(child);
  const client = controlClient(join(place.home, "control.sock"));
  const deadlineMs = Date.now() + 20_000;
  let agents: readonly { readonly name: string }[] = [];
  while (agents.length === 0 && Date.now() < deadlineMs && child.exitCode === null) {
    agents = await client.agents({ timeoutMs: 1_000 }).catch(() => []);
    if (agents.length === 0) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const stopMs = Date.now();
  child.kill("SIGTERM");
  const { code, stdout, stderr } = await end;
  assert.deepEqual(
    agents.map(({ name }) => name),
    ["household-agent-02"],
    stdout + stderr,
  );
  assert.equal(code, 0, stderr);
  assert.ok(Date.now() - stopMs < 5_000);
});

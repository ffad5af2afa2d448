import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { exitCodeOf } from "@gridmesh/protocol";
import { run } from "../src/cli/index.ts";
import { durationMs } from "../src/cli/invocation.ts";
import { checkSocketPath } from "../src/home.ts";
import { nearest } from "../src/nearest.ts";
import { memoryIo } from "./memory-io.ts";

const program = fileURLToPath(new URL("../bin/gridmesh.js", import.meta.url));

async function typed(...args: string[]) {
  const io = memoryIo();
  const exitCode = await run(args, io);
  return { exitCode, out: io.stdout(), err: io.stderr() };
}

test("bare gridmesh prints the first steps", async () => {
  const { exitCode, out } = await typed();
  assert.equal(exitCode, 0);
  assert.match(out, /gridmesh testnet run/);
  assert.match(out, /gridmesh start/);
});

test("an unknown verb exits 2 and names the nearest", async () => {
  const { exitCode, out, err } = await typed("stats");
  assert.equal(exitCode, 2);
  assert.equal(out, "");
  assert.equal(err, 'INVALID_REQUEST unknown verb "stats". Did you mean "status"? → gridmesh status\n');
});

test("an unknown flag exits 2 and names the nearest, before and after the verb", async () => {
  const after = await typed("status", "--jsno");
  assert.equal(after.exitCode, 2);
  assert.match(after.err, /unknown option "--jsno". Did you mean --json\?/);
  const before = await typed("--hom=/x");
  assert.equal(before.exitCode, 2);
  assert.match(before.err, /unknown option "--hom=\/x". Did you mean --home\?/);
  const deep = await typed("start", "--discovery-mdsn", "false");
  assert.equal(deep.exitCode, 2);
  assert.match(deep.err, /Did you mean --discovery-mdns\?/);
});

test("an unknown subcommand, a missing argument and one too many exit 2", async () => {
  assert.equal((await typed("trade", "lst")).exitCode, 2);
  assert.equal((await typed("call")).exitCode, 2);
  assert.equal((await typed("config", "get", "profile", "lan")).exitCode, 2);
  assert.equal((await typed("call", "local:a/b", "{oops")).exitCode, 2);
  assert.equal((await typed("status", "--timeout", "soon")).exitCode, 2);
  assert.equal((await typed("testnet", "run", "--kill", "many")).exitCode, 2);
});

test("a group of commands without one of them, and an unknown one, point at their own help", async () => {
  const bare = await typed("testnet");
  assert.deepEqual(
    [bare.exitCode, bare.err],
    [2, "INVALID_REQUEST testnet does nothing by itself. → gridmesh testnet --help\n"],
  );
  assert.match((await typed("testnet", "rnu")).err, /Did you mean run\? → gridmesh testnet --help\n$/);
});

test("what a testnet cannot do exits 2 with its cause and where to read on", async () => {
  const refused = {
    "--preset nope": 'CONFIG_INVALID no preset "nope" in @gridmesh/agents. It has: day, seed000',
    "--cycles 0": "CONFIG_INVALID --cycles must be an integer from 1, not 0",
    "--speed 10001": "CONFIG_INVALID --speed must be an integer from 1 to 10000, not 10001",
    "--kill 12": "CONFIG_INVALID --kill must be 0 … 11, the trading daemons, not 12",
    "--day 2017-99-99": 'INVALID_PARAMS no day: "2017-99-99", expected YYYY-MM-DD',
    "--wan": "UNSUPPORTED_OPERATION --wan is not built yet; links run at loopback speed",
  };
  for (const [flags, expected] of Object.entries(refused)) {
    const { exitCode, out, err } = await typed("testnet", "run", ...flags.split(" "));
    assert.deepEqual([exitCode, out, err], [2, "", `${expected}. → gridmesh testnet run --help\n`]);
  }
  const { err } = await typed("testnet", "run", "--data", "/nonexistent/homes");
  assert.match(err, /^CONFIG_INVALID --data \/nonexistent\/homes: /);
});

test("a home that is no folder, or cannot be made, is named with what to do", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gm-cli-"));
  try {
    const file = join(folder, "file");
    writeFileSync(file, "");
    const { exitCode, err } = await typed("start", "--home", file);
    assert.equal(exitCode, 1);
    assert.equal(
      err,
      `IDENTITY_UNREADABLE ${file} is a link or no folder; give its real path. → gridmesh --home ${file} doctor\n`,
    );
    const below = await typed("start", "--home", join(file, "home"));
    assert.match(below.err, /^IDENTITY_UNREADABLE .*cannot be made \(ENOTDIR\): choose another --home/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("with --json an error is one line of JSON on stderr and stdout stays empty", async () => {
  const { exitCode, out, err } = await typed("status", "--json", "--home", "/nonexistent/gridmesh");
  assert.equal(exitCode, 3);
  assert.equal(out, "");
  const { schemaVersion, error } = JSON.parse(err) as {
    schemaVersion: number;
    error: Record<string, unknown>;
  };
  assert.equal(schemaVersion, 1);
  assert.equal(error["code"], "NOT_RUNNING");
  assert.equal(error["number"], -31703);
  assert.equal(error["fix"], "gridmesh --home /nonexistent/gridmesh start");
  assert.equal(error["retryable"], true);
});

test("every verb that needs a daemon exits 3 without one", async () => {
  const home = mkdtempSync(join(tmpdir(), "gm-cli-"));
  try {
    for (const words of [
      ["status"],
      ["id"],
      ["peers"],
      ["agents", "find"],
      ["call", "node/get_info"],
      ["trade"],
      ["ledger", "audit"],
      ["stop"],
    ]) {
      const { exitCode, err } = await typed(...words, "--home", home);
      assert.equal(exitCode, 3, words.join(" "));
      const fix = words[0] === "stop" ? "nothing is left to stop" : `gridmesh --home ${home} start`;
      assert.ok(err.startsWith("NOT_RUNNING ") && err.endsWith(` → ${fix}\n`), err);
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test("health of a daemon that does not run exits 7 with one word", async () => {
  assert.deepEqual(await typed("health", "--live", "--home", "/nonexistent/gridmesh"), {
    exitCode: 7,
    out: "dead\n",
    err: "",
  });
  assert.deepEqual(await typed("health", "--home", "/nonexistent/gridmesh"), {
    exitCode: 7,
    out: "not ready\n",
    err: "",
  });
});

test("codes become exit codes as the documentation says", () => {
  assert.equal(exitCodeOf("CONFIG_INVALID"), 2);
  assert.equal(exitCodeOf("ADDRESS_INVALID"), 2);
  assert.equal(exitCodeOf("NOT_RUNNING"), 3);
  assert.equal(exitCodeOf("AGENT_NOT_FOUND"), 4);
  assert.equal(exitCodeOf("NO_PROVIDER"), 4);
  assert.equal(exitCodeOf("CALL_TIMEOUT"), 5);
  assert.equal(exitCodeOf("UNAUTHORIZED"), 6);
  assert.equal(exitCodeOf("SPEND_LIMIT"), 6);
  assert.equal(exitCodeOf("PEER_UNREACHABLE"), 1);
});

test("a control socket path of 107 bytes is taken, one of 108 refused with its length", () => {
  checkSocketPath(`/${"x".repeat(106)}`);
  assert.throws(() => checkSocketPath(`/${"x".repeat(107)}`), {
    code: "CONFIG_INVALID",
    message: /108 bytes long, 107 are allowed/,
  });
  assert.throws(() => checkSocketPath(`/${"ü".repeat(54)}`), {
    code: "CONFIG_INVALID",
    message: /109 bytes/,
  });
});

test("lengths of time read as people write them", () => {
  assert.equal(durationMs("500ms"), 500);
  assert.equal(durationMs("10s"), 10_000);
  assert.equal(durationMs("2m"), 120_000);
  assert.equal(durationMs("1h"), 3_600_000);
  assert.equal(durationMs("3"), 3_000);
});

test("the nearest word is one slip away, not any word", () => {
  assert.equal(nearest("stauts", ["status", "start"]), "status");
  assert.equal(nearest("xyzzy", ["status", "start"]), undefined);
  assert.equal(nearest("", ["id"]), undefined);
});

test("the program runs from its file, prints its version and survives a reader that goes away", () => {
  const shown = spawnSync(process.execPath, [program, "--version"], { encoding: "utf8" });
  assert.equal(shown.status, 0, shown.stderr);
  assert.match(shown.stdout, /^\d+\.\d+\.\d+\n$/);
  assert.equal(shown.stderr, "");
  const cut = spawnSync("sh", ["-c", `"${process.execPath}" "${program}" start --help | head -c 1`], {
    encoding: "utf8",
  });
  assert.equal(cut.stderr, "");
});

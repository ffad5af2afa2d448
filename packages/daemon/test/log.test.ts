import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog, type LogOptions } from "../src/log.ts";

function logging(options: Partial<LogOptions>) {
  const lines: string[] = [];
  const log = createLog({
    level: "info",
    format: "json",
    levels: {},
    destination: { write: (line) => lines.push(line) },
    ...options,
  });
  return { log, lines };
}

test("a log line is JSON with time, level, subsystem, event, msg and the facts", () => {
  const { log, lines } = logging({});
  log
    .child("trade")
    .info("trade.confirmed", "Contract confirmed!", { transactionId: "t-1", agent: "home-1" });
  const { time, ...rest } = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(rest, {
    level: "info",
    subsystem: "trade",
    event: "trade.confirmed",
    msg: "Contract confirmed!",
    transactionId: "t-1",
    agent: "home-1",
  });
});

test("a subsystem follows its own level, its parts follow it, the others the common one", () => {
  const { log, lines } = logging({ level: "warn", levels: { network: "debug", trade: "silent" } });
  const said = (subsystem: string) => {
    lines.length = 0;
    log.child(subsystem).debug("a", "debug");
    log.child(subsystem).error("b", "error");
    return lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
  };
  assert.deepEqual(said("network"), ["debug", "error"]);
  assert.deepEqual(said("network.gossip"), ["debug", "error"]);
  assert.deepEqual(said("trade"), []);
  assert.deepEqual(said("registry"), ["error"]);
});

test("a line for people keeps to one line and moves no cursor, whatever a peer put into it", () => {
  const { log, lines } = logging({ format: "pretty" });
  log.warn("peer.says", "hello\u001b[2J\nworld", { peer: "a\rb" });
  assert.match(
    lines[0] ?? "",
    /^\d\d:\d\d:\d\d warn {2}daemon {2}hello\\x1b\[2J\\x0aworld {2}peer=a\\x0db\n$/,
  );
  assert.equal(lines[0]?.trimEnd().includes("\n"), false);
});

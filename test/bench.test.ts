import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { dirname, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { formatLine, line, percentile, underLoad } from "../bench/measure.ts";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const execute = promisify(execFile);

async function bench(...words: string[]): Promise<string> {
  const { stdout } = await execute(
    process.execPath,
    ["--conditions=gridmesh-source", "bench/run.ts", ...words],
    { cwd: ROOT, timeout: 180_000 },
  );
  return stdout;
}

interface Printed {
  readonly bench: string;
  readonly lines: readonly {
    readonly name: string;
    readonly value: number | null;
    readonly beside: readonly { readonly ratio: number }[];
  }[];
}

/** How many lines each prints. */
const lines: Readonly<Record<string, number>> = {
  rpc: 5,
  agents: 5,
  bulk: 4,
  trade: 4,
  registry: 7,
  clearing: 7,
  start: 4,
  swarm: 9,
  offers: 8,
  gossip: 2,
};

test("without a name the benches are listed, an unknown name is a usage error", async () => {
  const listed = await bench();
  assert.deepEqual(
    listed
      .trim()
      .split("\n")
      .map((text) => text.split(" ")[0]),
    Object.keys(lines),
  );
  await assert.rejects(bench("nothing"), (error: { code?: unknown }) => error.code === 2);
});

for (const [name, count] of Object.entries(lines)) {
  test(`bench ${name} gets every answer right and prints its figures`, async () => {
    const printed = JSON.parse(await bench(name, "--quick", "--json")) as Printed;
    assert.equal(printed.bench, name);
    assert.equal(printed.lines.length, count);
    for (const { name, value, beside } of printed.lines) {
      // Resident memory is told by Linux alone; of streams none may be left.
      if (name === "streams left") assert.equal(value, 0);
      else if (value !== null) assert.ok(value > 0, name);
      for (const { ratio } of beside) assert.ok(ratio > 0, name);
    }
  });
}

test("a percentile is the nearest rank, a line tells figure and ratio", () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.equal(percentile(values, 0.5), 50);
  assert.equal(percentile(values, 0.99), 99);
  assert.equal(percentile([7], 0.01), 7);
  const one = line({ name: "call", value: 50, unit: "/s" }, { name: "other", value: 200, unit: "/s" });
  assert.equal(formatLine(one), "call: 50.0 /s; 0.250 × other (200 /s)");
});

test("a wrong answer under load fails the measurement", async () => {
  await assert.rejects(
    underLoad({ atOnce: 4, forMs: 20 }, async (n) => assert.notEqual(n, 3)),
    { name: "AssertionError" },
  );
});

test("an answer that never comes fails the measurement too", async () => {
  const work = (n: number): Promise<void> =>
    n === 3 ? Promise.withResolvers<void>().promise : Promise.resolve();
  await assert.rejects(underLoad({ atOnce: 4, forMs: 5, lostMs: 20 }, work), {
    message: "1 answers were lost",
  });
});

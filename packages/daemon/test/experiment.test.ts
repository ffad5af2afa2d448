import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../src/cli/index.ts";
import { memoryIo } from "./memory-io.ts";

const DATA = fileURLToPath(new URL("../../../../shared/data/energy", import.meta.url));
const withoutData = existsSync(DATA) ? false : "no ../shared/data/energy beside the repository";

async function typed(...args: string[]) {
  const io = memoryIo();
  const exitCode = await run(["experiment", ...args], io);
  return { exitCode, out: io.stdout(), err: io.stderr() };
}

interface Report {
  readonly holds: boolean;
  readonly experiments: readonly {
    readonly id: string;
    readonly result: {
      readonly tables: readonly {
        readonly dataset: { readonly name: string; readonly sha256: string | null };
        readonly figures: readonly {
          readonly name: string;
          readonly value: number;
          readonly pass: boolean;
        }[];
      }[];
      readonly claims: readonly { readonly reached: boolean }[];
    };
  }[];
}

test("experiments are listed from E1 to E12", async () => {
  const { exitCode, out } = await typed("--json");
  assert.equal(exitCode, 0);
  const { experiments } = JSON.parse(out) as { experiments: { id: string }[] };
  assert.deepEqual(
    experiments.map(({ id }) => id),
    Array.from({ length: 12 }, (_, index) => `E${index + 1}`),
  );
});

test("an experiment that needs nodes of its own is refused, and an unknown one names the nearest", async () => {
  const refused = await typed("ingest");
  assert.notEqual(refused.exitCode, 0);
  assert.match(refused.err, /^UNSUPPORTED_OPERATION E8 needs nodes/);
  const unknown = await typed("fequency");
  assert.equal(unknown.exitCode, 2);
  assert.match(unknown.err, /Did you mean "frequency"\?/);
});

test("E4 prints each figure with its bar, on data by name", async () => {
  const { exitCode, out } = await typed("market", "--quick", "--assert");
  assert.equal(exitCode, 0, out);
  assert.match(out, /market on random needs, seed 1: \d+ of \d+ bars held/);
  assert.match(out, /call-uniform, truthful: efficiency +1\.0000|call-uniform, truthful: efficiency +1 /);
});

test("E7 finds and convicts every cheat, and nobody honest", async () => {
  const { exitCode, out } = await typed("cheat", "--quick", "--assert", "--json");
  assert.equal(exitCode, 0, out);
  const [report] = (JSON.parse(out) as Report).experiments;
  assert.equal(report?.result.tables[0]?.figures.length, 18);
});

test("E6 passes every case of every file of known answers", { skip: withoutData }, async () => {
  const { exitCode, out } = await typed(
    "conformance",
    "--oracles",
    DATA,
    "--data",
    DATA,
    "--assert",
    "--json",
  );
  assert.equal(exitCode, 0, out);
  const [report] = (JSON.parse(out) as Report).experiments;
  assert.deepEqual(
    report?.result.tables.map(({ dataset }) => dataset.name),
    [
      "clearing_cases.json",
      "published_examples.json",
      "vectors.json",
      "feeder_voltage.json",
      "battery_lp.json",
    ],
  );
  for (const { dataset } of report?.result.tables ?? []) assert.match(dataset.sha256 ?? "", /^[0-9a-f]{64}$/);
});

test(
  "E1 on measured homes names its data by hash, and what it does not reach",
  { skip: withoutData },
  async () => {
    const { exitCode, out } = await typed("cost", "--data", DATA, "--quick", "--assert", "--json");
    assert.equal(exitCode, 0, out);
    const [report] = (JSON.parse(out) as Report).experiments;
    const [table] = report?.result.tables ?? [];
    assert.equal(table?.dataset.name, "citylearn2022");
    assert.match(table.dataset.sha256 ?? "", /^[0-9a-f]{64}$/);
    const saved = table.figures.find(({ name }) => name === "guide, feed-in 0.05: saved by trading");
    assert.equal(saved?.value.toFixed(1), "16.2");
    assert.deepEqual(
      report?.result.claims.map(({ reached }) => reached),
      [true, false],
    );
  },
);

test("a figure outside its bar ends in exit code 7 when that was asked, and any module may bring experiments", async () => {
  const figure = { name: "f", value: 2, unit: "", baseline: null, bar: [0, 1], pass: false };
  const table = { title: "t", dataset: { name: "d", sha256: null }, figures: [figure] };
  const result = { tables: [table], claims: [], notes: [] };
  const source = `export const experiments = { mine: { id: "M", summary: "", run: async () => (${JSON.stringify(result)}) } }`;
  const module = `data:text/javascript,${encodeURIComponent(source)}`;
  assert.equal((await typed("mine", "--module", module)).exitCode, 0);
  const asserted = await typed("mine", "--module", module, "--assert");
  assert.equal(asserted.exitCode, 7);
  assert.match(asserted.out, /MISSED/);
  const none = await typed("mine", "--module", "data:text/javascript,export{}");
  assert.match(none.err, /^CONFIG_INVALID .* exports no "experiments"/);
});

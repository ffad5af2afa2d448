import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { type MetricEntry, metricTable } from "@gridmesh/node";
import { processMetricNames } from "../src/metrics/process-metrics.ts";
import { configOf, gridmesh, startedDaemon, temporaryHome } from "./running.ts";

interface Family {
  readonly name: string;
  readonly type: string;
  readonly series: Map<string, number>;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?\d[\d.e+-]*|[+-]Inf|NaN)$/;
const LABELS = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"(?:,|$)/gy;

/** Reads the text form as Prometheus does, and stricter: HELP, TYPE, then each series once. */
function parsed(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  let help = "";
  let open: Family | undefined;
  for (const line of text.split("\n").filter((one) => one !== "")) {
    const [, head, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (head === "HELP") help = name;
    else if (head === "TYPE") {
      assert.equal(help, name, `TYPE of ${name} follows its HELP`);
      assert.ok(!families.has(name), `${name} is told once`);
      open = { name, type: rest, series: new Map() };
      families.set(name, open);
    } else {
      assert.ok(open !== undefined, line);
      const [, series = "", labels = "", value = ""] = LINE.exec(line) ?? [];
      const suffix = series.slice(open.name.length);
      assert.ok(series.startsWith(open.name), `${line} belongs to ${open.name}`);
      const parts =
        open.type === "histogram" || open.type === "summary" ? ["_bucket", "_sum", "_count", ""] : [""];
      assert.ok(parts.includes(suffix), line);
      const pairs = [...labels.matchAll(LABELS)].map((pair) => pair[0].replace(/,$/, ""));
      assert.equal(pairs.join(","), labels, `labels of ${line}`);
      const key = `${series}{${pairs.toSorted().join(",")}}`;
      assert.ok(!open.series.has(key), `${key} is told once`);
      open.series.set(key, Number(value));
    }
  }
  return families;
}

function valuesOf(family: Family, label: string): ReadonlySet<string> {
  const found = [...family.series.keys()].flatMap((key) => [...key.matchAll(LABELS_ANYWHERE)]);
  return new Set(found.filter(([, name]) => name === label).map(([, , value = ""]) => value));
}
const LABELS_ANYWHERE = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"/g;

test("the metrics page of two daemons that met is sound, closed and counts what they said", async (t) => {
  using one = temporaryHome();
  using two = temporaryHome();
  const more = 'metrics.libp2p = true\nstatus.listen = "127.0.0.1:0"\n';
  await using first = await startedDaemon(one.home, {
    config: configOf({ network: "pages", agent: "a", more }),
  });
  const config = configOf({ network: "pages", agent: "b", bootstrap: first.node.addresses });
  await using second = await startedDaemon(two.home, { config });
  const met = await gridmesh(two.home, "wait", "--peers", "1", "--agents", "2");
  assert.equal(met.code, 0, met.stderr);
  assert.equal((await gridmesh(two.home, "call", `${first.node.peerId}:a/tools/list`)).code, 0);

  const response = await fetch(`http://${first.node.statusPage}/metrics`);
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  const families = parsed(text);

  await t.test("every metric of the table is there, with its kind and labels of the table alone", () => {
    for (const [name, entry] of Object.entries(metricTable) as [string, MetricEntry][]) {
      const family = families.get(`gridmesh_${name}`);
      assert.ok(family !== undefined, name);
      assert.equal(family.type, entry.kind);
      if (entry.kind === "counter") assert.match(name, /_total$/);
      else assert.doesNotMatch(name, /_total$/);
      for (const [label, known] of Object.entries(entry.labels ?? {})) {
        for (const value of valuesOf(family, label)) {
          assert.ok(known.length === 0 || known.includes(value), `${name}{${label}="${value}"}`);
        }
      }
    }
    const own = [...families.keys()].filter((name) => name.startsWith("gridmesh_"));
    assert.equal(own.length, Object.keys(metricTable).length);
  });

  await t.test("no id of a peer or agent is a label", () => {
    const ours = text.split("\n").filter((line) => line.startsWith("gridmesh_"));
    assert.ok(!ours.some((line) => line.includes("12D3KooW") || line.includes("ed25519:")));
  });

  await t.test("what happened is counted", () => {
    const sum = (name: string, part = "") => {
      const family = families.get(name);
      assert.ok(family !== undefined, name);
      const chosen = [...family.series].filter(([key]) => key.includes(part));
      return chosen.reduce((total, [, value]) => total + value, 0);
    };
    assert.equal(sum("gridmesh_links"), 1);
    assert.ok(sum("gridmesh_messages_total", 'protocol="control",verdict="accept"') > 0);
    assert.ok(sum("gridmesh_message_bytes_total", 'direction="in"') > 100);
    assert.equal(sum("gridmesh_agents", 'state="ready"'), 1);
    assert.ok(sum("gridmesh_call_duration_seconds", '_count{route="inbound"}') > 0);
    assert.equal(sum("gridmesh_registry_records"), 1);
    assert.ok(sum("process_resident_memory_bytes") > 1e7);
    assert.ok(sum("nodejs_heap_size_used_bytes") > 1e6);
  });

  await t.test("of the process's own only those of the list are shown", () => {
    const shown = [...families.keys()].filter((name) => /^(?:process|nodejs)_/.test(name));
    assert.deepEqual(shown, processMetricNames);
  });

  await t.test("libp2p's and gossip's own join when asked for", () => {
    const named = (prefix: string) => [...families.keys()].filter((name) => name.startsWith(prefix)).length;
    assert.ok(named("libp2p_") > 30, `${named("libp2p_")} of libp2p`);
    assert.ok(named("gossipsub_") > 90, `${named("gossipsub_")} of gossipsub`);
  });

  await t.test("gossip's metrics count a message", async () => {
    const counted = async () => {
      const page = parsed(await (await fetch(`http://${first.node.statusPage}/metrics`)).text());
      return [...(page.get("gossipsub_rpc_recv_bytes_total")?.series.values() ?? [0])][0] ?? 0;
    };
    assert.ok((await counted()) > 0);
  });

  await t.test("promtool finds nothing to say", () => {
    const ours = text.split("\n\n").filter((part) => !/^# HELP (?:libp2p|gossipsub)_/.test(part));
    const checked = spawnSync("promtool", ["check", "metrics"], {
      input: `${ours.join("\n\n")}\n`,
      encoding: "utf8",
    });
    if (checked.error !== undefined) return t.diagnostic("promtool: skipped, not on PATH");
    assert.equal(`${checked.stdout}${checked.stderr}`.trim(), "");
    return undefined;
  });

  await t.test("gridmesh metrics prints the same page, and the table as JSON", async () => {
    const page = await gridmesh(one.home, "metrics");
    assert.deepEqual([...parsed(page.stdout).keys()], [...families.keys()]);
    const json = JSON.parse((await gridmesh(one.home, "metrics", "--json")).stdout) as {
      families: { name: string }[];
    };
    assert.deepEqual(
      json.families.map(({ name }) => name),
      Object.keys(metricTable),
    );
  });

  assert.equal((await gridmesh(two.home, "stop")).code, 0);
  assert.equal((await second.ended).code, 0);
});

/**
 * Our node with peers of other libp2ps, row by row, both directions.
 *
 *   npm run interop -- [--peer go|rust] [--row text] [--suite DIR]
 */

import { parseArgs } from "node:util";
import type { ForeignProgram } from "./foreign.ts";
import { kitOf, type Row } from "./kit.ts";
import { linkRows } from "./rows-links.ts";
import { talkRows } from "./rows-talk.ts";
import { runSuite } from "./suite/run.ts";
import { peers } from "./toolchains.ts";

const ROW_MS = 240_000;

interface Outcome {
  readonly peer: string;
  readonly passed: number;
  readonly failed: number;
}

const { values } = parseArgs({
  options: {
    peer: { type: "string", multiple: true },
    row: { type: "string" },
    suite: { type: "string" },
  },
});
const rows = [...linkRows, ...talkRows].filter(({ name }) => name.includes(values.row ?? ""));
if (rows.length === 0) throw new Error(`no row's name holds "${values.row}"`);
const say = (line: string) => void process.stdout.write(`${line}\n`);

async function runRow(row: Row, program: ForeignProgram): Promise<boolean> {
  await using undo = new AsyncDisposableStack();
  const startMs = performance.now();
  const took = () => `${((performance.now() - startMs) / 1_000).toFixed(1)} s`;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not over within ${ROW_MS / 1_000} s`)), ROW_MS);
  try {
    const seen = await Promise.race([row.run(kitOf(program, undo)), late.promise]);
    say(`  pass  ${row.name.padEnd(48)} ${seen.padEnd(26)} ${took()}`);
    return true;
  } catch (error) {
    say(`  FAIL  ${row.name.padEnd(48)} ${took()}\n${String(error instanceof Error ? error.stack : error)}`);
    return false;
  } finally {
    clearTimeout(timer);
  }
}

async function runPeer(name: string): Promise<Outcome | undefined> {
  const prepared = await peers[name]?.();
  if (prepared === undefined) throw new Error(`no such peer: ${name}`);
  if ("skipped" in prepared) {
    say(`interop ${name}: skipped, ${prepared.skipped}`);
    return undefined;
  }
  say(`interop ${name}: ${prepared.versions}`);
  let passed = 0;
  for (const row of rows) if (await runRow(row, prepared.program)) passed += 1;
  return { peer: name, passed, failed: rows.length - passed };
}

if (values.suite === undefined) {
  const outcomes: Outcome[] = [];
  for (const name of values.peer ?? Object.keys(peers)) {
    const outcome = await runPeer(name);
    if (outcome !== undefined) outcomes.push(outcome);
  }
  say("\npeer      pass  fail");
  for (const { peer, passed, failed } of outcomes) {
    say(`${peer.padEnd(8)}${String(passed).padStart(6)}${String(failed).padStart(6)}`);
  }
  if (outcomes.length === 0) say("none ran");
  process.exitCode = outcomes.some(({ failed }) => failed > 0) ? 1 : 0;
} else {
  process.exitCode = await runSuite(values.suite);
}

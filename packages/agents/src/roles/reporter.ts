/** The reporter: reads every open ledger, recomputes the totals from them, and writes them down at fixed times. */

import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentContext, AgentDefinition } from "@gridmesh/node";
import { auditBooks, type LedgerTotals, ledgerTotals } from "@gridmesh/energy";
import {
  type BookSnapshot,
  type JsonObject,
  type JsonValue,
  ProtocolError,
  messageOf,
} from "@gridmesh/protocol";
import { z } from "zod";
import { labUntil, localOnly, read } from "../answers.ts";
import { collectStatesOfCharge, type StateOfCharge } from "../collect.ts";
import { everyMarketMs } from "../market-loop.ts";
import { tariffAnswer } from "../operator.ts";
import { parseOptions } from "../options.ts";
import { reportText } from "../report-text.ts";

const CALL_TIMEOUT_MS = 10_000;

const reporterOptions = z.strictObject({
  /** Market seconds between two reports. */
  everyS: z.int().min(1).max(86_400).default(120),
  /** Folder of the reports; without it they are only answered. */
  dir: z.string().min(1).optional(),
});

type Options = z.output<typeof reporterOptions>;

/** What the reporter writes: who there is, what they hold, what the ledgers come to. Times: market ms. */
export interface Report {
  readonly schemaVersion: 1;
  readonly type: "report";
  readonly atMs: number;
  readonly currency: string;
  readonly agents: readonly { readonly agent: string; readonly address: string }[];
  /** Agents whose ledger or state of charge could not be read. */
  readonly missing: readonly string[];
  readonly statesOfCharge: readonly StateOfCharge[];
  readonly ledgersAgree: boolean;
  readonly differences: number;
  readonly totals: LedgerTotals;
}

/** The reporter agent. @throws CONFIG_INVALID naming the option. */
export function reporter(raw: unknown): AgentDefinition {
  const options = parseOptions("reporter", reporterOptions, raw);
  let running: Reporter | undefined;
  return {
    capabilities: ["energy.report"],
    methods: {
      "report/run": async (_params, call) => {
        localOnly(call);
        if (running === undefined)
          throw new ProtocolError("AGENT_UNAVAILABLE", "the reporter has not started");
        return running.report();
      },
      "lab/until": (params, call) => {
        localOnly(call);
        running?.endAt(read(labUntil, params).untilMs);
        return {};
      },
    },
    async start(context) {
      running = startReporter(context, options);
    },
    async stop() {
      running?.stop();
    },
  };
}

interface Reporter {
  /** {report, reports}: a new report, and how many there are with it. */
  report(): Promise<JsonObject>;
  /** No report of its own accord from this market time on. */
  endAt(untilMs: number): void;
  stop(): void;
}

function startReporter(context: AgentContext, options: Options): Reporter {
  let written = 0;
  let untilMs = Number.POSITIVE_INFINITY;
  let working: Promise<JsonObject> | undefined;
  const once = async (): Promise<JsonObject> => {
    const report = await makeReport(context);
    written += 1;
    const reports = options.dir === undefined ? written : write(options.dir, report);
    context.log.info("report.written", `report ${reports}: ${report.totals.confirmed} trades`);
    return { report: report as unknown as JsonValue, reports };
  };
  const report = () => {
    working ??= once().finally(() => {
      working = undefined;
    });
    return working;
  };
  const loop = everyMarketMs(context.market, options.everyS * 1_000, (atMs) => {
    if (atMs >= untilMs) return;
    report().catch((error: unknown) => {
      context.log.warn("report.failed", `no report: ${messageOf(error)}`);
    });
  });
  return {
    report,
    endAt(atMs) {
      untilMs = atMs;
    },
    stop: () => loop[Symbol.dispose](),
  };
}

async function makeReport(context: AgentContext): Promise<Report> {
  const rows = context.registry
    .known()
    .filter((row) => row.capabilities.some((word) => word === "energy.soc" || word === "energy.operator"))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const operators = rows.filter((row) => row.capabilities.includes("energy.operator"));
  const wait = { timeoutMs: CALL_TIMEOUT_MS, signal: context.signal };
  const [operator] = operators;
  if (operator === undefined)
    throw new ProtocolError("NO_PROVIDER", "no operator heard of: no tariff to compare with");
  const tariff = tariffAnswer.parse(await context.call(`${operator.address}/tariff`, {}, wait));
  const missing = new Set<string>();
  const books: BookSnapshot[] = [];
  await Promise.all(
    rows.map(async (row) => {
      try {
        const book = await context.call(`${row.address}/ledger/snapshot`, {}, wait);
        books.push(book as unknown as BookSnapshot);
      } catch {
        missing.add(row.name);
      }
    }),
  );
  const states = await collectStatesOfCharge(context);
  for (const name of states.missing) missing.add(name);
  books.sort((a, b) => (a.name < b.name ? -1 : 1));
  const audit = auditBooks(books);
  return {
    schemaVersion: 1,
    type: "report",
    atMs: context.market.nowMs(),
    currency: tariff.currency,
    agents: rows.map((row) => ({ agent: row.name, address: row.address })),
    missing: [...missing].sort(),
    statesOfCharge: states.rows,
    ledgersAgree: audit.agree,
    differences: audit.differences.length,
    totals: ledgerTotals(books, { operators: new Set(operators.map((row) => row.agentId)), tariff }),
  };
}

/** Writes `<UTC>.json` and `.txt`; returns how many reports the folder holds. */
function write(dir: string, report: Report): number {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const stamp = new Date(report.atMs)
    .toISOString()
    .replaceAll(/[-:]/g, "")
    .replace(/\.\d+Z$/, "Z");
  let name = stamp;
  for (let n = 2; existsSync(join(dir, `${name}.json`)); n++) name = `${stamp}-${n}`;
  writeFileSync(join(dir, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`, { mode: 0o600 });
  writeFileSync(join(dir, `${name}.txt`), reportText(report), { mode: 0o600 });
  return readdirSync(dir).filter((file) => file.endsWith(".json")).length;
}

/** After the last cycle: the last collection and report, the audit of every ledger, the end of all processes. */

import { isDeepStrictEqual } from "node:util";
import { auditBooks, ledgerTotals } from "@gridmesh/energy";
import { type BookSnapshot, type JsonValue, toProtocolError } from "@gridmesh/protocol";
import { takeLatencies } from "./cycles.ts";
import type { FailureCode } from "./failures.ts";
import type { Collections, RunFigures } from "./figures.ts";
import type { Fleet, FleetAgent } from "./fleet.ts";
import { type Observer, profileOf } from "./observe.ts";
import type { Output } from "./output.ts";

const COLLECT_DEADLINE_MS = 10_000;
const AUDIT_DEADLINE_MS = 10_000;
const STOP_DEADLINE_MS = 5_000;

interface Settling {
  readonly figures: RunFigures;
  readonly fleet: Fleet;
  readonly observer: Observer;
  readonly output: Output;
}

/** The utility's last collection, the reporter's last report, and what the households counted. */
export async function collect({ figures, fleet, observer, output }: Settling): Promise<void> {
  for (const utility of fleet.agentsOf("utility")) {
    const answer = await asked(figures, utility, { method: "collection/run", code: "COLLECTION_FAILED" });
    if (answer !== undefined) figures.collections = collectionsOf(answer);
  }
  for (const reporter of fleet.agentsOf("reporter")) {
    const answer = await asked(figures, reporter, { method: "report/run", code: "REPORT_FAILED" });
    const report = (answer as { report?: { totals?: unknown } } | undefined)?.report;
    figures.reporterTotals = report?.totals;
    figures.reports = (answer as { reports?: number } | undefined)?.reports ?? 0;
  }
  const profiles = await Promise.all(fleet.agentsOf("household").map(profileOf));
  for (const profile of profiles) takeLatencies(figures, profile);
  figures.socEnd = await observer.statesOfCharge();
  await observer.count();
  await takeFindings(figures, fleet);
  const { runs, lastAsked, lastAnswered } = figures.collections;
  const households = `${lastAnswered}/${lastAsked} households answered`;
  output.step("collect", `${runs} runs, ${households}, ${figures.reports} reports`, {
    ...figures.collections,
    reports: figures.reports,
  });
}

async function asked(
  figures: RunFigures,
  agent: FleetAgent,
  question: { readonly method: string; readonly code: FailureCode },
): Promise<JsonValue | undefined> {
  try {
    const wait = { timeoutMs: COLLECT_DEADLINE_MS };
    return await agent.child.control.call(`local:${agent.name}/${question.method}`, {}, wait);
  } catch (error) {
    const text = `${agent.name}: ${toProtocolError(error, "INTERNAL_ERROR").message}`;
    figures.failures.push({ code: question.code, text, node: agent.child.name });
    return undefined;
  }
}

function collectionsOf(answer: JsonValue): Collections {
  const read = answer as {
    runs: number;
    asked: number;
    answered: number;
    last: Record<string, number> | null;
  };
  return {
    runs: read.runs,
    asked: read.asked,
    answered: read.answered,
    lastAsked: read.last?.["asked"] ?? 0,
    lastAnswered: read.last?.["answered"] ?? 0,
  };
}

async function takeFindings(figures: RunFigures, fleet: Fleet): Promise<void> {
  const findings = await fleet.ask(fleet.children, (control) => control.findings());
  for (const [child, list] of findings) {
    for (const finding of list) {
      figures.findings.push({ ...finding, node: child.name });
      if (finding.severity !== "critical") continue;
      const text = `${finding.code}: ${finding.text}`;
      figures.failures.push({ code: "FINDING_CRITICAL", text, node: child.name });
    }
  }
}

/** Each ledger alone by its own daemon, then all of them together here, then the reporter's totals against ours. */
export async function audit({ figures, fleet, observer, output }: Settling): Promise<void> {
  const own = await fleet.ask(fleet.traders, (control) => control.audit({ timeoutMs: AUDIT_DEADLINE_MS }));
  for (const child of fleet.traders) {
    const view = own.get(child);
    if (view?.agree === true) continue;
    const text = view?.differences[0]?.what ?? "its ledger could not be audited";
    figures.failures.push({ code: "LEDGER_DISAGREES", text: `${child.name}: ${text}`, node: child.name });
  }
  const books = await observer.books();
  judge(figures, books, new Set(fleet.agentsOf("utility").map((agent) => agent.name)));
  figures.testimony = observer.witness.testify(books);
  judgeTestimony(figures);
  if (books.length !== fleet.tradingAgents.length) {
    const text = `${books.length} of ${fleet.tradingAgents.length} ledgers could be read`;
    figures.failures.push({ code: "LEDGER_DISAGREES", text });
  }
  const { agreeing } = figures.audit;
  const differences = figures.audit.differences.length;
  const wanted = fleet.tradingAgents.length;
  output.step("audit", `${agreeing}/${wanted} ledgers agree, ${differences} differences`, {
    ledgers: wanted,
    agreeing,
    differences,
  });
}

/** Audits the books together and names what does not fit. `utilities`: names of those that are no households. */
export function judge(
  figures: RunFigures,
  books: readonly BookSnapshot[],
  utilities: ReadonlySet<string>,
): void {
  const { failures, plan } = figures;
  const result = auditBooks(books);
  const operators = new Set(books.filter((book) => utilities.has(book.name)).map((book) => book.agentId));
  figures.audit = result;
  figures.totals = ledgerTotals(books, { operators, tariff: plan.tariff });
  for (const { a, b, transactionId, what } of result.differences.slice(0, MAX_NAMED)) {
    const who = [a, b].filter((name) => name !== "").join(" and ");
    const text = `${who}${transactionId === "" ? "" : `, transaction ${transactionId}`}: ${what}`;
    failures.push({ code: "LEDGER_DISAGREES", text });
  }
  const [energy, money] = [result.conservationErrorMilliWh, result.conservationErrorMicro];
  if (energy !== 0)
    failures.push({ code: "CONSERVATION", text: `${energy} mWh lost or made between the books` });
  if (money !== 0)
    failures.push({ code: "CONSERVATION", text: `${money} micro lost or made between the books` });
  // Whoever ends it early has seen why.
  if (figures.totals.confirmed === 0 && !figures.interrupted)
    failures.push({ code: "NO_TRADES", text: noTradesText(figures) });
  if (figures.reporterTotals === undefined) return;
  // Both ways through JSON: the reporter's came that way.
  if (!isDeepStrictEqual(JSON.parse(JSON.stringify(figures.totals)), figures.reporterTotals)) {
    failures.push({ code: "TOTALS_DIFFER", text: "the reporter's totals are not those of the ledgers" });
  }
}

function noTradesText({ firstOfferMs, plan, speed }: RunFigures): string {
  const none = "no trade was confirmed";
  if (firstOfferMs.length === 0) return `${none}, and no offer came`;
  const hourMs = Math.round(plan.cycleMs / speed);
  const slower = Math.max(1, Math.floor(speed / 3));
  return `${none}: first offers took ${Math.round(Math.max(...firstOfferMs))} ms of a cycle's ${hourMs} ms. If this machine is busy, run with --speed ${slower}`;
}

/** A trade that was agreed stays so, once. */
function judgeTestimony({ testimony, failures }: RunFigures): void {
  for (const trade of testimony.lost.slice(0, MAX_NAMED)) {
    failures.push({
      code: "TRADE_LOST",
      text: `agreed before, not in the last ledger: buyer and order ${trade}`,
    });
  }
  for (const trade of testimony.twice.slice(0, MAX_NAMED)) {
    failures.push({ code: "TRADE_TWICE", text: `counted more than once: ${trade}` });
  }
}

/** Differences named one by one; the report holds all. */
const MAX_NAMED = 5;

/** SIGTERM to all; whoever needs more than 5 s is killed, which is a failure. */
export async function stop({ figures, fleet, output }: Omit<Settling, "observer">): Promise<void> {
  const startedMs = Date.now();
  fleet.close();
  const wanted = fleet.children.filter((child) => child.pid !== null);
  let clean = 0;
  await Promise.all(
    wanted.map(async (child) => {
      if (figures.crashed.has(child.name)) return;
      const exit = await child.stop(STOP_DEADLINE_MS);
      const how = exit.signal ?? `exit ${exit.code ?? "unknown"}`;
      if (!exit.inTime) {
        const text = `${child.name} did not stop in ${STOP_DEADLINE_MS / 1_000} s`;
        figures.failures.push({ code: "STOP_LATE", text, node: child.name });
      } else if (exit.code === 0 || (figures.interrupted && exit.signal === "SIGTERM")) {
        clean += 1;
      } else {
        const text = `${child.name} ended with ${how}. Last log line: ${child.lastLine()}`;
        figures.failures.push({ code: "STOP_UNCLEAN", text, node: child.name });
      }
    }),
  );
  figures.stopMs = Date.now() - startedMs;
  output.step("stop", `${clean}/${wanted.length} ended cleanly`, { clean, started: wanted.length });
}

/** A testnet's report as people read it. */

import type { TestnetReport } from "./report-schema.ts";

const INDENT = " ".repeat(18);

/** The lines behind `report`, the first without indentation. */
export function reportLines(report: TestnetReport): readonly string[] {
  const { energy, money, savings, kpi, trades, data } = report;
  const { currency } = money;
  const saved = `saved ${amount(savings.savedMicro)} ${currency} = ${percent(savings.savedPercent)}`;
  const bills = `(${amount(savings.baselineMicro)} -> ${amount(savings.actualMicro)})`;
  const source = data.day === null ? data.source : `${data.source} ${data.day}`;
  return [
    `${trades.confirmed} trades, ${kWh(energy.tradedMilliWh)} kWh ` +
      `(${kWh(energy.fromHouseholdsMilliWh)} between neighbours), ${amount(money.volumeMicro)} ${currency}`,
    `${INDENT}${saved} against the same assets with the utility only ${bills}`,
    `${INDENT}self-sufficiency ${percent(kpi.selfSufficiencyPercent)}, ` +
      `self-consumption ${percent(kpi.selfConsumptionPercent)}, ${kWh(energy.fedInMilliWh)} kWh fed in`,
    `${INDENT}data ${source}, seed ${report.seed}, ` +
      `first offer p50 ${ms(report.mesh.searchToFirstOfferMs.p50)} p99 ${ms(report.mesh.searchToFirstOfferMs.p99)}, ` +
      `confirmed p50 ${ms(report.mesh.searchToConfirmMs.p50)} p99 ${ms(report.mesh.searchToConfirmMs.p99)}`,
    ...killLines(report),
    ...table(report).map((line) => `${INDENT}${line}`),
  ];
}

function killLines({ processes, trades }: TestnetReport): readonly string[] {
  if (processes.killed === 0) return [];
  return [
    `${INDENT}${processes.killed} daemons killed, ${processes.restarted} restarted: of ${trades.witnessed} trades ` +
      `witnessed on the way ${trades.lost} lost, ${trades.twice} counted twice`,
  ];
}

function table(report: TestnetReport): readonly string[] {
  const head = ["home", "charge %", "bought kWh", "sold kWh", "paid", "received", "saved"];
  const rows = report.households.map((home) => [
    home.agent,
    home.socEndPercent === null ? "-" : `${whole(home.socStartPercent)} -> ${whole(home.socEndPercent)}`,
    kWh(home.boughtMilliWh),
    kWh(home.soldMilliWh),
    amount(home.paidMicro),
    amount(home.receivedMicro),
    amount(home.savedMicro),
  ]);
  return [head, ...rows].map((cells) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(20) : cell.padStart(12))).join(""),
  );
}

/** The last line of a run. */
export function verdictLines(report: TestnetReport): readonly string[] {
  const seconds = (report.wallMs / 1_000).toFixed(1);
  if (report.ok) {
    const { processes, trades, ledgers } = report;
    return [
      ...keptLines(report),
      `PASS  ${processes.planned} processes, ${trades.confirmed} trades, ${ledgers.audited} ledgers agree, ${seconds} s`,
    ];
  }
  const named = report.failures.map((failure) => `${failure.code}: ${failure.text}`);
  if (report.interrupted) named.unshift("interrupted");
  return [
    ...named.map((text) => `  ${text}`),
    ...keptLines(report),
    `FAIL ${named.length} problems: ${named.map((text) => text.split(":")[0]).join(", ")}`,
  ];
}

function keptLines({ files }: TestnetReport): readonly string[] {
  return files.run === null ? [] : [`  homes and logs are kept in ${files.run}`];
}

function kWh(milliWh: number): string {
  return (milliWh / 1_000_000).toFixed(3);
}

function amount(micro: number): string {
  return (micro / 1_000_000).toFixed(2);
}

function percent(value: number | null): string {
  return value === null ? "-" : `${value.toFixed(1)} %`;
}

function whole(value: number | null): string {
  return value === null ? "-" : String(Math.round(value));
}

function ms(value: number | null): string {
  return value === null ? "-" : `${Math.round(value)} ms`;
}

/** A report as people read it. */

import type { Report } from "./roles/reporter.ts";

export function reportText(report: Report): string {
  const { totals, currency } = report;
  const kWh = (milliWh: number) => (milliWh / 1_000_000).toFixed(3);
  const money = (micro: number) => (micro / 1_000_000).toFixed(2);
  const percent = (value: number | null) => (value === null ? "-" : `${value.toFixed(1)} %`);
  const charge = new Map(report.statesOfCharge.map((row) => [row.agent, row]));
  const lines = [
    `report of ${new Date(report.atMs).toISOString()}, ${report.agents.length} agents`,
    `${totals.confirmed} trades, ${kWh(totals.tradedMilliWh)} kWh, ${money(totals.volumeMicro)} ${currency}`,
    `${kWh(totals.fromHouseholdsMilliWh)} kWh between neighbours, ${kWh(totals.fedInMilliWh)} kWh fed in`,
    `saved ${money(totals.saving.savedMicro)} ${currency} = ${percent(totals.saving.savedPercent)} ` +
      `against the same assets with the utility only`,
    `self-sufficiency ${percent(totals.kpi.selfSufficiencyPercent)}, ` +
      `self-consumption ${percent(totals.kpi.selfConsumptionPercent)}`,
    report.ledgersAgree ? "ledgers agree" : `${report.differences} differences between ledgers`,
    ...(report.missing.length === 0 ? [] : [`missing: ${report.missing.join(", ")}`]),
    "",
    row(["agent", "charge", "bought kWh", "sold kWh", "paid", "received", "saved"]),
    ...totals.households.map((home) => {
      const soc = charge.get(home.agent);
      const full =
        soc === undefined || soc.capacityMilliWh === 0 ? "-" : percent(soc.stateOfChargePermille / 10);
      return row([
        home.agent,
        full,
        kWh(home.boughtMilliWh),
        kWh(home.soldMilliWh),
        money(home.paidMicro),
        money(home.receivedMicro),
        money(home.saving.savedMicro),
      ]);
    }),
  ];
  return `${lines.join("\n")}\n`;
}

function row(cells: readonly string[]): string {
  return cells.map((cell, i) => (i === 0 ? cell.padEnd(22) : cell.padStart(11))).join("");
}

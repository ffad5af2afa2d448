import type { BookSnapshot } from "@gridmesh/protocol";
import type { AuditView } from "../../control/types.ts";
import type { Verb } from "../invocation.ts";
import { kWh, pairs, table } from "../table.ts";

const DISAGREE_EXIT = 7;

export const ledger: Verb = (command, attach) => {
  const show = command.command("show", { isDefault: true }).summary("balances per account");
  attach(show, async (invocation) => {
    const { books, pending } = await (await invocation.daemon()).ledger(invocation.wait);
    invocation.print(
      { accounts: books, pending },
      books.length === 0 ? "no books here\n" : books.map(bookText).join("\n"),
    );
    return 0;
  });

  const audit = command
    .command("audit")
    .summary("whether this node's books hold")
    .option("--with <peer>", "only what concerns this agent id");
  attach(audit, async (invocation) => {
    const whole = await (await invocation.daemon()).audit(invocation.wait);
    const peer = invocation.options["with"];
    const result = typeof peer === "string" ? concerning(whole, peer) : whole;
    invocation.print({ audit: result }, auditText(result));
    return result.agree ? 0 : DISAGREE_EXIT;
  });
};

function concerning(audit: AuditView, peer: string): AuditView {
  const differences = audit.differences.filter((row) => row.a === peer || row.b === peer);
  return { ...audit, differences, agree: differences.length === 0 };
}

function bookText(book: BookSnapshot): string {
  const rows = [
    ...Object.entries(book.money).map(([account, micro]) => [account, "", (micro / 1_000_000).toFixed(6)]),
    ...Object.entries(book.energy).map(([account, milliWh]) => [account, kWh(milliWh), ""]),
  ];
  return `${book.name}  ${book.agentId}  ${book.entries} entries, ${book.orders.length} orders\n${table(["account", "kWh", "money"], rows)}`;
}

function auditText(audit: AuditView): string {
  const head = pairs([
    ["books", `${audit.audited}, ${audit.agree ? "all agree" : `${audit.differences.length} differences`}`],
    ["entries", String(audit.entries)],
    ["pairs", `${audit.pairs} on this node, ${audit.unpaired} orders with agents of other nodes`],
  ]);
  if (audit.differences.length === 0) return head;
  const rows = audit.differences.map((row) => [row.a, row.b, row.transactionId, row.what]);
  return `${head}${table(["a", "b", "transaction", "what"], rows)}`;
}

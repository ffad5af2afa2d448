import type { TraceStepView, TradeView } from "../../control/types.ts";
import { exportTrade, verifyTrade } from "../trade-bundle.ts";
import { buyTrade } from "../trade-buy.ts";
import type { Verb } from "../invocation.ts";
import { kWh, money, pairs, short, table } from "../table.ts";

export const trade: Verb = (command, attach) => {
  const ls = command.command("ls", { isDefault: true }).summary("trades of this node's agents");
  attach(ls, async (invocation) => {
    const trades = await (await invocation.daemon()).trades(invocation.wait);
    invocation.print({ trades }, trades.length === 0 ? "no trades yet\n" : tradeTable(trades));
    return 0;
  });

  const buy = command
    .command("buy")
    .summary("buys from the cheapest that has as much")
    .requiredOption("--kwh <n>", "how much, at most six decimals")
    .option("--max-price <p>", "at most so much per kWh; any price without")
    .option("--currency <code>", "of the price", "USD")
    .option("--agent <name>", "who buys; the first agent that trades without");
  attach(buy, buyTrade);

  const show = command.command("show").summary("one trade").argument("<id>", "transaction or order id");
  attach(show, async (invocation) => {
    const [id = ""] = invocation.args;
    const trades = await (await invocation.daemon()).trade(id, invocation.wait);
    invocation.print({ trade: trades[0], trades }, trades.map(tradeLines).join("\n"));
    return 0;
  });

  const trace = command
    .command("trace")
    .summary("every message of a trade")
    .argument("<id>", "transaction id");
  attach(trace, async (invocation) => {
    const [id = ""] = invocation.args;
    const { steps, cause } = await (await invocation.daemon()).trace(id, invocation.wait);
    const why = cause === null ? "" : pairs([["no order", cause]]);
    invocation.print({ steps, cause }, `${traceTable(steps)}${why}`);
    return 0;
  });

  const exported = command
    .command("export")
    .summary("a file that proves a trade to anybody")
    .argument("<id>", "transaction id")
    .option("--out <file>", "where it is written; standard output without")
    .option("--redact", "without the bodies; all signatures still hold");
  attach(exported, exportTrade);

  const verify = command
    .command("verify")
    .summary("whether such a file holds; needs no daemon")
    .argument("<file>", "the file, - for standard input");
  attach(verify, verifyTrade);
};

function tradeTable(trades: readonly TradeView[]): string {
  return table(
    ["transaction", "role", "stage", "counterparty", "kWh", "amount", "slot"],
    trades.map((trade) => [
      trade.transactionId,
      trade.role,
      trade.reason === undefined ? trade.stage : `${trade.stage} (${trade.reason})`,
      short(trade.counterparty),
      kWh(trade.quantityMilliWh),
      money(trade.amountMicro, trade.currency),
      trade.slotId,
    ]),
  );
}

function tradeLines(trade: TradeView): string {
  return pairs([
    ["transaction", trade.transactionId],
    ["order", trade.orderId],
    ["role", trade.role],
    ["stage", trade.reason === undefined ? trade.stage : `${trade.stage} (${trade.reason})`],
    ["counterparty", `${trade.counterparty} on ${trade.counterpartyPeerId}`],
    ["slot", trade.slotId],
    ["energy", `${kWh(trade.quantityMilliWh)} kWh`],
    ["price", `${money(trade.priceMicroPerKWh, trade.currency)}/kWh`],
    ["amount", money(trade.amountMicro, trade.currency)],
    ["offers seen", trade.offersSeen === null ? "-" : String(trade.offersSeen)],
  ]);
}

/** `libp2p://<PeerId>/<agent>/bap` by its agent. */
function party(uri: string): string {
  const [, agent, side] = /\/([^/]+)\/(bap|bpp)$/.exec(uri) ?? [];
  return agent === undefined ? short(uri) : `${agent} (${side})`;
}

function traceTable(steps: readonly TraceStepView[]): string {
  const firstMs = steps[0]?.atMs ?? 0;
  return table(
    ["ms", "step", "from", "to", "verdict"],
    steps.map((step) => [
      `+${step.atMs - firstMs}`,
      step.action,
      party(step.from),
      party(step.to),
      step.verdict,
    ]),
  );
}

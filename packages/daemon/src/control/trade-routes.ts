import type { BuyStep } from "@gridmesh/node";
import { ProtocolError } from "@gridmesh/protocol";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { ControlContext } from "./context.ts";
import { auditLedger } from "./ledger-audit.ts";
import { checked } from "./problem.ts";
import { buyByHand } from "./trade-buy.ts";
import { tradeView } from "./trade-views.ts";
import type { AuditView, LedgerView, TraceView, TradeView } from "./types.ts";

const purchaseSchema = z.strictObject({
  quantityMilliWh: z.int().min(1).max(1_000_000_000_000),
  maxPriceMicroPerKWh: z.int().min(0).max(1_000_000_000),
  currency: z.string().min(1).max(8).default("USD"),
  agent: z.string().min(1).max(64).optional(),
});

export function tradeRoutes(app: FastifyInstance, context: ControlContext): void {
  const { node } = context;

  app.get("/trades", (): { trades: TradeView[] } => ({ trades: tradesOf(context) }));
  app.post("/trades", (request): Promise<{ purchase: readonly BuyStep[] }> =>
    buyByHand(node, checked(purchaseSchema, request.body)).then((purchase) => ({ purchase })),
  );
  app.get("/trades/:id", (request): { trades: TradeView[] } => {
    const { id } = request.params as { id: string };
    const trades = tradesOf(context).filter((trade) => trade.transactionId === id || trade.orderId === id);
    if (trades.length === 0) throw unknownTrade(id);
    return { trades };
  });
  app.get("/trades/:id/trace", (request): TraceView => {
    const { id } = request.params as { id: string };
    const steps = node.beckn.trace(id);
    if (steps.length === 0) throw unknownTrade(id);
    return { steps, cause: node.beckn.causeOf(id) ?? null };
  });
  app.get("/trades/:id/bundle", (request): { bundle: string } => {
    const { id } = request.params as { id: string };
    const { redact } = request.query as { redact?: string };
    // As text: what is signed are these bytes.
    return { bundle: new TextDecoder().decode(node.beckn.bundle(id, { redact: redact === "true" })) };
  });
  app.get("/ledger", (): LedgerView => ({ books: node.desk.books(), pending: node.desk.pending() }));
  app.post("/ledger/audit", async (): Promise<{ audit: AuditView }> => {
    return { audit: await auditLedger(node.desk) };
  });
}

function tradesOf(context: ControlContext): TradeView[] {
  const { desk, beckn } = context.node;
  return desk.orders().map((order) => {
    const answers = beckn.trace(order.transactionId).filter((line) => line.action === "on_search").length;
    return tradeView(order, order.role === "buyer" ? answers : null);
  });
}

function unknownTrade(id: string): ProtocolError {
  return new ProtocolError("ORDER_NOT_FOUND", `no trade ${id} on this node`);
}

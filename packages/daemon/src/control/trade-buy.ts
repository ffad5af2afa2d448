/** A purchase by hand: what anybody offers, the cheapest first, until one has sold it. */

import type { AgentNode, BuyStep, Offer } from "@gridmesh/node";
import { compareChoices, ProtocolError } from "@gridmesh/protocol";

const WINDOW_MS = 3_000;
/** Whatever a search for everything must name. */
const HOUR_S = 3_600;
/** Nobody knows better: neither is better than the other. */
const UNRATED = 500;

export interface Purchase {
  readonly quantityMilliWh: number;
  readonly maxPriceMicroPerKWh: number;
  readonly currency: string;
  /** Default the first agent that has a book. */
  readonly agent?: string | undefined;
}

/** @throws AGENT_NOT_FOUND, OFFER_NOT_FOUND when nobody has as much at that price. */
export async function buyByHand(node: AgentNode, wish: Purchase): Promise<readonly BuyStep[]> {
  const { quantityMilliWh, maxPriceMicroPerKWh, currency, agent = traderOf(node) } = wish;
  const offers: Offer[] = [];
  const intent = {
    slot: { area: "any", startS: Math.floor(Date.now() / 1_000 / HOUR_S) * HOUR_S, durationS: HOUR_S },
    needMilliWh: quantityMilliWh,
    maxPriceMicroPerKWh,
    currency,
    empty: true,
  };
  for await (const offer of node.beckn.search(agent, intent, { windowMs: WINDOW_MS })) offers.push(offer);
  const wanted = offers
    .filter((offer) => offer.availableMilliWh >= quantityMilliWh)
    .filter((offer) => offer.currency === currency && offer.priceMicroPerKWh <= maxPriceMicroPerKWh)
    .map((offer) => ({ ...offer, startS: offer.slot.startS, ratingPermille: UNRATED, offer }))
    .sort(compareChoices);
  if (wanted.length === 0) {
    throw new ProtocolError("OFFER_NOT_FOUND", `${offers.length} offers came, none of as much at that price`);
  }
  const steps: BuyStep[] = [];
  for (const { offer } of wanted) {
    const step = await stepOf(node, { agent, offer, quantityMilliWh });
    steps.push(step);
    // What is in doubt may yet be ours: nobody else is asked for it.
    if (step.outcome === "confirmed" || step.outcome === "in_doubt") break;
  }
  return steps;
}

/** A seller that refuses on the way costs the next one nothing. */
async function stepOf(
  node: AgentNode,
  about: { readonly agent: string; readonly offer: Offer; readonly quantityMilliWh: number },
): Promise<BuyStep> {
  const { agent, offer, quantityMilliWh } = about;
  try {
    return await node.beckn.order(agent, offer, { quantityMilliWh }).confirm();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const { seller, sellerName, priceMicroPerKWh } = offer;
    const terms = { seller, sellerName, quantityMilliWh, priceMicroPerKWh, amountMicro: 0 };
    return { orderId: "", ...terms, outcome: "refused", reason: error.code };
  }
}

/** @throws AGENT_NOT_FOUND. */
function traderOf(node: AgentNode): string {
  const traders = new Set(node.desk.books().map(({ agentId }) => agentId));
  const trader = node.agents.list().find(({ agentId }) => traders.has(agentId));
  if (trader !== undefined) return trader.name;
  throw new ProtocolError("AGENT_NOT_FOUND", "no agent of this node trades");
}

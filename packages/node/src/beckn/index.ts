export { rankOffers } from "./choice.ts";
export { withUpdates } from "./curtailment.ts";
export { createBecknExchange } from "./exchange.ts";
export type { LocalAgent, LocalAgents } from "./ports.ts";

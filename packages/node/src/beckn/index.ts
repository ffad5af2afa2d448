export { rankOffers } from "./choice.ts";
export { createBecknExchange } from "./exchange.ts";
export type { LocalAgent, LocalAgents } from "./ports.ts";

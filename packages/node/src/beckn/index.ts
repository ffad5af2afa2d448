export { rankOffers } from "./choice.ts";
export { createBecknExchange } from "./exchange.ts";
export { BECKN_PROTOCOL, type BecknPorts, type LocalAgent, type LocalAgents } from "./ports.ts";
export type {
  BecknExchange,
  BuyOptions,
  BuyOutcome,
  BuyStep,
  Offer,
  SearchIntent,
  TraceLine,
} from "./types.ts";

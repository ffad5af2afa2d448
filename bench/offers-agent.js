// The guests of the offers bench: homes that sell one hour, and one that asks for it and buys of it. Plain JavaScript, as other authors
// ship it.

const WINDOW_MS = 2_000;
const HOUR_S = 3_600;
const MILLION = 1_000_000;
/** 10 Wh. */
const LITTLE = 10_000;

/** Two hours ahead: still open whenever it is asked for. */
function slotOf(context) {
  const startS = (Math.floor(context.market.nowMs() / 1_000 / HOUR_S) + 2) * HOUR_S;
  return { area: "offers", startS, durationS: HOUR_S };
}

/** @returns {import("@gridmesh/node").AgentDefinition} */
export function seller() {
  return {
    capabilities: ["energy.sell"],
    policy: { maxOrderMicro: MILLION, spendPerHourMicro: MILLION, maxOpenOrders: 4 },
    async start(context) {
      await context.openBook({
        moneyMicro: MILLION,
        energyMilliWh: 10 * MILLION,
        capacityMilliWh: 20 * MILLION,
      });
      const slot = slotOf(context);
      await context.desk.offer({
        agentId: context.agentId,
        slot,
        quantityMilliWh: MILLION,
        priceMicroPerKWh: 150_000,
        currency: "USD",
        untilMs: slot.startS * 1_000,
      });
    },
  };
}

/** @returns {import("@gridmesh/node").AgentDefinition} */
export function buyer() {
  let own;
  return {
    capabilities: ["energy.buy"],
    policy: { maxOrderMicro: MILLION, spendPerHourMicro: MILLION, maxOpenOrders: 1_000 },
    async start(context) {
      own = context;
      await context.openBook({ moneyMicro: MILLION, energyMilliWh: 0, capacityMilliWh: 20 * MILLION });
    },
    methods: {
      /** Milliseconds from the search to each offer, in the order in which they came. */
      async ask() {
        const intent = {
          slot: slotOf(own),
          needMilliWh: MILLION,
          maxPriceMicroPerKWh: 300_000,
          currency: "USD",
        };
        const offers = [];
        const startMs = performance.now();
        for await (const offer of own.search(intent, { windowMs: WINDOW_MS })) {
          offers.push({ seller: offer.seller, ms: performance.now() - startMs });
        }
        return { offers };
      },
      /** Buys a little: milliseconds from the hold of its money to the decision, both on the disk. */
      async buy() {
        const slot = slotOf(own);
        const at = {};
        const events = own.desk.onEvent(({ kind, agentId }) => {
          if (agentId === own.agentId) at[kind] ??= performance.now();
        });
        const { transactionId, steps } = await own.buy({
          intent: { slot, needMilliWh: LITTLE, maxPriceMicroPerKWh: 300_000, currency: "USD" },
          searchWindowMs: WINDOW_MS,
          minFillMilliWh: LITTLE,
          allOrNothing: true,
          splitNeed: false,
          requireInit: true,
          delivery: "slot",
          untilMs: slot.startS * 1_000,
        });
        events[Symbol.dispose]();
        return { transactionId, outcome: steps.at(-1)?.outcome ?? "none", confirmMs: at.committed - at.held };
      },
    },
  };
}

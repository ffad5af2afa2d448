// The guest of each daemon of a swarm: says one thing to everybody, and counts what it hears. Plain JavaScript, as other
// authors ship it: a daemon that strips types of one file loads its compiler for it.

const WINDOW_MS = 1_000;
const DAY_S = 86_400;

/** @returns {import("@gridmesh/node").AgentDefinition} */
export function talker() {
  /** @type {import("../packages/node/src/index.ts").AgentContext | undefined} */
  let own;
  const say = async (context) => {
    const startS = (Math.floor(context.clock.nowMs() / 1_000 / DAY_S) + 1) * DAY_S;
    const intent = {
      slot: { area: "swarm", startS, durationS: 3_600 },
      needMilliWh: 1_000,
      maxPriceMicroPerKWh: 1_000,
      currency: "USD",
    };
    // Nobody sells: that it was heard is what counts.
    for await (const _ of context.search(intent, { windowMs: WINDOW_MS })) continue;
  };
  return {
    capabilities: ["bench.talk"],
    async start(context) {
      own = context;
    },
    methods: {
      say() {
        say(own).catch((error) => own.log.warn("swarm", String(error)));
        return {};
      },
      heard() {
        // A node hears itself too.
        const { searchesHeard, searchesPublished } = own.becknCounters();
        return { fromOthers: searchesHeard - searchesPublished };
      },
    },
  };
}

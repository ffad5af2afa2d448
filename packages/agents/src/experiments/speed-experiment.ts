/** E5: how fast the auction clears. */

import { type AuctionOrder, clearCallUniform } from "@gridmesh/energy";
import { drawn } from "./data.ts";
import { type ExperimentRun, figureOf } from "./experiment.ts";

/** Part of another library's face. */
interface OtherLibrary {
  readonly Side: { readonly BUY: unknown; readonly SELL: unknown };
  readonly OrderBook: new () => { limit(order: object): { readonly done: readonly unknown[] } };
}

const MICRO_PER_MILLI = 1_000;
const OTHER = "nodejs-order-book";

async function otherLibrary(): Promise<OtherLibrary | null> {
  try {
    const name: string = OTHER;
    return (await import(name)) as OtherLibrary;
  } catch {
    return null;
  }
}

/** Bids and asks of up to 5 kWh around one price, ids as hashes are. */
function randomOrders(count: number, seed: number): AuctionOrder[] {
  let state = seed >>> 0;
  const roll = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const hex = (): string =>
    roll(2 ** 32)
      .toString(16)
      .padStart(8, "0");
  return Array.from({ length: count }, (_, index) => {
    const isBid = index % 2 === 0;
    return {
      orderId: Array.from({ length: 8 }, hex).join(""),
      agentId: `agent ${Math.floor(index / 4)}`,
      side: isBid ? "bid" : "ask",
      qtyMilliWh: 1 + roll(5_000_000),
      limitMicroPerKWh: (isBid ? 100_000 : 80_000) + roll(10_000) * 10,
      minFillMilliWh: 0,
    };
  });
}

/** Median of some runs, ms of this process's time on a processor; small books are cleared many times a run. */
function medianMs(rounds: number, times: number, work: () => void): number {
  work();
  const measured = Array.from({ length: rounds }, () => {
    const start = process.cpuUsage();
    for (let time = 0; time < times; time += 1) work();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / MICRO_PER_MILLI / times;
  }).sort((a, b) => a - b);
  return measured[Math.floor(rounds / 2)] ?? Number.NaN;
}

function continuous({ OrderBook, Side }: OtherLibrary, orders: readonly AuctionOrder[]): void {
  const book = new OrderBook();
  for (const { orderId, side, qtyMilliWh, limitMicroPerKWh } of orders)
    book.limit({
      id: orderId,
      side: side === "bid" ? Side.BUY : Side.SELL,
      size: qtyMilliWh,
      price: limitMicroPerKWh,
    });
}

const BARS_MS: Readonly<Record<number, readonly [number, number]>> = { 10_000: [0, 5], 100_000: [0, 100] };

export const speed: ExperimentRun = async ({ seed, quick }) => {
  const other = await otherLibrary();
  const rounds = quick ? 3 : 9;
  const figures = (quick ? [100, 1_000, 10_000] : [100, 1_000, 10_000, 100_000]).flatMap((count) => {
    const orders = randomOrders(count, seed);
    const times = Math.max(1, Math.floor(100_000 / count));
    const ms = medianMs(rounds, times, () => void clearCallUniform(orders, { kPermille: 500 }));
    const name = `${count} orders`;
    return [
      figureOf(`${name}: call-uniform`, { value: ms, unit: "ms" }, BARS_MS[count] ?? null),
      figureOf(`${name}: call-uniform`, { value: (1_000 * count) / ms, unit: "orders/s" }),
      ...(other === null
        ? []
        : [
            figureOf(`${name}: ${OTHER}, continuous`, {
              value: medianMs(rounds, times, () => continuous(other, orders)),
              unit: "ms",
            }),
          ]),
    ];
  });
  const tenThousand = figures.find(({ name, unit }) => name.startsWith("10000 ") && unit === "ms");
  return {
    tables: [{ title: "speed", dataset: drawn("random orders", seed), figures }],
    claims: [
      {
        source: "Architecture",
        claim: "matching and execution under 100 ms",
        measured: `10,000 orders matched in ${(tenThousand?.value ?? Number.NaN).toFixed(1)} ms; execution between nodes is not part of it`,
        reached: (tenThousand?.value ?? Number.NaN) < 100,
      },
    ],
    notes: [
      "Median of some runs in one thread, from orders in memory to price, fills and trades; time on a processor, which what else the machine does lengthens less than time on the wall.",
      ...(other === null ? [`${OTHER} is not installed here, so it was not measured.`] : []),
    ],
  };
};

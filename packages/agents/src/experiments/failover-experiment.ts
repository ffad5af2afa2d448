/** E10: supervisors die again and again, and slots end in time all the same. */

import { drawn } from "./data.ts";
import { type ExperimentRun, figureOf } from "./experiment.ts";
import { District, until } from "./nodes/district.ts";

const SEATS = 7;
/** A slot of these experiments; a market's own has 900 s. */
const SLOT_MS = 8_000;
const TIMES = { clearMs: 1_000, takeOverMs: 1_500, ackMs: 6_000, roundMs: 500 };
const MOST_TRADES = 1_000_000;
const AFTER_MS = 60_000;

export const failover: ExperimentRun = async ({ seed, quick }) => {
  await using district = await District.open({ seats: SEATS, seed, times: TIMES });
  const slots = quick ? 4 : 40;
  const slotIds: string[] = [];
  let [inTime, final, ended, disputed, killed] = [0, 0, 0, 0, 0];
  for (let number = 1; number <= slots; number += 1) {
    const { slotId, ranked } = district.begin(number);
    const [first] = ranked;
    slotIds.push(slotId);
    // Before it has cleared anything; it is back for the next slot.
    if (first !== undefined) await district.kill(first);
    killed += 1;
    const living = () => district.outcome(slotId).ends.filter((_, index) => index !== first);
    const isEnded = () => living().every((end) => end !== "open");
    const isInTime = await until(isEnded, SLOT_MS);
    if (!isInTime) await until(isEnded, AFTER_MS);
    if (first !== undefined) await district.start(first);
    await until(() => district.isBooked(slotId), AFTER_MS);
    const { ends } = district.outcome(slotId);
    const isFinal = ends.every((end) => end !== "open" && end !== "VOID");
    ended += ends.includes("open") ? 0 : 1;
    disputed += new Set(ends).size > 1 ? 1 : 0;
    final += isFinal ? 1 : 0;
    inTime += isFinal && isInTime ? 1 : 0;
  }
  // Who was killed has its journal, and asks for the orders of what it acted on.
  await until(() => slotIds.every((slotId) => district.isBooked(slotId)), AFTER_MS);
  const sums = district.sums();
  const figures = [
    figureOf("slots FINAL in time", { value: (100 * inTime) / slots, unit: `% of ${slots}` }, [99.9, 100]),
    figureOf("slots FINAL", { value: final, unit: `of ${slots}` }),
    figureOf("slots ended everywhere", { value: ended, unit: `of ${slots}` }, [slots, slots]),
    figureOf("slots with two ends", { value: disputed, unit: "" }, [0, 0]),
    figureOf("supervisors killed", { value: killed, unit: "" }),
    figureOf("trades", { value: sums.trades, unit: "" }, [1, MOST_TRADES]),
    figureOf("money over all books", { value: sums.moneyMicro, unit: "micro" }, [0, 0]),
    figureOf("energy over all books", { value: sums.energyMilliWh, unit: "mWh" }, [0, 0]),
  ];
  return {
    tables: [{ title: "failover", dataset: drawn("random orders", seed), figures }],
    claims: [
      {
        source: "Architecture",
        claim: "99.9 % availability",
        measured: `${inTime} of ${slots} slots FINAL in time with the first supervisor dead in each; a share of slots, not uptime`,
        reached: false,
      },
    ],
    notes: [
      `${SEATS} nodes of one process on the memory network, three of them supervisors; the first of each slot is killed before it clears, forgets all but its journal, and is back for the next. A slot lasts ${SLOT_MS / 1_000} s.`,
      "Orders are shown at once: commitments and receipts are not part of this run.",
    ],
  };
};

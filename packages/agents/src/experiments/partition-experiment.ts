/** E11: three groups are cut apart and healed; every slot ends in one way, and the books agree. */

import { drawn } from "./data.ts";
import { type ExperimentRun, figureOf } from "./experiment.ts";
import { District, until } from "./nodes/district.ts";

const SEATS = 9;
const GROUPS = 3;
const SLOT_MS = 12_000;
const TIMES = { clearMs: 4_000, takeOverMs: 1_500, ackMs: 10_000, roundMs: 1_000 };
const DELAYS_MS = { minDelayMs: 80, maxDelayMs: 150 };
const MOST_TRADES = 1_000_000;
const HEALED_WITHIN_MS = 180_000;

export const partition: ExperimentRun = async ({ seed, quick }) => {
  await using district = await District.open({ seats: SEATS, seed, times: TIMES });
  district.hub.set(DELAYS_MS);
  const slotIds: string[] = [];
  const live = async (number: number): Promise<string> => {
    const { slotId } = district.begin(number);
    slotIds.push(slotId);
    await until(() => !district.outcome(slotId).ends.includes("open"), SLOT_MS);
    return slotId;
  };
  const before = quick ? 1 : 5;
  const wanted: readonly [number, number] = [before, before];
  for (let number = 1; number <= before; number += 1) await live(number);
  const ids = district.peerIds;
  district.hub.partition(
    Array.from({ length: GROUPS }, (_, group) => ids.filter((_id, index) => index % GROUPS === group)),
  );
  const cut: string[] = [];
  for (let number = 1; number <= (quick ? 1 : 5); number += 1) cut.push(await live(before + number));
  const openWhileCut = cut.filter((slotId) => district.outcome(slotId).ends.every((end) => end === "open"));
  district.hub.heal();
  const healedAtMs = Date.now();
  const isOver = () => slotIds.every((slotId) => district.isBooked(slotId));
  await until(isOver, HEALED_WITHIN_MS);
  const reconcileS = (Date.now() - healedAtMs) / 1_000;
  const all = slotIds.map((slotId) => district.outcome(slotId).ends);
  const early = all.slice(0, before).filter(([end]) => end !== "open" && end !== "VOID");
  const sums = district.sums();
  const figures = [
    figureOf("slots", { value: slotIds.length, unit: "" }),
    figureOf("slots open everywhere while cut", { value: openWhileCut.length, unit: `of ${cut.length}` }, [
      cut.length,
      cut.length,
    ]),
    figureOf(
      "slots ended everywhere",
      { value: all.filter((ends) => !ends.includes("open")).length, unit: "" },
      [slotIds.length, slotIds.length],
    ),
    figureOf(
      "slots with two ends",
      { value: all.filter((ends) => new Set(ends).size > 1).length, unit: "" },
      [0, 0],
    ),
    figureOf("slots FINAL before the cut", { value: early.length, unit: `of ${before}` }, wanted),
    figureOf("slots VOID", { value: all.filter((ends) => ends[0] === "VOID").length, unit: "" }),
    figureOf("from healing to the last end and book", { value: reconcileS, unit: "s" }),
    figureOf("trades", { value: sums.trades, unit: "" }, [1, MOST_TRADES]),
    figureOf("money over all books", { value: sums.moneyMicro, unit: "micro" }, [0, 0]),
    figureOf("energy over all books", { value: sums.energyMilliWh, unit: "mWh" }, [0, 0]),
  ];
  return {
    tables: [{ title: "partition", dataset: drawn("random orders", seed), figures }],
    claims: [],
    notes: [
      `${SEATS} nodes of one process on the memory network, ${DELAYS_MS.minDelayMs}–${DELAYS_MS.maxDelayMs} ms a message, in ${GROUPS} groups of which none has more than two thirds.`,
      "Books are what each seat makes of the result it acted on; delivery and payment between nodes are not part of this run.",
    ],
  };
};

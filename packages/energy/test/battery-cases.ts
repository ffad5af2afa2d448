/** Random homes with a battery, and their plan as a linear program for solvers that are not ours. */

import { type BatteryPlanInput, createBattery } from "@gridmesh/energy";
import * as fc from "fast-check";
import loader, { type LegacyHighs } from "highs";
import type { LinearProgram } from "./linear-program.ts";

const KWH = 1_000_000;
const WH = 1_000;

/** Homes with `slots` slots at most, in the shape that the plan and the linear program read. */
export function batteryCases(slots: {
  readonly least: number;
  readonly most: number;
}): fc.Arbitrary<BatteryPlanInput> {
  return fc
    .record({
      capacity: fc.integer({ min: 0, max: 10 * KWH }),
      reserveShare: fc.double({ min: 0, max: 1, noNaN: true }),
      storedShare: fc.double({ min: 0, max: 1, noNaN: true }),
      endShare: fc.double({ min: 0, max: 1, noNaN: true }),
      maxMilliW: fc.integer({ min: 0, max: 5 * KWH }),
      etaChargePpm: fc.integer({ min: 500_000, max: 1_000_000 }),
      etaDischargePpm: fc.integer({ min: 500_000, max: 1_000_000 }),
      selfDischargePpmPerH: fc.constantFrom(0, 0, 20_000),
      wearMicroPerKWh: fc.constantFrom(0, 0, 40_000),
      limit: fc.option(fc.integer({ min: 0, max: 6 * KWH }), { nil: undefined }),
      slots: fc.array(
        fc.record({
          load: fc.integer({ min: 0, max: 4 * KWH }),
          pv: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 6 * KWH })),
          buy: fc.integer({ min: -100_000, max: 600_000 }),
          sell: fc.integer({ min: 0, max: 300_000 }),
        }),
        { minLength: slots.least, maxLength: slots.most },
      ),
    })
    .map((drawn): BatteryPlanInput => {
      const reserve = Math.floor(drawn.capacity * drawn.reserveShare);
      const free = drawn.capacity - reserve;
      return {
        battery: createBattery({
          capacityMilliWh: drawn.capacity,
          reserveMilliWh: reserve,
          maxMilliW: drawn.maxMilliW,
          etaChargePpm: drawn.etaChargePpm,
          etaDischargePpm: drawn.etaDischargePpm,
          selfDischargePpmPerH: drawn.selfDischargePpmPerH,
          wearMicroPerKWh: drawn.wearMicroPerKWh,
        }),
        storedMilliWh: reserve + Math.floor(free * drawn.storedShare),
        // Often reachable, sometimes not.
        endMinMilliWh: Math.floor((reserve + free * drawn.endShare) * drawn.storedShare),
        loadMilliWh: drawn.slots.map(({ load }) => load),
        pvMilliWh: drawn.slots.map(({ pv }) => pv),
        importMicroPerKWh: drawn.slots.map(({ buy }) => buy),
        exportMicroPerKWh: drawn.slots.map(({ sell }) => sell),
        ...(drawn.limit === undefined ? {} : { importLimitMilliWh: drawn.limit }),
      };
    });
}

/** Per slot: charge, discharge, import, export, stored at the end; Wh and micro, nothing rounded. */
export function asProgram(input: BatteryPlanInput): LinearProgram {
  const { battery } = input;
  const count = input.loadMilliWh.length;
  const width = 5 * count;
  const into = battery.etaChargePpm / 1e6;
  const outOf = battery.etaDischargePpm / 1e6;
  const keep = 1 - battery.selfDischargePpmPerH / 1e6;
  const wear = battery.wearMicroPerKWh / 1e3;
  const cost: number[] = [];
  const equal: [number[], number][] = [];
  const atMost: [number[], number][] = [];
  const row = (entries: readonly (readonly [column: number, value: number])[]): number[] => {
    const line = Array.from({ length: width }, () => 0);
    for (const [column, value] of entries) line[column] = value;
    return line;
  };
  for (let slot = 0; slot < count; slot += 1) {
    const [charge, discharge, imported, exported, stored] = [0, 1, 2, 3, 4].map((at) => 5 * slot + at) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const buy = input.importMicroPerKWh[slot]! / 1e3;
    const sell = Math.min(buy, input.exportMicroPerKWh[slot]! / 1e3);
    cost.push(wear * into, wear / outOf, buy, -sell, 0);
    const net = (input.loadMilliWh[slot]! - input.pvMilliWh[slot]!) / WH;
    equal.push([
      row([
        [imported, 1],
        [exported, -1],
        [charge, -1],
        [discharge, 1],
      ]),
      net,
    ]);
    const flow: [number, number][] = [
      [stored, 1],
      [charge, -into],
      [discharge, 1 / outOf],
    ];
    if (slot === 0) equal.push([row(flow), (keep * input.storedMilliWh) / WH]);
    else equal.push([row([...flow, [5 * (slot - 1) + 4, -keep]]), 0]);
    const most = battery.maxMilliW / WH;
    atMost.push([row([[charge, 1]]), most], [row([[discharge, 1]]), buy < 0 ? 0 : most]);
    if (input.importLimitMilliWh !== undefined)
      atMost.push([row([[imported, 1]]), input.importLimitMilliWh / WH]);
    atMost.push([row([[stored, 1]]), battery.capacityMilliWh / WH]);
    const least =
      slot === count - 1 ? Math.max(battery.reserveMilliWh, input.endMinMilliWh) : battery.reserveMilliWh;
    atMost.push([row([[stored, -1]]), -least / WH]);
  }
  return { cost, equal, atMost };
}

/** The program in CPLEX's LP format, numbers in full. */
export function lpText(program: LinearProgram): string {
  const terms = (row: readonly number[]): string => {
    const parts = row.flatMap((value, column) =>
      value === 0 ? [] : [`${value < 0 ? "-" : "+"} ${Math.abs(value)} x${column}`],
    );
    return parts.length === 0 ? "0 x0" : parts.join(" ");
  };
  const rows = [
    ...program.equal.map(([row, value], index) => `e${index}: ${terms(row)} = ${value}`),
    ...program.atMost.map(([row, value], index) => `m${index}: ${terms(row)} <= ${value}`),
  ];
  return `Minimize\n obj: ${terms(program.cost)}\nSubject To\n ${rows.join("\n ")}\nEnd\n`;
}

/** HiGHS. The package's types describe its CommonJS face: as a module its default export is the loader itself. */
export const loadHighs = loader as unknown as () => Promise<LegacyHighs>;

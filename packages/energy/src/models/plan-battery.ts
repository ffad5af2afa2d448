/**
 * The cheapest way to run a battery when load, sun and prices are known: exact, without a solver. A slot's cost is
 * convex in what the battery's content changes, so the least cost of the rest, as a function of what is stored, stays
 * a sorted list of slopes.
 */

import { ProtocolError } from "@gridmesh/protocol";
import { HOUR_MS, PPM } from "../units.ts";
import { chargeBattery, dischargeBattery, keptShare } from "./battery.ts";
import type { Battery, BatteryFlow } from "./battery.ts";
import { cut, flat, fromPieces, leastAt, merged, mirrored, stretched, valueAt } from "./piecewise.ts";
import type { Convex } from "./piecewise.ts";

const MICRO_PER_MILLI_WH = 1e-6;

/** What there is to do, prices apart. */
export interface BatteryTask {
  readonly battery: Battery;
  /** In the battery when the first slot begins, mWh. */
  readonly storedMilliWh: number;
  /** At least so much is left after the last slot, mWh. */
  readonly endMinMilliWh: number;
  /** One value per slot, mWh ≥ 0; so are the other lists. */
  readonly loadMilliWh: ArrayLike<number>;
  readonly pvMilliWh: ArrayLike<number>;
  /** Most that a slot draws from the grid, mWh; default no limit. */
  readonly importLimitMilliWh?: number;
  /** Default one hour. */
  readonly durationMs?: number;
}

export interface BatteryPlanInput extends BatteryTask {
  readonly importMicroPerKWh: ArrayLike<number>;
  /** Counts as the import price where it is above it: buying to sell at once is no use of a battery. */
  readonly exportMicroPerKWh: ArrayLike<number>;
}

export interface PlannedSlot extends BatteryFlow {
  readonly chargeMilliWh: number;
  readonly dischargeMilliWh: number;
  readonly importMilliWh: number;
  readonly exportMilliWh: number;
}

export interface BatteryPlan {
  /**
   * Whole mWh: load + charge + export = pv + discharge + import in each. Rounding may miss
   * the end, or a limit that leaves no choice, by 1 mWh a slot.
   */
  readonly slots: readonly PlannedSlot[];
  /** The least cost there is, wear with it. */
  readonly optimumMicro: number;
}

/** What one slot may do and what that costs, over the change of what is stored. */
interface SlotCost {
  /** load − pv, mWh. */
  readonly net: number;
  /** Null: even a full discharge draws more than the limit. */
  readonly cost: Convex | null;
}

/**
 * The cheapest plan; null when none keeps both the import limit and the end. Storing happens in as few slots as cost
 * allows. No energy is discharged where that would be paid for: import < 0, or a surplus at export < 0.
 * @throws INVALID_PARAMS for lists of different length.
 */
export function planBattery(input: BatteryPlanInput): BatteryPlan | null {
  const { costs, rest } = backward(input);
  const first = rest[0];
  if (first === undefined) return null;
  const within = cut(first, input.storedMilliWh, input.storedMilliWh);
  if (within === null) return null;
  const keep = keptShare(input.battery, input.durationMs ?? HOUR_MS);
  const slots: PlannedSlot[] = [];
  let stored = input.storedMilliWh;
  costs.forEach(({ net, cost }, slot) => {
    const after = rest[slot + 1];
    const kept = Math.floor(stored * keep);
    const wanted =
      cost === null || after === undefined ? null : leastAt(after, cost, { shift: kept, wanted: kept });
    // Rounding may leave the stored mWh a little below what the rest can start from: then as near as can be.
    const reserveMilliWh = Math.ceil(floorAt(input, slot + 1));
    const battery = { ...input.battery, reserveMilliWh };
    const flow = move(
      { ...input, battery },
      { net, stored: kept, change: (wanted ?? after?.from ?? kept) - kept },
    );
    slots.push({ ...flow, lossMilliWh: flow.lossMilliWh + stored - kept });
    stored = flow.storedMilliWh;
  });
  return { slots, optimumMicro: valueAt(first, input.storedMilliWh) };
}

/** Ends that are nearer than this meet, mWh. */
const EQUAL_ENDS = 1e-6;

/**
 * Whether any plan keeps the import limit and the end, discharge at negative prices allowed: only how much may be
 * stored is followed backward, not what it costs.
 * @throws INVALID_PARAMS.
 */
export function canPlan(input: BatteryTask): boolean {
  const { battery, importLimitMilliWh: limit = Number.POSITIVE_INFINITY } = input;
  const count = input.loadMilliWh.length;
  checkLengths(input, ["pvMilliWh"]);
  const keep = keptShare(battery, input.durationMs ?? HOUR_MS);
  const most = mostMilliWh(input);
  const lowest = (-most * PPM) / battery.etaDischargePpm;
  let from = Math.max(floorAt(input, count), input.endMinMilliWh);
  let to = battery.capacityMilliWh;
  for (let slot = count - 1; slot >= 0 && from <= to + EQUAL_ENDS; slot -= 1) {
    const room = limit - (input.loadMilliWh[slot] ?? 0) + (input.pvMilliWh[slot] ?? 0);
    const highest = changeBy(battery, Math.min(most, room));
    if (highest < lowest - EQUAL_ENDS) return false;
    from = Math.max(floorAt(input, slot), (from - highest) / keep);
    to = Math.min(battery.capacityMilliWh, (to - lowest) / keep);
  }
  const stored = input.storedMilliWh;
  return from <= to + EQUAL_ENDS && stored >= from - EQUAL_ENDS && stored <= to + EQUAL_ENDS;
}

/** What so much at the terminals, in when positive, out when negative, changes of what is stored. */
function changeBy(battery: Battery, terminalMilliWh: number): number {
  const share = terminalMilliWh >= 0 ? battery.etaChargePpm / PPM : PPM / battery.etaDischargePpm;
  return terminalMilliWh * share;
}

/** The least cost from each slot on, over what is stored when it begins; empty when there is no way to the end. */
function backward(input: BatteryPlanInput): { costs: readonly SlotCost[]; rest: readonly Convex[] } {
  const { battery } = input;
  const count = input.loadMilliWh.length;
  checkLengths(input, ["pvMilliWh", "importMicroPerKWh", "exportMicroPerKWh"]);
  const keep = keptShare(battery, input.durationMs ?? HOUR_MS);
  const costs = Array.from({ length: count }, (_, slot) => slotCost(input, slot));
  const rest = Array.from<Convex | undefined>({ length: count + 1 });
  const full = battery.capacityMilliWh;
  let after = cut(flat(floorAt(input, count), full), input.endMinMilliWh, full);
  for (let slot = count; after !== null; slot -= 1) {
    rest[slot] = after;
    if (slot === 0) return { costs, rest: rest as Convex[] };
    const cost = costs[slot - 1]?.cost ?? null;
    if (cost === null) break;
    after = cut(stretched(merged(after, mirrored(cost)), keep), floorAt(input, slot - 1), full);
  }
  return { costs, rest: [] };
}

/** The reserve holds, leaks are made good; what starts below it is not forced up, and leaks on. */
function floorAt(input: BatteryTask, slot: number): number {
  const { reserveMilliWh } = input.battery;
  if (input.storedMilliWh >= reserveMilliWh) return reserveMilliWh;
  return input.storedMilliWh * keptShare(input.battery, slot * (input.durationMs ?? HOUR_MS));
}

function checkLengths<Name extends string>(
  input: Readonly<Record<Name | "loadMilliWh", ArrayLike<number>>>,
  names: readonly Name[],
): void {
  const count = input.loadMilliWh.length;
  for (const name of names) {
    if (input[name].length !== count) {
      throw new ProtocolError("INVALID_PARAMS", `${name} has ${input[name].length} slots, load has ${count}`);
    }
  }
}

function slotCost(input: BatteryPlanInput, slot: number): SlotCost {
  const { battery, importLimitMilliWh: limit } = input;
  const net = (input.loadMilliWh[slot] ?? 0) - (input.pvMilliWh[slot] ?? 0);
  const buy = (input.importMicroPerKWh[slot] ?? 0) * MICRO_PER_MILLI_WH;
  const sell = Math.min(buy, (input.exportMicroPerKWh[slot] ?? 0) * MICRO_PER_MILLI_WH);
  const whole = withoutLimit(battery, { net, buy, sell }, mostMilliWh(input));
  if (limit === undefined) return { net, cost: whole };
  return { net, cost: cut(whole, Number.NEGATIVE_INFINITY, changeBy(battery, limit - net)) };
}

/** Left of 0 the battery gives, first into the grid, then to the load; right of 0 it takes, first the surplus. */
function withoutLimit(
  battery: Battery,
  slot: { readonly net: number; readonly buy: number; readonly sell: number },
  most: number,
): Convex {
  const { net, buy, sell } = slot;
  const wear = battery.wearMicroPerKWh * MICRO_PER_MILLI_WH;
  const into = battery.etaChargePpm / PPM;
  const outOf = battery.etaDischargePpm / PPM;
  const price = net > 0 ? buy : sell;
  const given = price < 0 ? 0 : most;
  const toLoad = Math.max(0, Math.min(given, net));
  const fromSurplus = Math.max(0, Math.min(most, -net));
  const toGrid = [(given - toLoad) / outOf, sell * outOf - wear] as const;
  const served = [toLoad / outOf, buy * outOf - wear] as const;
  const gain = toGrid[0] * toGrid[1] + served[0] * served[1];
  return fromPieces(-given / outOf, net * price - gain, [
    toGrid,
    served,
    [fromSurplus * into, sell / into + wear],
    [(most - fromSurplus) * into, buy / into + wear],
  ]);
}

function mostMilliWh(input: BatteryTask): number {
  return Math.floor((input.battery.maxMilliW * (input.durationMs ?? HOUR_MS)) / HOUR_MS);
}

/** Rounds a change of what is stored to whole mWh at the terminals, up in favour of the battery, within every limit. */
function move(
  input: BatteryPlanInput,
  slot: { readonly net: number; readonly stored: number; readonly change: number },
): PlannedSlot {
  const { battery } = input;
  const { net, stored, change } = slot;
  const durationMs = input.durationMs ?? HOUR_MS;
  const headroom = (input.importLimitMilliWh ?? Number.POSITIVE_INFINITY) - net;
  const tiny = 1e-6;
  if (change > tiny) {
    const takes = Math.ceil((change * PPM) / battery.etaChargePpm - tiny);
    const offeredMilliWh = Math.max(0, Math.min(takes, headroom));
    const flow = chargeBattery(battery, stored, { offeredMilliWh, durationMs });
    return balanced(net, flow, "charge");
  }
  const gives = Math.floor((-change * battery.etaDischargePpm) / PPM + tiny);
  const wantedMilliWh = Math.max(gives, -headroom);
  return balanced(net, dischargeBattery(battery, stored, { wantedMilliWh, durationMs }), "discharge");
}

function balanced(net: number, flow: BatteryFlow, direction: "charge" | "discharge"): PlannedSlot {
  const chargeMilliWh = direction === "charge" ? flow.movedMilliWh : 0;
  const dischargeMilliWh = direction === "discharge" ? flow.movedMilliWh : 0;
  const drawn = net + chargeMilliWh - dischargeMilliWh;
  return {
    ...flow,
    chargeMilliWh,
    dischargeMilliWh,
    importMilliWh: Math.max(0, drawn),
    exportMilliWh: Math.max(0, -drawn),
  };
}

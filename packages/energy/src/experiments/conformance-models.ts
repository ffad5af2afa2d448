/** E6's part for models: plans of batteries and voltages of feeders against what other programs found. */

import { ProtocolError } from "@gridmesh/protocol";
import type { DataFolder } from "../data/read.ts";
import { feederFlow, lineFeeder } from "../grid/voltage.ts";
import { createBattery } from "../models/battery.ts";
import { planBattery } from "../models/plan-battery.ts";
import { type ConformanceResult, readCases, tally } from "./conformance-cases.ts";

const PER_KILO = 1e6;
/** Currency units: the oracle's costs have five decimals. */
const COST_SLACK = 1e-4;
const LINEAR_SLACK_PU = 2e-6;
const POWER_FLOW_SLACK_PU = 1e-3;
/** Outside of this the linear model promises no value. */
const TRUSTED_BAND_PU = 0.05;

interface BatteryCase {
  readonly home: number;
  readonly start_row: number;
  readonly hours: number;
  readonly feed_in: number;
  readonly capacity_kwh: number;
  readonly power_kw: number;
  readonly eta_charge: number;
  readonly eta_discharge: number;
  readonly soc0_kwh: number;
  readonly soc_end_min_kwh: number;
  readonly optimal_cost_usd: number;
}

/**
 * `battery_lp.json` on the homes and prices it was made for: |cost − optimum| ≤ 10⁻⁴.
 * @throws INVALID_PARAMS when the text is no such file, or the folder has no prices.
 */
export function batteryConformance(text: string, folder: DataFolder): ConformanceResult {
  const file = "battery_lp.json";
  const prices = folder.environment?.columns.priceMicroPerKWh;
  if (prices === undefined) throw new ProtocolError("INVALID_PARAMS", `${file}: no prices beside the homes`);
  return tally(file, readCases(file, text) as readonly BatteryCase[], (known) => {
    const year = folder.homes.home(known.home);
    const span = [known.start_row, known.start_row + known.hours] as const;
    const plan = planBattery({
      battery: createBattery({
        capacityMilliWh: Math.round(known.capacity_kwh * PER_KILO),
        reserveMilliWh: 0,
        maxMilliW: Math.round(known.power_kw * PER_KILO),
        etaChargePpm: Math.round(known.eta_charge * PER_KILO),
        etaDischargePpm: Math.round(known.eta_discharge * PER_KILO),
      }),
      storedMilliWh: Math.round(known.soc0_kwh * PER_KILO),
      endMinMilliWh: Math.round(known.soc_end_min_kwh * PER_KILO),
      loadMilliWh: year.loadMilliWh.subarray(...span),
      pvMilliWh: year.pvMilliWh.subarray(...span),
      importMicroPerKWh: prices.subarray(...span),
      exportMicroPerKWh: new Float64Array(known.hours).fill(known.feed_in * PER_KILO),
    });
    const difference = Math.abs((plan?.optimumMicro ?? Number.NaN) / PER_KILO - known.optimal_cost_usd);
    if (difference <= COST_SLACK) return null;
    return `home ${known.home}, row ${known.start_row}, ${known.hours} h: ${difference} off`;
  });
}

interface FeederCase {
  readonly name: string;
  readonly p_kw: readonly number[];
  readonly q_kvar: readonly number[];
  readonly segment_km: number;
  readonly r_ohm_km: number;
  readonly x_ohm_km: number;
  readonly v_nom_kv: number;
  readonly v_slack_pu: number;
  readonly v_pu_pandapower: readonly number[];
  readonly v_pu_lindistflow: readonly number[];
}

/**
 * `feeder_voltage.json`: the linear model's values to 2·10⁻⁶, AC power flow to 10⁻³ where all stay within ±5 %.
 * @throws INVALID_PARAMS when the text is no such file.
 */
export function feederConformance(text: string): ConformanceResult {
  const file = "feeder_voltage.json";
  return tally(file, readCases(file, text) as readonly FeederCase[], (known) => {
    const feeder = lineFeeder({
      count: known.p_kw.length,
      segmentKm: known.segment_km,
      ohmPerKm: { resistance: known.r_ohm_km, reactance: known.x_ohm_km },
      nominalKV: known.v_nom_kv,
      slackPu: known.v_slack_pu,
    });
    const { voltagePu } = feederFlow(feeder, { activeKW: known.p_kw, reactiveKVar: known.q_kvar });
    const farthest = (reference: readonly number[]): number =>
      voltagePu.reduce(
        (most, value, node) => Math.max(most, Math.abs(value - (reference[node + 1] ?? Number.NaN))),
        0,
      );
    const linear = farthest(known.v_pu_lindistflow);
    if (!(linear <= LINEAR_SLACK_PU)) return `${known.name}: ${linear} pu off the linear model`;
    const trusted = known.v_pu_pandapower.every((value) => Math.abs(value - 1) <= TRUSTED_BAND_PU);
    const flow = farthest(known.v_pu_pandapower);
    if (trusted && !(flow <= POWER_FLOW_SLACK_PU)) return `${known.name}: ${flow} pu off AC power flow`;
    return null;
  });
}

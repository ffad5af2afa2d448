/** Decimals of the wire and the whole units they are here. */

/** Money to micro, kW to mW, kWh to mWh, shares and grams to thousandths. */
const SCALES: Readonly<Record<string, number>> = {
  PRICE: 1_000_000,
  EXPORT_PRICE: 1_000_000,
  GHG: 1_000,
  CHARGE_STATE_SETPOINT: 1_000,
  DISPATCH_SETPOINT: 1_000_000,
  DISPATCH_SETPOINT_RELATIVE: 1_000_000,
  IMPORT_CAPACITY_LIMIT: 1_000_000,
  EXPORT_CAPACITY_LIMIT: 1_000_000,
  USAGE: 1_000_000,
  BASELINE: 1_000_000,
  USAGE_FORECAST: 1_000_000,
  LOAD_SHED_DELTA_AVAILABLE: 1_000_000,
  STORAGE_USABLE_CAPACITY: 1_000_000,
  STORAGE_CHARGE_LEVEL: 1_000,
  UP_REGULATION_AVAILABLE: 1_000_000,
  DOWN_REGULATION_AVAILABLE: 1_000_000,
};

/** Whole units per unit of the wire; 1 where values stay as they came. */
export function scaleOf(type: string): number {
  return Object.hasOwn(SCALES, type) ? (SCALES[type] ?? 1) : 1;
}

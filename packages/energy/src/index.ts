export { ceilMulDiv, floorMulDiv, HOUR_MS, meterStep } from "./units.ts";
export type { MeterStep } from "./units.ts";
export {
  chargeBattery,
  createBattery,
  defaultEtaPpm,
  dischargeBattery,
  noBattery,
} from "./models/battery.ts";
export type { Battery, BatteryFlow } from "./models/battery.ts";
export { planHour } from "./models/surplus.ts";
export type { SlotInput, SlotPlan } from "./models/surplus.ts";
export { auditBooks } from "./ledger/audit.ts";
export type { AuditResult, Difference, OpenOrder } from "./ledger/audit-types.ts";
export {
  balanceOf,
  bookSum,
  cashMicro,
  familyBalance,
  peerBalance,
  storedMilliWh,
} from "./ledger/accounts.ts";
export { dayOf, daysOf, dayStartS, homeSeries, nextDay } from "./data/dataset.ts";
export type { Dataset, DaySeries, HomeYear } from "./data/dataset.ts";
export { readCityLearn } from "./data/citylearn.ts";

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
export { canPlan, planBattery } from "./models/plan-battery.ts";
export type { BatteryPlan, BatteryPlanInput, BatteryTask, PlannedSlot } from "./models/plan-battery.ts";
export { leastImportLimit } from "./models/plan-peak.ts";
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
export { dataFileNames, isDataFile, readDataFolder } from "./data/read.ts";
export type { DataFolder } from "./data/read.ts";
export type { Environment, EnvironmentColumn } from "./data/environment.ts";
export { afterTrade, rateStep, thresholdDecision, thresholdStart } from "./models/threshold.ts";
export type {
  RateStep,
  ThresholdDecision,
  ThresholdInput,
  ThresholdOptions,
  ThresholdState,
} from "./models/threshold.ts";
export { createGenerator } from "./data/generator.ts";
export { communityDay } from "./market/match.ts";
export type { CommunityDay, CommunityHome, CommunityRules, CommunityTrade, HomeDay } from "./market/match.ts";
export {
  allFromUtilityBillMicro,
  fairness,
  ownUse,
  percent,
  sameAssetsBillMicro,
  savingOf,
  spreadOf,
} from "./kpi.ts";
export type { Baseline, OwnUse, Saving, SlotBalance, Tariff } from "./kpi.ts";
export { ledgerTotals } from "./ledger/totals.ts";
export type { HouseholdTotals, LedgerTotals } from "./ledger/totals.ts";
export { clearCallUniform, clearPayAsBid } from "./market/call-auction.ts";
export { curveStep, type CurveSum, type DemandCurve, sumCurves } from "./market/curve.ts";
export { clearGsyPayAsBid, clearPayAsAsk } from "./market/greedy.ts";
export type { AuctionOrder, AuctionTrade, Clearing } from "./market/order.ts";
export { clearTradeReduction } from "./market/trade-reduction.ts";
export type { DayForecaster, ForecastMethod } from "./forecast/method.ts";
export { mean7, naive168, naive24 } from "./forecast/naive.ts";
export { holtWinters, smoothing } from "./forecast/smoothing.ts";
export { ridge } from "./forecast/ridge.ts";
export { clearSky, clearSkyDayW } from "./forecast/clear-sky.ts";
export type { ClearSkySite } from "./forecast/clear-sky.ts";
export { forecastAlerts, reviseForecast, selectForecaster } from "./forecast/forecast.ts";
export type { DaySelector, Forecast, ForecastAlert, ForecastPoint } from "./forecast/forecast.ts";
export { alertExperiment, forecastExperiment } from "./experiments/forecast.ts";
export type { AlertFigures, ForecastRow, ForecastSeries, TableMethod } from "./experiments/forecast.ts";
export { readDayAheadPrices } from "./data/dayahead.ts";
export type { DayAheadPrices } from "./data/dayahead.ts";
export { type Imbalance, imbalanceOf, type ImbalanceTariff, type SlotFlows } from "./ledger/imbalance.ts";
export { settleMost } from "./ledger/most-settled.ts";
export {
  type Deviation,
  type DeviationSettled,
  type MeteredTrade,
  type Meters,
  settleByDeviation,
  type Settled,
  settleInOrder,
  settleThreeRounds,
  shareMeter,
} from "./ledger/settlement.ts";
export { costCommunities, costExperiment } from "./experiments/cost.ts";
export type { CostCommunity, CostRow } from "./experiments/cost.ts";
export { peakExperiment, reboundExperiment } from "./experiments/peak.ts";
export type { PeakRow, PeakTable, ReboundTable } from "./experiments/peak.ts";
export type { AreaOrder, AreaTrade, EnergySource, OrderCondition } from "./market/area-order.ts";
export type { AreaFee, AreaLimit, AreaRules } from "./market/area-tree.ts";
export { type AreasClearing, type AreasInput, clearAreas } from "./market/areas.ts";
export {
  batteryDroopKW,
  largestCalmGain,
  restingGrid,
  simulateFrequency,
  smallGrid,
  SWING_STEP_S,
  swingStep,
} from "./grid/frequency.ts";
export type { FrequencyControl, SwingGrid, SwingState } from "./grid/frequency.ts";
export { countViolations, feederFlow, lineFeeder } from "./grid/voltage.ts";
export type { Feeder, FeederFlow, FeederNode, NodePowers } from "./grid/voltage.ts";
export { nodeLimits } from "./grid/node-limits.ts";
export type { NodeLimit } from "./grid/node-limits.ts";
export { gridStages, ladderStart, ladderStep, shedLoads } from "./grid/ladder.ts";
export type { GridSample, GridStage, LadderState, SheddableLoad } from "./grid/ladder.ts";
export { readFrequencyEvent, readGridDay } from "./data/grid-day.ts";
export type { GridRecord } from "./data/grid-day.ts";
export { frequencyControls, frequencyExperiment, recordExperiment } from "./experiments/frequency.ts";
export type { FrequencyControlName, FrequencyRow, RecordRow } from "./experiments/frequency.ts";
export { readReferenceData } from "./data/reference.ts";
export type { ReferenceData } from "./data/reference.ts";
export { profileSeries } from "./data/load-profile.ts";
export type { LoadProfile } from "./data/load-profile.ts";
export type { PvWattsYear } from "./data/pv-year.ts";
export { panelPowerW, sunPosition } from "./models/sun.ts";
export type { Irradiance, Panel, SunPosition } from "./models/sun.ts";
export type { BookCommand, BookOrder, BookOutcome, BookRules } from "./market/book-order.ts";
export { ContinuousBook } from "./market/book.ts";
export { type BookEvent, bookEventHash, BookTape, replayTape, type TapeStart } from "./market/tape.ts";
export { planJob, planVehicle } from "./models/jobs.ts";
export type { Job, LoadPlan, PriceSlots, Vehicle } from "./models/jobs.ts";
export { batteryFaded, healthyPv, pvHealthStep } from "./models/health.ts";
export type { PvHealth } from "./models/health.ts";
export { knownEventTypes, knownReportTypes, readEvent, readProgram, readReport } from "./response/openadr.ts";
export type {
  EventInterval,
  IntervalPeriod,
  IntervalValue,
  ReportInterval,
  ResponseEvent,
  ResponseProgram,
  ResponseReport,
} from "./response/openadr.ts";
export { eventJson, programJson, reportJson } from "./response/write.ts";
export { activeRequests, concerns, intervalsOf, mayOptOut } from "./response/schedule.ts";
export type { ActiveRequest, Participant, ScheduledInterval } from "./response/schedule.ts";
export { responseBaseline, responsePayment } from "./response/baseline.ts";
export type { Baseline as ResponseBaseline, MeteredDay, ResponsePayment } from "./response/baseline.ts";
export { carbonGPerKWh, marketShares, peakRatio } from "./kpi-ratios.ts";
export type { MarketShares, PeakRatio, Share } from "./kpi-ratios.ts";
export { generatedDayAhead, generatedEnvironment } from "./data/generated-environment.ts";
export { generatedGridDay } from "./data/generated-grid.ts";
export { generatedFault, generatedJobs, withPvFault } from "./data/generated-jobs.ts";
export type { PvFault } from "./data/generated-jobs.ts";
export {
  type AuctionResult,
  clearByRules,
  type ClearingFigures,
  type IdentifiedOrder,
} from "./market/clear.ts";
export {
  type AbsenceProof,
  isAbsent,
  type LeafForm,
  type Neighbour,
  proveAbsence,
} from "./market/proof/absence.ts";
export { commitOrder, isRevealOf, revealOf } from "./market/proof/commitment.ts";
export {
  type AuctionDocument,
  type AuctionDocumentType,
  auctionSigner,
  type AuctionTradeRecord,
  type ClearingResult,
  closeGate,
  commitmentLeaf,
  documentHash,
  type GateClose,
  type OrderReceipt,
  type OrderReveal,
  type ResultContent,
  resultOf,
  revealLeaf,
  type VerifyAuction,
} from "./market/proof/documents.ts";
export {
  checkFraudProof,
  type Conviction,
  type FraudContext,
  type FraudProof,
} from "./market/proof/fraud.ts";
export { rankSupervisors } from "./market/proof/rank.ts";
export { type AuctionPhase, phaseAt } from "./market/proof/phases.ts";
export type {
  AuctionLock,
  AuctionProposal,
  AuctionReport,
  AuctionVote,
  LockClaim,
  SlotEnd,
  VoteValue,
} from "./market/proof/ballots.ts";
export {
  allowedValue,
  isAllowed,
  isEnded,
  isLocked,
  leaderOf,
  voteContext,
  type VoteContext,
} from "./market/proof/ballot-checks.ts";
export { checkBallots, type SignedBallot } from "./market/proof/ballot-fraud.ts";
export { type Quorums, quorumsOf } from "./market/proof/quorums.ts";
export {
  type Addressed,
  type SignAuction,
  type VoteMessage,
  type VoteRecord,
  type VoteStep,
} from "./market/vote/messages.ts";
export { type DoubleBallot } from "./market/vote/heard.ts";
export { SlotVote, type SlotVoteSetup } from "./market/vote/slot-vote.ts";
export {
  type CallMechanism,
  checkMarketOrder,
  checkOwnOrders,
  type MarketOrder,
  type MarketRules,
  rulesHashOf,
} from "./market/rules.ts";
export {
  alertFigures,
  costFigures,
  dayFigures,
  eventFigures,
  forecastFigures,
  frequencyFigures,
  peakFigures,
} from "./experiments/results.ts";
export type { ExperimentFigure, ExperimentSource } from "./experiments/results.ts";
export {
  type LearningRow,
  learningExperiment,
  type MarketExperiment,
  marketExperiment,
  type MarketMechanism,
  type MarketRow,
} from "./experiments/market.ts";
export type { TraderKind } from "./experiments/traders.ts";
export {
  checkExposure,
  checkReading,
  isFeederPlausible,
  type MeterReading,
  readingHash,
  restateSolar,
} from "./ledger/meters.ts";
export { batteryConformance, feederConformance } from "./experiments/conformance-models.ts";
export type { ConformanceResult } from "./experiments/conformance-cases.ts";
export {
  clearingConformance,
  curveConformance,
  type EngineReach,
  examplesConformance,
  gsyConformance,
  othersReach,
} from "./experiments/conformance-market.ts";
export { type AuctionView, findFraud } from "./market/proof/watch.ts";
export {
  type Auction,
  type AuctionKeys,
  createAuction,
  type ResultBy,
  type StatementBy,
} from "./experiments/auction.ts";
export {
  type CheatExperiment,
  cheatExperiment,
  type CheatKind,
  cheatKinds,
  type CheatRow,
} from "./experiments/cheat.ts";
export { type RandomStream, randomStream } from "./data/random-stream.ts";
export { voteFromWire, voteToWire, type VoteWire, type VoteWireType } from "./market/vote/wire.ts";
export { rememberVerified } from "./market/vote/remember.ts";
/** Of the protocol, where trades use them too. */
export { type InclusionProof, isIncluded, merkleRoot, proveInclusion } from "@gridmesh/protocol";

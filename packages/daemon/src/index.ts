export { type ControlClient, controlClient, type ControlWait } from "./client.ts";
export type {
  AgentView,
  AuditView,
  ClockView,
  ConfigValueView,
  FindingView,
  HealthView,
  LedgerView,
  MetricsView,
  NodeView,
  PeerView,
  RegistryRowView,
  TradeStage,
  TradeView,
  TraceStepView,
} from "./control/types.ts";

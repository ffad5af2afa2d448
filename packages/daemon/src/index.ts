export {
  type ControlClient,
  controlClient,
  type ControlReply,
  type ControlRequest,
  type ControlWait,
} from "./client.ts";
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

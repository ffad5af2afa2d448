export type {
  Access,
  AgentClaims,
  AgentContext,
  AgentDefinition,
  CallContext,
  Caller,
  McpChange,
  McpFactory,
  McpFactoryContext,
  McpServerShape,
  MethodHandler,
  OperationClaim,
  PromptDefinition,
  ResourceDefinition,
  ToolDefinition,
} from "./agent.ts";
export type {
  BecknExchange,
  BecknOrders,
  BecknSettings,
  BuyOptions,
  BuyOutcome,
  BuyStep,
  Offer,
  OfferOrder,
  OrderOptions,
  OutsideExchange,
  OutsideMessage,
  OutsideProgram,
  OutsideReply,
  SearchIntent,
  Tracking,
  WaitingOrder,
} from "./beckn/types.ts";
export { a2aTransport, type CardInterface, type CardRead, type NodeCards } from "./cards.ts";
export { type Clock, type Random, systemClock, systemRandom, type Wait } from "./clock.ts";
export { createNode } from "./create-node.ts";
export {
  type Finding,
  type FindingCode,
  type FindingEntry,
  findingTable,
  type Observation,
  type Severity,
} from "./findings.ts";
export type { AccessOptions, AccessRule } from "./gate/access.ts";
export { nodeEngine } from "./gate/engine.ts";
export type { AgentOptions, Registration } from "./host/agent-list.ts";
export type { ChildrenOptions } from "./host/children.ts";
export { a2aFailure } from "./route/a2a-errors.ts";
export { type A2aExchange, type A2aQuestion, exchangeA2a, type OpenA2a } from "./host/a2a-exchange.ts";
export type { A2aOffer, OfferedMcp, OpenChannel } from "./host/a2a-offer.ts";
export type { CardDraft, CardSkill } from "./host/card.ts";
export type { AgentSource } from "./host/host-agent.ts";
export type { AgentKind } from "./host/in-process.ts";
export type { RemoteA2aDefinition } from "./host/a2a-remote.ts";
export type { RemoteDefinition } from "./host/remote-http.ts";
export { guardedFetch, type GuardedFetchOptions } from "./host/ssrf-fetch.ts";
export { type Processes, type ProcessSpec, type RunningProcess, systemProcesses } from "./host/processes.ts";
export type { ChildDefinition } from "./host/stdio-child-spec.ts";
export { channelTransport, type McpTransport } from "./host/mcp-transport.ts";
export {
  agentIdentity,
  createIdentity,
  hasIdentity,
  type Identity,
  identityFromSeed,
  keyFiles,
  keyLock,
  type KeyLock,
  loadIdentity,
  prepareSuccession,
} from "./identity.ts";
export { type SealOptions, sealKeys } from "./seal-keys.ts";
export { type Rotated, rotateKey, type RotateOptions } from "./rotate.ts";
export { nodeLimits } from "./limits.ts";
export { type Log, type LogFields, silentLog } from "./log.ts";
export { type MarketClock, type MarketClockState, marketClock } from "./market-clock.ts";
export { type MetricEntry, type MetricName, metricTable } from "./metric-table.ts";
export type { HistogramSample, MetricFamily, Sample } from "./metrics.ts";
export {
  type KnownPeerRow,
  type KnownPeerStore,
  libp2p,
  type Libp2pOptions,
  memory,
  type MemoryFaults,
  type MemoryHub,
  memoryHub,
  type MemoryOptions,
  type MetricSink,
  type NetworkChoice,
  type TransportContext,
} from "./network/index.ts";
export type {
  AgentNode,
  ExtensionDraft,
  HostedAgentView,
  InputRequest,
  NamedWait,
  NodeAgents,
  NodeBan,
  NodeBans,
  NodeExtensions,
  NodePeer,
  NodeState,
  StreamMessage,
  StreamOptions,
} from "./node.ts";
export type { LinkOptions, NodeAgent, NodeOptions } from "./node-options.ts";
export type {
  AgentChannel,
  ChannelContext,
  ChannelMode,
  ChannelOpening,
  ChannelProto,
  Era,
  LocalUser,
  OpenRequest,
} from "./route/channel.ts";
export { channelPair } from "./route/channel-pair.ts";
export type { AgentRow, Registry, RegistryQuery } from "./registry/types.ts";
export type { SigningPolicy, TradeDesk, TradeEvent } from "./trade/types.ts";
export {
  auditDesk,
  type DeskAudit,
  type DiskFile,
  folderDisk,
  type JournalDisk,
  type MemoryDisk,
  memoryDisk,
  openTradeDesk,
  type TradeDeskOptions,
} from "./trade/index.ts";

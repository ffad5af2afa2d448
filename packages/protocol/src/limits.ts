/** Every bound of the protocol in one place; docs/LIMITS.md is held to it both ways. Units are in the names. */
export const limits = {
  /** Frame content of control and trade streams. */
  controlFrameBytes: 64 * 1024,
  tradeFrameBytes: 64 * 1024,
  /** Frame content of a task stream, also once inflated. */
  taskFrameBytes: 2 * 1024 * 1024,
  dataFrameBytes: 1024 * 1024 + 64,
  /** Canonical form of a value that is asked for, and of an inline part of a result. */
  taskInputBytes: 64 * 1024,
  taskPartialBytes: 256 * 1024,
  becknFrameBytes: 256 * 1024,
  rpcLineBytes: 4 * 1024 * 1024,
  rpcOpeningLineBytes: 8 * 1024,
  gossipBytes: 32 * 1024,
  capabilityGossipBytes: 16 * 1024,
  taskOfferGossipBytes: 8 * 1024,
  /** Below it, gzip is not worth its header. */
  gzipFromBytes: 1024,

  jsonDepth: 32,
  jsonKeysPerObject: 256,
  jsonItemsPerArray: 4_096,
  jsonStringBytes: 16 * 1024,
  rpcJsonDepth: 64,
  rpcJsonMembersPerObject: 10_000,
  extraBytes: 4 * 1024,
  errorMessageChars: 500,
  addressChars: 512,
  methodChars: 256,

  /** |now − timestamp| that still passes. */
  freshnessS: 60,
  nonceKeptS: 180,
  noncesPerSender: 20_000,
  noncesTotal: 200_000,
  /** Longest life of an agent's binding, and the usual one. */
  bindingMaxS: 90 * 86_400,
  bindingUsualS: 7 * 86_400,
  bindingsPerConnection: 64,

  messagesPerSecond: 100,
  messageBurst: 1_000,
  messagePeakPerSecond: 200,
  messagePeakBurst: 20,
  nodeMessagesPerSecond: 1_000,
  /** What waits to be sent to one peer. */
  queuedMessages: 1_000,
  queuedBytes: 8 * 1024 * 1024,
  /** A waiting message rises by one class each time. */
  priorityRiseMs: 30_000,
  searchesPerSecond: 5,
  advertisementGapS: 5,
  errorsPerSecond: 1,

  helloWaitS: 10,
  rpcInFlightPerPeer: 64,

  bootstrapCapabilities: 32,
  bootstrapAddresses: 16,
  bootstrapPeers: 32,
  advertisementValidS: 180,
  heartbeatEveryS: 15,
  heartbeatSuspectS: 45,
  heartbeatDeadS: 75,
  verifyKeysCached: 4_096,
} as const;

export type LimitName = keyof typeof limits;

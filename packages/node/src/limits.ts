/** What a node allows: numbers with a reason each, in one place. What both ends must agree on is the protocol's. */

import { limits } from "@gridmesh/protocol";

export const nodeLimits = {
  /** Agents of one node. */
  agents: 256,
  /** Searchable words of one agent. */
  wordsPerAgent: 32,
  /** Words of one node in the DHT, prefixes at dots included. */
  wordsProvided: 128,
  /** A call without a stated limit. */
  callTimeoutMs: 30_000,
  /** No call lasts longer, whatever it asks for. */
  callTimeoutMaxMs: 600_000,
  /** Reaching a peer: look-up and dial together. */
  reachTimeoutMs: 15_000,
  /** A DHT look-up of a peer. */
  findPeerMs: 5_000,
  /** Opening line of an rpc stream. */
  rpcOpeningBytes: limits.rpcOpeningLineBytes,
  rpcOpeningMs: 5_000,
  /** A line of an rpc stream: an MCP body as its SDK bounds it. */
  rpcLineBytes: limits.rpcLineBytes,
  rpcDepth: limits.rpcJsonDepth,
  rpcMembers: limits.rpcJsonMembersPerObject,
  /** Calls of one peer under way at once. */
  rpcInFlight: limits.rpcInFlightPerPeer,
  /** Calls under way for all peers together. */
  rpcInFlightNode: 512,
  /** Calls waiting for a free place on the stream to one peer. */
  rpcQueue: 1_024,
  /** Streams of one peer; libp2p's own bound stands above it and cuts silently. */
  rpcStreamsPerPeer: 48,
  rpcIdleMs: 60_000,
  /** The same of a conversation that keeps state at the agent. */
  rpcSessionIdleMs: 300_000,
  /** Requests of one caller to one agent under way on channels. */
  rpcInFlightAgent: 32,
  /** Streams of one peer that are served, and of them those that listen or keep a session. */
  rpcStreamsServed: 32,
  rpcLongStreams: 24,
  /** Nodes that a call may have passed through. */
  rpcHops: 3,
  /** A2A tasks of one agent that are not ended, of one caller and in all; with those, ended ones are kept up to so many. */
  a2aOpenTasksPerCaller: 64,
  a2aTasks: 4_096,
  /** An open task that did not change for so long may be given up, if there is no room for others. */
  a2aTaskIdleMs: 3_600_000,
  /** Text of the tasks that all agents keep, of it that of open ones, and of these one caller's at one agent. */
  a2aTaskChars: 64 * 1_024 * 1_024,
  a2aOpenTaskChars: 32 * 1_024 * 1_024,
  a2aOpenCharsPerCaller: 8 * 1_024 * 1_024,
  /** Larger calls, and calls of methods with larger answers, take a second stream and delay nothing small. */
  rpcBulkBytes: 64 * 1024,
  /** Bytes of such calls under way for one peer, and for all: what they are read into is many times as large. */
  rpcBulkInFlightBytes: 8 * 1_024 * 1_024,
  rpcBulkInFlightNodeBytes: 64 * 1_024 * 1_024,
  /** First frame each way on a new control stream. */
  helloMs: limits.helloWaitS * 1000,
  /** A control stream that broke is opened again after this. */
  controlReopenMs: 1_000,
  /** Losses of the control stream in a minute that close the connection. */
  controlLosses: 3,
  heartbeatMs: limits.heartbeatEveryS * 1000,
  /** Silence after which a peer is suspected, and after which it counts as gone. */
  suspectMs: limits.heartbeatSuspectS * 1000,
  goneMs: limits.heartbeatDeadS * 1000,
  /** One bootstrap_request per peer in this time. */
  bootstrapRequestMs: 10_000,
  /** So many linked peers are asked for others, anchors aside. */
  bootstrapAsked: 4,
  /** Candidates in a bootstrap_response. */
  bootstrapPeers: limits.bootstrapPeers,
  /** Introductions a minute from and to one peer. */
  introductions: 8,
  /** Peers named by others that are dialled when links are wanted: so many, of one /24 so many, for so long. */
  candidates: 256,
  candidatesPerSubnet: 2,
  candidateMs: 600_000,
  /** Peers in the answer to another peer's node/list_peers. */
  listedPeers: 100,
  /** Once in this time a peer is told them. */
  listPeersMs: 10_000,
  /** Malformed messages in the window that ban their sender. */
  malformedBeforeBan: 10,
  malformedWindowMs: 60_000,
  banMs: 300_000,
  banMaxMs: 86_400_000,
  /** Bans remembered; one more drops the oldest. */
  bans: 10_000,
  /** An address is never banned for longer: others will have it tomorrow. */
  ipBanMaxMs: 3_600_000,
  /** Connections of one address refused for their rate in the window that ban it. */
  floodRefusals: 100,
  floodWindowMs: 10_000,
  /** Error answers to a peer that has proved nothing. */
  errorsPerSecond: limits.errorsPerSecond,
  /** Time for a last error to leave before a banned peer is cut off. */
  errorFlushMs: 200,
  /** Gossip messages of one topic waiting for their turn; the oldest is dropped. */
  gossipQueue: 1_024,
  /** A validator answers within this, or the message is dropped. */
  gossipAnswerMs: 100,
  /** Bindings of agents remembered per connection. */
  bindingsPerLink: limits.bindingsPerConnection,
  /** Records are renewed this often, ± 20 %. */
  advertiseMs: 60_000,
  /** Renewals a second in the whole network: above 1,200 known records the interval grows with them. */
  renewalsPerSecond: 20,
  /** A record on gossip. */
  capabilityBytes: limits.capabilityGossipBytes,
  /** Larger schemas are told by CID. */
  schemaBytes: 4_096,
  /** Two records of one agent on gossip are at least this far apart. */
  advertiseApartMs: limits.advertisementGapS * 1000,
  /** Words enter the DHT this long after the last look at who is there, and up to twice that. */
  provideSettleMs: 5_000,
  /** Seconds a record is valid; three times its interval, so longer where that is. */
  recordValidS: limits.advertisementValidS,
  /** No record may claim a longer life: three intervals of a full registry. */
  recordValidMaxS: 3_600,
  /** Records remembered, and of one node. */
  records: 20_000,
  recordsPerNode: 256,
  /** Of them, those that only their signer ties to a node; such a node did not tell them itself. */
  recordsHearsay: 10_000,
  /** Records with their words and index, and of them hearsay. */
  recordsBytes: 64 * 1_024 * 1_024,
  recordsHearsayBytes: 32 * 1_024 * 1_024,
  /** Records kept over a restart, to be asked for again, are written this often. */
  recordsSavedMs: 60_000,
  /** Signers caught in a minute that peers are told of: fresh keys cost whoever lies nothing. */
  alertsTold: 30,
  /** Proofs kept that a signer said two things at once. */
  equivocations: 256,
  /** Keys of which a handover or a promise is remembered, and for how long after the last news. */
  successions: 10_000,
  successionKeptMs: 400 * 86_400_000,
  /** Own handovers in the answer to node/get_info. */
  continuityTold: 16,
  /** A gone agent stays in the list this long. */
  goneKeptMs: 600_000,
  /** A look-up in the registry. */
  findTimeoutMs: 5_000,
  /** Words of one query. */
  queryWords: 32,
  /** A peer that has no such agent is not asked for it again in this time; so many are remembered. */
  absentMs: 600_000,
  absentKept: 10_000,
  /** Fetches at once, and the time of each. */
  fetchesAtOnce: 8,
  fetchTimeoutMs: 3_000,
  /**
   * Linked peers asked at once for what nobody known has, the time after which one more is asked beside a slow one, how
   * many in all, for how many words, and when such a peer may be asked again.
   */
  linkedAskedAtOnce: 3,
  linkedPatienceMs: 250,
  linkedAsked: 12,
  linkedAskedWords: 8,
  linkedAgainMs: 2_000,
  /** Agents of other nodes in the answer to such a question, and the bytes of their records. */
  othersTold: 8,
  othersBytes: 64 * 1_024,
  /** Tries to fetch a greeted peer's records, and the wait after the first that failed; each next is doubled. */
  greetFetches: 3,
  greetFetchAgainMs: 1_000,
  /** A greeted peer is asked for its records if it has not told them by then. */
  greetToldMs: 3_000,
  /** As long of that a look-up waits for it. */
  greetHeldMs: 100,
  /** Candidates tried for one `cap:` call. */
  anycastTries: 5,
  /** Each try gets an equal part of the time that is left, at least this. */
  anycastTryMs: 1_000,
  /** Failures in a row that eject a provider, for how long first, doubled each time, and at most. */
  ejectFailures: 3,
  ejectMs: 10_000,
  ejectMaxMs: 300_000,
  /** Second tries, in percent of the calls of the last seconds, and how many besides. */
  failoverPercent: 20,
  failoverSpare: 3,
  failoverWindowMs: 10_000,
  /** Linked providers whose addresses are told to a peer that looks for a capability. */
  introducedAtOnce: 3,
  /** Agents of the same words that a refusal names. */
  alternativeAgents: 8,
  /** Agent bindings live this long and are renewed at half of it, seconds. */
  bindingValidS: limits.bindingUsualS,
  /** Clock offset that raises a warning, and that stops new trades. */
  clockWarnMs: 5_000,
  clockStopMs: 60_000,
  /** Undecided for so long: a finding. */
  inDoubtMs: 600_000,
  /** The ledger is compared with that of each counterparty as often, and whenever one is linked. */
  reconcileMs: 600_000,
  /** Processes of all agents together, and sessions of one. */
  children: 16,
  childSessions: 8,
  /** A process is there and was greeted within this. */
  childStartMs: 10_000,
  /** Nobody asked it anything for so long: it is ended. */
  childIdleMs: 300_000,
  /** Its input is closed; after this it is asked to end, after this more it is ended; and when no time is left. */
  childCloseMs: 2_000,
  childTermMs: 3_000,
  childLastMs: 200,
  /** Wait after a crash, doubled with each in a row; so many in the window and it stays down. */
  childBackoffMs: 250,
  childBackoffMaxMs: 30_000,
  childCrashes: 5,
  childCrashWindowMs: 60_000,
  /** Sessions with one agent at another address, and how long what it speaks is taken for known. */
  remoteSessions: 64,
  remoteVerdictMs: 86_400_000,
  /** What a killed node left running is asked to end, and after this ended. */
  orphanMs: 1_000,
  /** Stopping: records withdrawn, calls drained, the rest closed. */
  stopMs: 5_000,
  withdrawMs: 500,
  drainMs: 3_000,
  closeMs: 1_200,
} as const;

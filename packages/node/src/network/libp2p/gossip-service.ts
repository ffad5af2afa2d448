import { hash } from "node:crypto";
import { gossipsub, StrictNoSign } from "@libp2p/gossipsub";
import type { TransportContext } from "../network-choice.ts";
import { gossipMetrics } from "./gossip-metrics.ts";
import type { TransportSettings } from "./settings.ts";

/** As long as a nonce is remembered: libp2p takes a replay after it, our gate does not. */
const SEEN_MS = 180_000;
const MAX_RPC_BYTES = 256 * 1024;
/** Shorter ones have come and gone before the word that nobody needs them arrives. */
const MIN_IDONTWANT_BYTES = 8 * 1024;
/** Peers on one address before their scores suffer, where they do. */
const COLOCATED = 16;
/** What an anchor's standing never falls short of, and nobody's exceeds. */
const MAX_STANDING = 10;

/** Every topic is scored and every field set: the library's defaults score nothing, or the wrong thing. */
export const topicScore = {
  topicWeight: 1,
  timeInMeshWeight: 0.01,
  timeInMeshQuantum: 1_000,
  timeInMeshCap: 300,
  firstMessageDeliveriesWeight: 0.5,
  firstMessageDeliveriesDecay: 0.99,
  firstMessageDeliveriesCap: 20,
  // A quiet topic is no offence: a rate that peers must keep would empty an honest mesh.
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.99,
  meshMessageDeliveriesCap: 1,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 1_000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.99,
  // Three rejected messages weigh −180: below the graylist.
  invalidMessageDeliveriesWeight: -20,
  invalidMessageDeliveriesDecay: 0.99,
};

/** The labels of topics in metrics; filled as topics are joined. */
export type TopicLabels = Map<string, string>;

export interface GossipServiceOptions {
  readonly settings: TransportSettings;
  readonly context: TransportContext;
  readonly labels: TopicLabels;
}

export function gossipService({
  settings,
  context,
  labels,
}: GossipServiceOptions): ReturnType<typeof gossipsub> {
  const { metrics } = settings;
  return gossipsub({
    // The signature is inside the message.
    globalSignaturePolicy: StrictNoSign,
    // All bytes count: an id that covers fewer lets a broken twin silence a message.
    msgIdFn: ({ topic, data }) => hash("sha256", Buffer.concat([Buffer.from(topic), data]), "buffer"),
    msgIdToStrFn: (id) => Buffer.from(id.buffer, id.byteOffset, id.length).toString("latin1"),
    asyncValidation: true,
    ignoreDuplicatePublishError: true,
    allowPublishToZeroTopicPeers: true,
    fallbackToFloodsub: false,
    floodPublish: true,
    doPX: false,
    emitSelf: false,
    runOnLimitedConnection: false,
    seenTTL: SEEN_MS,
    idontwantMinDataSize: MIN_IDONTWANT_BYTES,
    D: 8,
    Dlo: 6,
    Dhi: 12,
    // Wider gossip than the defaults: silent peers in the mesh then cost nothing.
    Dlazy: 12,
    gossipFactor: 0.5,
    mcacheLength: 8,
    mcacheGossip: 5,
    maxInboundDataLength: MAX_RPC_BYTES,
    maxTopicBytesPerPeer: 64 * 1024,
    decodeRpcLimits: {
      maxSubscriptions: 256,
      maxMessages: 256,
      maxIhaveMessageIDs: 512,
      maxIwantMessageIDs: 512,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 256,
      maxPeerInfos: 0,
    },
    scoreParams: scoring(settings, context),
    scoreThresholds: { gossipThreshold: -10, publishThreshold: -50, graylistThreshold: -80 },
    ...(metrics.gossip === undefined
      ? {}
      : {
          metricsRegister: gossipMetrics(metrics.gossip, () => context.clock.monotonicMs()),
          metricsTopicStrToLabel: labels,
        }),
  });
}

function scoring(
  { profile, anchors }: TransportSettings,
  context: TransportContext,
): NonNullable<Parameters<typeof gossipsub>[0]>["scoreParams"] & object {
  const anchorIds = new Set(anchors.map(({ peerId }) => peerId));
  const standing = (peerId: string): number => {
    if (anchorIds.has(peerId)) return MAX_STANDING;
    return Math.min(MAX_STANDING, context.standing?.(peerId) ?? 0);
  };
  return {
    topics: {},
    topicScoreCap: 10,
    appSpecificScore: standing,
    appSpecificWeight: 1,
    IPColocationFactorWeight: profile.colocationWeight,
    IPColocationFactorThreshold: COLOCATED,
    IPColocationFactorWhitelist: new Set(),
    behaviourPenaltyWeight: -10,
    behaviourPenaltyThreshold: 0,
    behaviourPenaltyDecay: 0.2,
    decayInterval: 1_000,
    decayToZero: 0.1,
    retainScore: 3_600_000,
  };
}

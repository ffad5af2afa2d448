import { createHash } from "node:crypto";
import { type GossipSub, gossipsub, StrictNoSign, TopicValidatorResult } from "@libp2p/gossipsub";
import type { PeerId } from "@libp2p/interface";
import type { Clock } from "../../clock.ts";
import type { NetworkProfile } from "../profiles.ts";
import type { TopicView } from "../snapshot.ts";
import type { NetworkEvent, Verdict } from "../transport.ts";
import { waitFor } from "../waiting.ts";

/** How long a published message waits for a first subscriber. */
const PUBLISH_WAIT_MS = 3_000;
/** As long as a nonce is remembered: libp2p takes a replay after it. */
const SEEN_MS = 180_000;
const MAX_RPC_BYTES = 256 * 1024;

/** Every topic is scored and every field set: the library's defaults score nothing, or the wrong thing. */
const topicScore = {
  topicWeight: 1,
  timeInMeshWeight: 0.01,
  timeInMeshQuantum: 1_000,
  timeInMeshCap: 300,
  firstMessageDeliveriesWeight: 0.5,
  firstMessageDeliveriesDecay: 0.99,
  firstMessageDeliveriesCap: 20,
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

export function gossipService(profile: NetworkProfile): ReturnType<typeof gossipsub> {
  return gossipsub({
    // The signature is inside the message.
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: ({ topic, data }) => createHash("sha256").update(topic).update(data).digest(),
    ignoreDuplicatePublishError: true,
    allowPublishToZeroTopicPeers: true,
    fallbackToFloodsub: false,
    floodPublish: true,
    doPX: false,
    emitSelf: false,
    seenTTL: SEEN_MS,
    D: 8,
    Dlo: 6,
    Dhi: 12,
    // Wider gossip than the defaults: silent peers in the mesh then cost nothing.
    Dlazy: 12,
    gossipFactor: 0.5,
    mcacheLength: 8,
    mcacheGossip: 5,
    allowedTopics: [],
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
    scoreParams: {
      topics: {},
      appSpecificScore: () => 0,
      appSpecificWeight: 1,
      IPColocationFactorWeight: profile.colocationWeight,
      IPColocationFactorThreshold: 16,
    },
    scoreThresholds: { gossipThreshold: -10, publishThreshold: -50, graylistThreshold: -80 },
  });
}

/** What the instance has beyond its published type. */
interface GossipInside {
  readonly allowedTopics: Set<string>;
  readonly score: { readonly params: { readonly topics: Record<string, typeof topicScore> } };
  getMeshPeers(topic: string): string[];
}

export interface Gossip {
  join(topic: string, validate: (from: string, data: Uint8Array) => Promise<Verdict>): Disposable;
  publish(topic: string, data: Uint8Array): Promise<{ readonly recipients: number }>;
  topics(): readonly TopicView[];
}

export interface GossipOptions {
  readonly service: GossipSub;
  readonly clock: Clock;
  readonly hasLinks: () => boolean;
  readonly onMessage: (from: string) => void;
  readonly emitMesh: (event: NetworkEvent) => void;
}

const verdicts: Readonly<Record<Verdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
};

export function gossipOver(options: GossipOptions): Gossip {
  const { service, clock } = options;
  const inside = service as unknown as GossipInside;
  const joined = new Set<string>();
  service.addEventListener("gossipsub:graft", ({ detail }) => {
    options.emitMesh({ peerId: detail.peerId, topic: detail.topic });
  });

  const firstSubscriber = async (topic: string) => {
    const found = waitFor<void>(clock, { timeoutMs: PUBLISH_WAIT_MS }, (waiter) => {
      const check = () => {
        if (service.getSubscribers(topic).length > 0) waiter.resolve();
      };
      service.addEventListener("subscription-change", check);
      return () => service.removeEventListener("subscription-change", check);
    });
    await found.catch(() => undefined);
  };
  return {
    join(topic, validate) {
      if (joined.has(topic)) throw new Error(`${topic} is joined already`);
      joined.add(topic);
      inside.allowedTopics.add(topic);
      inside.score.params.topics[topic] = topicScore;
      service.topicValidators.set(topic, async (from: PeerId, message) => {
        const peerId = from.toString();
        options.onMessage(peerId);
        return verdicts[await validate(peerId, message.data)];
      });
      service.subscribe(topic);
      return {
        [Symbol.dispose]() {
          if (!joined.delete(topic)) return;
          service.unsubscribe(topic);
          service.topicValidators.delete(topic);
        },
      };
    },
    async publish(topic, data) {
      inside.allowedTopics.add(topic);
      if (options.hasLinks() && service.getSubscribers(topic).length === 0) await firstSubscriber(topic);
      const { recipients } = await service.publish(topic, data);
      return { recipients: recipients.length };
    },
    topics: () =>
      [...joined].map((topic) => ({
        topic,
        meshPeers: inside.getMeshPeers(topic).length,
        subscribers: service.getSubscribers(topic).length,
      })),
  };
}

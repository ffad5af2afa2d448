import { type GossipSub, TopicValidatorResult } from "@libp2p/gossipsub";
import type { Clock } from "../../clock.ts";
import type { TopicView } from "../snapshot.ts";
import type { NetworkEvent, Verdict } from "../transport.ts";
import { waitFor } from "../waiting.ts";
import { type TopicLabels, topicScore } from "./gossip-service.ts";
import { thriftyStreams, Turn } from "./gossip-streams.ts";
import { GossipWays } from "./gossip-ways.ts";
import type { LinkTable } from "./links.ts";
import { type Validate, ValidationQueue } from "./validation-queue.ts";

/** How long a published message waits for a first subscriber. */
const PUBLISH_WAIT_MS = 3_000;
/** No topic of ours is longer. */
const MAX_TOPIC = 256;

/** What the instance has beyond its published type. */
interface GossipInside {
  allowedTopics: { has(topic: string): boolean };
  readonly score: { readonly params: { readonly topics: Record<string, typeof topicScore> } };
  getMeshPeers(topic: string): string[];
  getScore(peerId: string): number;
  reportMessageValidationResult(messageId: string, from: string, verdict: TopicValidatorResult): void;
}

export interface Gossip {
  join(topic: string, validate: Validate): Disposable;
  publish(topic: string, data: Uint8Array): Promise<{ readonly recipients: number }>;
  topics(): readonly TopicView[];
  score(peerId: string): number;
  /** Messages that got no verdict, by rule. */
  readonly ignored: Readonly<Record<string, number>>;
  /** The streams over which we speak. */
  readonly ways: GossipWays;
}

export interface GossipOptions {
  readonly service: GossipSub;
  readonly clock: Clock;
  /** Topics of this network begin with it. */
  readonly prefix: string;
  readonly labels: TopicLabels;
  readonly links: LinkTable;
  readonly onMessage: (from: string) => void;
  readonly emitMesh: (event: NetworkEvent) => void;
}

const verdicts: Readonly<Record<Verdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
};

/** What comes on a topic that is not joined is nobody's, and ignored; the others' messages are judged once they are told. */
class NotJoined extends Map<string, () => TopicValidatorResult> {
  readonly #joined: ReadonlyMap<string, unknown>;

  constructor(joined: ReadonlyMap<string, unknown>) {
    super();
    this.#joined = joined;
  }

  override get(topic: string): (() => TopicValidatorResult) | undefined {
    return this.#joined.has(topic) ? undefined : () => TopicValidatorResult.Ignore;
  }
}

export function gossipOver(options: GossipOptions): Gossip {
  const { service, clock, prefix } = options;
  const inside = service as unknown as GossipInside;
  const joined = new Map<string, ValidationQueue>();
  const turn = new Turn();
  const ignored: Record<string, number> = {};
  // Who subscribes is told once, when a link opens: whoever publishes to a topic later must have heard it.
  inside.allowedTopics = { has: (topic) => topic.startsWith(prefix) && topic.length <= MAX_TOPIC };
  service.topicValidators = new NotJoined(joined);
  const speaking = thriftyStreams(service, turn);
  const ways = new GossipWays({ service, speaking, clock, links: options.links });
  service.addEventListener("gossipsub:message", ({ detail }) => {
    const { propagationSource, msgId, msg } = detail;
    const queue = joined.get(msg.topic);
    if (queue === undefined) return;
    const from = propagationSource.toString();
    options.onMessage(from);
    void queue.verdictOf(from, msg.data).then((verdict) => {
      const report = () => inside.reportMessageValidationResult(msgId, from, verdicts[verdict]);
      // Who sends it in this same turn has it, and need not be sent it.
      if (verdict === "accept") turn.end(report);
      else report();
    });
  });
  service.addEventListener("gossipsub:graft", ({ detail }) => {
    options.emitMesh({ peerId: detail.peerId, topic: detail.topic });
  });

  return {
    ignored,
    ways,
    join(topic, validate) {
      if (joined.has(topic)) throw new Error(`${topic} is joined already`);
      options.labels.set(topic, topic.slice(prefix.length).split("/")[0] ?? "");
      inside.score.params.topics[topic] = topicScore;
      const onIgnored = (rule: string) => (ignored[rule] = (ignored[rule] ?? 0) + 1);
      joined.set(topic, new ValidationQueue({ clock, validate, onIgnored }));
      service.subscribe(topic);
      return {
        [Symbol.dispose]() {
          if (!joined.delete(topic)) return;
          service.unsubscribe(topic);
        },
      };
    },
    async publish(topic, data) {
      if (options.links.size > 0 && service.getSubscribers(topic).length === 0) {
        await firstSubscriber(service, clock, topic);
      }
      const { recipients } = await service.publish(topic, data);
      return { recipients: recipients.length };
    },
    topics: () =>
      [...joined.keys()].map((topic) => ({
        topic,
        meshPeers: inside.getMeshPeers(topic).length,
        subscribers: service.getSubscribers(topic).length,
      })),
    score: (peerId) => inside.getScore(peerId),
  };
}

async function firstSubscriber(service: GossipSub, clock: Clock, topic: string): Promise<void> {
  const found = waitFor<void>(clock, { timeoutMs: PUBLISH_WAIT_MS }, (waiter) => {
    const check = () => {
      if (service.getSubscribers(topic).length > 0) waiter.resolve();
    };
    service.addEventListener("subscription-change", check);
    return () => service.removeEventListener("subscription-change", check);
  });
  await found.catch(() => undefined);
}

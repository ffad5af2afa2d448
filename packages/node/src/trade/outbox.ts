/** Documents for one counterparty: those that come while others are on their way go together in the next message. */

import { MAX_DOCUMENTS, type TradeDocument } from "@gridmesh/protocol";

/** Messages to one counterparty under way at a time; a second one only when what waits fills it. */
const AT_ONCE = 2;

export interface Outbox {
  /** Resolves when the message with these documents has been answered and its answer is settled; rejects as `post`. */
  send(to: string, documents: readonly TradeDocument[], post: Post): Promise<void>;
}

type Post = (documents: readonly TradeDocument[]) => Promise<void>;

interface Waiting {
  readonly documents: readonly TradeDocument[];
  readonly post: Post;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Lane {
  readonly waiting: Waiting[];
  underWay: number;
}

export function createOutbox(): Outbox {
  const lanes = new Map<string, Lane>();

  const run = async (to: string, lane: Lane): Promise<void> => {
    lane.underWay += 1;
    while (lane.waiting.length > 0 && (lane.underWay === 1 || isFull(lane))) {
      await postTogether(takeBatch(lane));
    }
    lane.underWay -= 1;
    if (lane.underWay === 0) lanes.delete(to);
  };

  return {
    send(to, documents, post) {
      let lane = lanes.get(to);
      if (lane === undefined) lanes.set(to, (lane = { waiting: [], underWay: 0 }));
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      lane.waiting.push({ documents, post, resolve, reject });
      if (lane.underWay === 0 || (lane.underWay < AT_ONCE && isFull(lane))) void run(to, lane);
      return promise;
    },
  };
}

function isFull({ waiting }: Lane): boolean {
  return waiting.reduce((sum, { documents }) => sum + documents.length, 0) >= MAX_DOCUMENTS;
}

function takeBatch({ waiting }: Lane): readonly Waiting[] {
  let documents = 0;
  let count = 0;
  for (const { documents: more } of waiting) {
    if (count > 0 && documents + more.length > MAX_DOCUMENTS) break;
    documents += more.length;
    count += 1;
  }
  return waiting.splice(0, count);
}

async function postTogether(batch: readonly Waiting[]): Promise<void> {
  const [first] = batch;
  try {
    await first?.post(batch.flatMap(({ documents }) => documents));
    for (const { resolve } of batch) resolve();
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}

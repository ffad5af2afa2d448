/** An executor of A2A's SDK behind a face. */

import type { AgentCard } from "@a2a-js/sdk";
import type { AgentExecutor } from "@a2a-js/sdk/server";
import type { A2aBackend } from "./a2a-face.ts";
import { guardedExecutor } from "./a2a-executor.ts";
import type { A2aRoom } from "./a2a-room.ts";
import type { A2aSdk } from "./a2a-sdk.ts";
import { TaskShelf } from "./a2a-tasks.ts";
import { type CardDraft, makeCard } from "./card.ts";

export interface ExecutorParts {
  readonly executor: AgentExecutor;
  readonly draft: () => Promise<CardDraft>;
  readonly needsSkill: boolean;
  readonly means?: string | undefined;
}

export async function executorBackend(sdk: A2aSdk, room: A2aRoom, parts: ExecutorParts): Promise<A2aBackend> {
  const { executor, draft, needsSkill, means } = parts;
  const buses = new sdk.server.DefaultExecutionEventBusManager();
  const shelf = new TaskShelf({
    sdk,
    room: room.tasks,
    clock: room.clock,
    onGivenUp(id, context) {
      const bus = buses.getByTaskId(id, context);
      if (bus !== undefined) void guarded.cancelTask(id, bus).catch(() => undefined);
      buses.cleanupByTaskId(id, context);
    },
  });
  // The SDK reads capabilities and extensions from it, which do not change.
  const card: AgentCard = sdk.types.AgentCard.fromJSON(
    makeCard(await draft(), { nodeId: room.nodeId, agent: room.name }),
  );
  const guarded = guardedExecutor(executor, sdk, room);
  return {
    draft,
    needsSkill,
    means,
    handler: new sdk.server.DefaultRequestHandler(card, shelf, guarded, buses),
    checkRoom: (owner) => shelf.checkRoom(owner),
    owns: (owner, id) => shelf.owns(owner, id),
    close: () => shelf.close(),
  };
}

/** What the A2A face of an agent needs of its node. */

import type { Signer } from "@gridmesh/protocol";
import type { Caller } from "../agent.ts";
import type { Clock } from "../clock.ts";
import type { Asked } from "../gate/access.ts";
import type { Log } from "../log.ts";
import type { TaskRoom } from "./a2a-task-room.ts";

export interface A2aRoom {
  /** The agent's. */
  readonly name: string;
  readonly nodeId: string;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
  /** Shared by all agents of the node. */
  readonly tasks: TaskRoom;
  /** Whether a caller may ask this of the agent: what an adapter asks in its name, it must be allowed itself. */
  readonly allows: (caller: Caller, asked: Asked) => boolean;
}

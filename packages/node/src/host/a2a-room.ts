/** What the A2A face of an agent needs of its node. */

import type { Signer } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";

export interface A2aRoom {
  /** The agent's. */
  readonly name: string;
  readonly nodeId: string;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
}

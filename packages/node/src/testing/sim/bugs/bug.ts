/** A mistake somebody could make, put into the real desk from outside: through its ports, its parts, its disk. */

import type { VerifyEngine } from "@gridmesh/protocol";
import type { apply } from "../../../trade/apply.ts";
import type { DeskContext } from "../../../trade/context.ts";
import type { JournalDisk, MemoryDisk } from "../../../trade/index.ts";
import type { Letter } from "../net.ts";
import type { OrderLetter, SimNode } from "../node.ts";

export interface SeededBug {
  readonly name: string;
  /** In the place of parts of the desk. */
  readonly parts?: (context: DeskContext, node: SimNode) => Partial<DeskContext>;
  readonly apply?: typeof apply;
  /** Between the journal and the disk. */
  readonly disk?: (disk: MemoryDisk, node: SimNode) => JournalDisk;
  /** What recovery finds after the power went. */
  readonly image?: (left: MemoryDisk, before: MemoryDisk) => Promise<MemoryDisk>;
  readonly engine?: VerifyEngine;
  /** An order that goes out. */
  readonly resend?: (order: OrderLetter, node: SimNode) => OrderLetter;
  /** A message, before its receiver looks at it. */
  readonly incoming?: (letter: Letter, node: SimNode) => Letter;
  /** Each time a desk is open. */
  readonly ready?: (node: SimNode) => void;
}

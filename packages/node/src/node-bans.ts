/** The bans of a node as its operator sees and sets them. */

import { ProtocolError } from "@gridmesh/protocol";
import { kindOf } from "./gate/addresses.ts";
import type { Bans } from "./gate/admit.ts";
import type { NodeBans } from "./node.ts";

/** @param isOwn - says yes to this node's own ids */
export function operatorBans(bans: Bans, isOwn: (subject: string) => boolean): NodeBans {
  return {
    list: () => bans.list(),
    ban(subject, forMs) {
      const kind = kindOf(subject);
      // An address is banned for a flood alone: it may be anybody's.
      if ((kind !== "peer" && kind !== "agent") || isOwn(subject)) {
        throw new ProtocolError(
          "INVALID_PARAMS",
          `"${subject.slice(0, 64)}" is no PeerId or agent_id of another`,
        );
      }
      if (forMs !== undefined && !(forMs > 0)) {
        throw new ProtocolError("INVALID_PARAMS", "a ban lasts longer than no time at all");
      }
      bans.ban(subject, "UNAUTHORIZED", { forMs, by: "operator" });
    },
    lift: (subject) => bans.lift(subject),
  };
}

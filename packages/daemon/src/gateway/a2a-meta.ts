/** `/a2a` without a target: the meta-agent, in A2A; what the node's own card describes. */

import type { OpenChannel } from "@gridmesh/node";
import type { GatewayCaller } from "./guard.ts";
import type { GatewayContext } from "./listener-types.ts";
import { openMeta } from "./mcp-meta.ts";
import { metaToolsOf } from "./mcp-meta-tools.ts";
import { userOf } from "./mcp-target.ts";

/** Callers whose tasks are kept; who came longest ago gives way. */
const KEPT = 256;

interface Seat {
  caller: GatewayCaller;
  open: OpenChannel;
}

export class MetaDesk {
  readonly #context: GatewayContext;
  /** By caller: the meta-agent acts with its caller's rights. */
  readonly #seats = new Map<string, Seat>();

  constructor(context: GatewayContext) {
    this.#context = context;
  }

  /** Opens channels of A2A for a caller of the gateway. */
  openFor(caller: GatewayCaller): (opening: Parameters<OpenChannel>[0]) => ReturnType<OpenChannel> {
    const { node } = this.#context;
    const who = { kind: "local", peerId: node.id, ...userOf(node.id, caller) } as const;
    const { open } = this.#seatOf(caller);
    return (opening) => open(opening, { caller: who, signal: new AbortController().signal });
  }

  #seatOf(caller: GatewayCaller): Seat {
    const key = JSON.stringify([caller.anonymous, caller.scope, caller.token ?? null]);
    const seat = this.#seats.get(key) ?? this.#newSeat(caller);
    // What a token of this name reaches may have changed.
    seat.caller = caller;
    this.#seats.delete(key);
    this.#seats.set(key, seat);
    for (const oldest of this.#seats.keys()) {
      if (this.#seats.size <= KEPT) break;
      this.#seats.delete(oldest);
    }
    return seat;
  }

  #newSeat(caller: GatewayCaller): Seat {
    const context = this.#context;
    const { node, version } = context;
    const seat: Seat = { caller, open: () => Promise.reject(new Error("not open yet")) };
    seat.open = node.cards.offer("node", {
      open: async ({ mode }) => openMeta(context, metaToolsOf(context), { caller: seat.caller, mode }),
      card: {
        name: `gridmesh node ${node.id}`,
        description:
          "Finds and calls agents of the mesh; each agent of this node has a card of its own below /a2a/local:<agent>",
        version,
      },
    });
    return seat;
  }
}

/** `/a2a` without a target: the meta-agent, in A2A; what the node's own card describes. */

import type { A2aOffer, OpenChannel } from "@gridmesh/node";
import type { GatewayCaller } from "./guard.ts";
import type { GatewayContext } from "./listener-types.ts";
import { openMeta } from "./mcp-meta.ts";
import { metaToolsOf } from "./mcp-meta-tools.ts";
import { userOf } from "./mcp-target.ts";

/** Callers whose tasks are kept; who came longest ago gives way. */
const KEPT = 256;

interface Seat {
  /** Changes when what a token of this name reaches does. */
  readonly asks: { caller: GatewayCaller };
  readonly offer: A2aOffer;
}

export class MetaDesk implements Disposable {
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
    const { open } = this.#seatOf(caller).offer;
    return (opening) => open(opening, { caller: who, signal: new AbortController().signal });
  }

  [Symbol.dispose](): void {
    for (const { offer } of this.#seats.values()) offer[Symbol.dispose]();
    this.#seats.clear();
  }

  #seatOf(caller: GatewayCaller): Seat {
    const key = JSON.stringify([caller.anonymous, caller.scope, caller.token ?? null]);
    const seat = this.#seats.get(key) ?? this.#newSeat(caller);
    seat.asks.caller = caller;
    this.#seats.delete(key);
    this.#seats.set(key, seat);
    for (const [oldest, { offer }] of this.#seats) {
      if (this.#seats.size <= KEPT) break;
      this.#seats.delete(oldest);
      offer[Symbol.dispose]();
    }
    return seat;
  }

  #newSeat(caller: GatewayCaller): Seat {
    const context = this.#context;
    const { node, version } = context;
    const asks = { caller };
    const offer = node.cards.offer("node", {
      open: async ({ mode }) => openMeta(context, metaToolsOf(context), { ...asks, mode }),
      card: {
        name: `gridmesh node ${node.id}`,
        description:
          "Finds and calls agents of the mesh; each agent of this node has a card of its own below /a2a/local:<agent>",
        version,
      },
    });
    return { asks, offer };
  }
}

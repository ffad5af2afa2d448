/** What a seller agreed to deliver less of: its agents say what there was, and no more than was wanted goes out. */

import { orderKey } from "@gridmesh/protocol";
import type { StateStore } from "../store/types.ts";
import type { TradeDesk } from "../trade/types.ts";

/** The desk as agents see it. */
export function withUpdates(desk: TradeDesk, store: Pick<StateStore, "word">): TradeDesk {
  return {
    ...desk,
    deliver(seller, key, deliveredMilliWh) {
      const agreed = store.word(seller, orderKey(key.buyer, key.orderId), "update");
      return desk.deliver(seller, key, Math.min(deliveredMilliWh, agreed?.value ?? deliveredMilliWh));
    },
  };
}

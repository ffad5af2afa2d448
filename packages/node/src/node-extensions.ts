/** The extensions of a node as those who build on it see them. */

import type { Signer } from "@gridmesh/protocol";
import type { Extensions } from "./link/extensions.ts";
import type { NodeExtensions } from "./node.ts";
import type { SignedExchange } from "./signed-exchange.ts";

/** @param exchange - what carries those that are sent, signed by the node */
export function nodeExtensions(
  extensions: Extensions,
  exchange: SignedExchange,
  signer: Signer,
): NodeExtensions {
  return {
    register: (extension) => extensions.register(extension),
    list: () => extensions.list(),
    onUnknown: (fn) => extensions.onUnknown(fn),
    dropped: extensions.dropped,
    async send(to, { name, version, data, optional }, wait = {}) {
      const draft = {
        type: name,
        recipient_id: to,
        extension_version: version,
        data,
        ...(optional === undefined ? {} : { optional }),
      };
      await exchange.tell(to, "control", draft, { ...wait, signer });
    },
  };
}

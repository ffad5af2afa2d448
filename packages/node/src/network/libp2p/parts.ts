import type { Libp2p } from "@libp2p/interface";
import type { TransportContext } from "../network-choice.ts";
import type { NetworkEvents } from "../network-events.ts";
import type { Dht } from "./dht.ts";
import type { Gater } from "./gater.ts";
import type { Gossip } from "./gossip.ts";
import type { GuardedDatastore } from "./guarded-datastore.ts";
import type { LinkTable } from "./links.ts";
import type { Multicast } from "./multicast.ts";
import type { Services } from "./options.ts";
import type { Reach } from "./reach.ts";
import type { TransportSettings } from "./settings.ts";

/** What one transport over libp2p is made of. */
export interface TransportParts {
  readonly settings: TransportSettings;
  readonly context: TransportContext;
  readonly node: Libp2p<Services>;
  readonly events: NetworkEvents;
  readonly links: LinkTable;
  readonly gater: Gater;
  readonly datastore: GuardedDatastore;
  readonly gossip: Gossip;
  readonly dht: Dht | undefined;
  readonly multicast: Multicast | undefined;
  readonly reach: Reach | undefined;
}

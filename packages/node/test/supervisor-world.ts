/** Supervised peers on the memory network, with a clock and a machine that a test moves by hand. */

import { silentLog } from "../src/log.ts";
import {
  createSupervisor,
  type KnownPeerStore,
  knownPeers,
  memory,
  type MemoryHub,
  memoryHub,
  memoryPeerStore,
  type Supervisor,
  type Transport,
} from "../src/network/index.ts";
import type { SupervisorOptions } from "../src/network/supervisor-types.ts";
import { ManualClock, seededRandom } from "./manual-clock.ts";

export interface Peer {
  readonly transport: Transport;
  readonly supervisor: Supervisor;
  stop(): Promise<void>;
}

export interface PeerOptions extends Partial<
  Pick<SupervisorOptions, "maxLinks" | "learnsPrivate" | "interfaces" | "minLinks" | "targetLinks">
> {
  /** Names of peers. */
  readonly bootstrap?: readonly string[];
  readonly store?: KnownPeerStore;
  readonly mdns?: boolean;
  /** Stands before the transport. */
  readonly wrap?: (transport: Transport) => Transport;
}

export class World {
  readonly clock = new ManualClock();
  readonly hub: MemoryHub;
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
    this.hub = memoryHub({ seed });
  }

  addressOf(name: string): string {
    return this.hub.inner.addressOf(name);
  }

  async start(name: string, options: PeerOptions = {}): Promise<Peer> {
    const { clock } = this;
    const { bootstrap = [], store = memoryPeerStore(), mdns = false, wrap, ...more } = options;
    const random = seededRandom(this.#seed + Buffer.from(name).reduce((sum, byte) => sum * 31 + byte, 7));
    const bare = await memory({ hub: this.hub, mdns }).create({
      seed: new Uint8Array(32),
      peerId: name,
      network: "test",
      clock,
      random,
      log: silentLog(),
    });
    const transport = wrap?.(bare) ?? bare;
    const supervisor = createSupervisor({
      transport,
      clock,
      random,
      log: silentLog(),
      bootstrap: bootstrap.map((peer) => this.addressOf(peer)),
      knownPeers: knownPeers({ store, clock }),
      interfaces: () => ["eth0 192.0.2.1"],
      ...more,
    });
    await transport.start();
    await supervisor.start();
    return {
      transport,
      supervisor,
      async stop() {
        await supervisor.stop();
        await transport.stop({ deadlineMs: 1_000 });
      },
    };
  }
}

/** Who is linked, in order. */
export const linked = (peer: Peer): readonly string[] =>
  peer.transport
    .links()
    .map(({ peerId }) => peerId)
    .toSorted();

/** Supervised nodes over libp2p in one process, started together. */

import { systemClock, systemRandom } from "../src/clock.ts";
import { silentLog } from "../src/log.ts";
import {
  createSupervisor,
  knownPeers,
  libp2p,
  memoryPeerStore,
  type Supervisor,
  type Transport,
} from "../src/network/index.ts";
import { startTransport, until } from "./transport-fixture.ts";

export interface Swarm extends AsyncDisposable {
  readonly transports: readonly Transport[];
  /** How often each message arrived. */
  readonly heard: ReadonlyMap<string, number>;
  /** Resolves with the time since the start, in ms, once every node has so many links. */
  meshed(links: number, deadlineMs: number): Promise<number>;
  counts(): {
    readonly started: number;
    readonly failed: number;
    /** Of the failed, those that the machine was too busy for. */
    readonly late: number;
    /** Link ends: two for each link. */
    readonly links: number;
    readonly connections: number;
  };
}

/** Starts `count` nodes at once; each hears of all others at that moment, as by multicast. */
export async function swarm(count: number, topic: string): Promise<Swarm> {
  const heard = new Map<string, number>();
  const clock = systemClock();
  const transports: Transport[] = [];
  for (let index = 0; index < count; index += 1) {
    const transport = await startTransport(libp2p({ profile: "testnet" }));
    transports.push(transport);
    transport.join(topic, async (_from, data) => {
      const text = Buffer.from(data).toString();
      heard.set(text, (heard.get(text) ?? 0) + 1);
      return await Promise.resolve("accept" as const);
    });
  }
  const supervisors: Supervisor[] = transports.map((transport) =>
    createSupervisor({
      transport,
      clock,
      random: systemRandom(),
      log: silentLog(),
      bootstrap: [],
      knownPeers: knownPeers({ store: memoryPeerStore(), clock }),
    }),
  );
  const startMs = performance.now();
  await Promise.all(supervisors.map((supervisor) => supervisor.start()));
  for (const supervisor of supervisors) {
    for (const other of transports) {
      supervisor.introduce({ peerId: other.peerId, addresses: other.addresses() });
    }
  }
  const counts = () => {
    const dials = supervisors.map((supervisor) => supervisor.state().dials);
    const seen = transports.map((transport) => transport.snapshot());
    return {
      started: dials.reduce((sum, one) => sum + one.started, 0),
      failed: dials.reduce((sum, one) => sum + one.failed, 0),
      late: seen.reduce((sum, one) => sum + (one.dials["timeout"] ?? 0), 0),
      links: seen.reduce((sum, one) => sum + one.links, 0),
      connections: seen.reduce((sum, one) => sum + one.connections, 0),
    };
  };
  return {
    transports,
    heard,
    counts,
    async meshed(links, deadlineMs) {
      // Who has had enough seeks no more, also when one of them goes.
      const most = transports.map(() => 0);
      const state = () => {
        for (const [index, one] of transports.entries()) {
          most[index] = Math.max(most[index] ?? 0, one.links().length);
        }
        return most;
      };
      await until(() => state().every((have) => have >= links), `${links} links each`, deadlineMs).catch(
        (error: unknown) => {
          throw new Error(`${String(error)}: ${state().join(" ")}`, { cause: error });
        },
      );
      return performance.now() - startMs;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
      await Promise.all(transports.map((transport) => transport.stop({ deadlineMs: 2_000 })));
    },
  };
}

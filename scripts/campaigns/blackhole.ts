/**
 * Real sockets through links that swallow everything: `npm run campaign:blackhole -- [--idle-minutes N] [--seed N]`.
 * Four pairs idle while the loop stands still again and again; then three of the links become black holes, both ways,
 * forth and back. Passes if no living link is cut and each dead one is left after 60 to 90 seconds.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { systemClock, systemRandom } from "../../packages/node/src/clock.ts";
import { silentLog } from "../../packages/node/src/log.ts";
import {
  createSupervisor,
  knownPeers,
  libp2p,
  memoryPeerStore,
  type Supervisor,
  type Transport,
} from "../../packages/node/src/network/index.ts";
import {
  seededRandom,
  type WanDirection,
  type WanProxy,
  wanProxy,
} from "../../packages/node/src/testing/index.ts";
import { startTransport, until } from "../../packages/node/test/transport-fixture.ts";

const { values } = parseArgs({
  options: { "idle-minutes": { type: "string", default: "2" }, seed: { type: "string", default: "1" } },
});
const idleMs = Number(values["idle-minutes"]) * 60_000;
const STALL_MS = 5_000;
const random = seededRandom(Number(values.seed));

interface Pair {
  readonly hole: WanDirection | undefined;
  readonly proxy: WanProxy;
  readonly ends: readonly Transport[];
  readonly supervisors: readonly Supervisor[];
  /** Time and side of each loss. */
  readonly cuts: { readonly side: "dialer" | "answerer"; readonly atMs: number; readonly reason: string }[];
}

function supervise(transport: Transport, bootstrap: readonly string[]): Supervisor {
  const clock = systemClock();
  return createSupervisor({
    transport,
    clock,
    random: systemRandom(),
    log: silentLog(),
    bootstrap,
    knownPeers: knownPeers({ store: memoryPeerStore(), clock }),
  });
}

async function pairOver(hole: WanDirection | undefined): Promise<Pair> {
  const [dialer, answerer] = [await startTransport(libp2p()), await startTransport(libp2p())];
  const port = Number(/\/tcp\/(\d+)/u.exec(answerer.addresses()[0] ?? "")?.[1]);
  const proxy = await wanProxy({ port, delayMs: 25, jitterMs: 10, seed: Number(values.seed) });
  const cuts: Pair["cuts"] = [];
  for (const [side, end] of [["dialer", dialer] as const, ["answerer", answerer] as const]) {
    end.on("unlink", ({ reason = "closed" }) => cuts.push({ side, atMs: performance.now(), reason }));
  }
  const supervisors = [
    supervise(dialer, [`${proxy.address}/p2p/${answerer.peerId}`]),
    supervise(answerer, []),
  ];
  for (const supervisor of supervisors) await supervisor.start();
  await until(() => dialer.links().length + answerer.links().length === 2, "linked", 20_000);
  return { hole, proxy, ends: [dialer, answerer], supervisors, cuts };
}

const pairs: Pair[] = [];
for (const hole of [undefined, "both", "forth", "back"] as const) pairs.push(await pairOver(hole));
const startMs = performance.now();
let stalls = 0;
while (performance.now() - startMs < idleMs) {
  await sleep(3_000 + random.below(15_000));
  const untilMs = performance.now() + STALL_MS;
  while (performance.now() < untilMs);
  stalls += 1;
}
const falseCuts = pairs.flatMap(({ cuts }) => cuts).length;

const holeMs = performance.now();
for (const { hole, proxy } of pairs) if (hole !== undefined) proxy.blackHole(hole);
await sleep(95_000);
const rows = pairs.map(({ hole, cuts }) => ({
  hole: hole ?? "none",
  cuts: cuts.map(({ side, atMs, reason }) => ({
    side,
    afterS: Math.round((atMs - holeMs) / 100) / 10,
    reason,
  })),
}));
const failures: string[] = [];
if (falseCuts > 0) failures.push(`${falseCuts} living links were cut`);
for (const { hole, cuts } of rows) {
  if (hole === "none" ? cuts.length > 0 : cuts.length === 0)
    failures.push(`hole ${hole}: ${cuts.length} cuts`);
  const [first] = cuts;
  if (first !== undefined && (first.afterS < 60 || first.afterS > 90))
    failures.push(`hole ${hole}: ${first.afterS} s`);
}
console.log(
  JSON.stringify({
    campaign: "blackhole",
    seed: values.seed,
    idleS: idleMs / 1_000,
    stalls,
    falseCuts,
    rows,
  }),
);
for (const failure of failures) console.log(`FAILED ${failure}`);
process.exit(failures.length === 0 ? 0 : 1);

/**
 * The public profile as it is meant to be: two machines with public addresses, each in a network namespace of its own
 * and no way out. Each asks the other which of its addresses can be dialled, then serves the DHT.
 *
 *   npm run campaign:public -- [--seconds 60]
 */

import { execFileSync, spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { libp2p } from "@gridmesh/node";
import { startTransport, until } from "./start-transport.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    /** The bootstrap's multiaddr, or `none`: this process is one of the two machines. */
    bootstrap: { type: "string" },
  },
});
const deadlineMs = Number(values.seconds) * 1_000;

/** One machine: linked, dialled back, and serving. */
async function machine(bootstrap: readonly string[]): Promise<void> {
  const transport = await startTransport(libp2p({ profile: "public", bootstrap }), "public");
  const ready = Promise.withResolvers<void>();
  process.once("SIGTERM", () => ready.resolve());
  console.log(`peer ${transport.peerId}`);
  if (bootstrap.length > 0) await transport.dial({ addresses: bootstrap }, { timeoutMs: 10_000 });
  const state = () => transport.snapshot();
  const startMs = performance.now();
  const serves = await until(
    () => state().reach?.reachable === "yes" && state().dht?.mode === "server" && state().dhtTablePeers === 1,
    deadlineMs,
  );
  const { reach, dht, links, refused } = state();
  const tookS = ((performance.now() - startMs) / 1_000).toFixed(1);
  console.log(`${serves ? "serves" : "failed"} ${JSON.stringify({ tookS, reach, dht, links, refused })}`);
  await ready.promise;
  await transport.stop({ deadlineMs: 3_000 });
}

const ip = (...args: readonly string[]) => execFileSync("ip", args, { stdio: "pipe" });

/** Two namespaces joined by a cable. */
function cable(one: string, two: string): void {
  ip("netns", "add", one);
  ip("netns", "add", two);
  ip("link", "add", "gm-one", "netns", one, "type", "veth", "peer", "name", "gm-two", "netns", two);
  for (const [space, link, address] of [
    [one, "gm-one", "8.8.8.1/15"],
    [two, "gm-two", "8.9.9.1/15"],
  ] as const) {
    ip("-n", space, "addr", "add", address, "dev", link);
    ip("-n", space, "link", "set", link, "up");
    ip("-n", space, "link", "set", "lo", "up");
  }
}

/** Starts a machine in a namespace and hands out its lines. */
function start(space: string, bootstrap: string) {
  const args = [...process.execArgv, import.meta.filename, "--seconds", values.seconds];
  const child = spawn("ip", ["netns", "exec", space, process.execPath, ...args, "--bootstrap", bootstrap], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => lines.push(...text.split("\n").filter((line) => line !== "")));
  return { child, line: (start: string) => lines.find((line) => line.startsWith(start)) };
}

async function both(): Promise<boolean> {
  const spaces = [`gm-${process.pid}-one`, `gm-${process.pid}-two`] as const;
  const machines: ReturnType<typeof start>[] = [];
  try {
    cable(...spaces);
    const first = start(spaces[0], "none");
    machines.push(first);
    await until(() => first.line("peer ") !== undefined, 20_000);
    const peerId = first.line("peer ")?.slice(5) ?? "";
    const second = start(spaces[1], `/ip4/8.8.8.1/tcp/4801/p2p/${peerId}`);
    machines.push(second);
    const told = ({ line }: ReturnType<typeof start>) => line("serves ") ?? line("failed ");
    await until(() => machines.every((one) => told(one) !== undefined), deadlineMs + 30_000);
    for (const one of machines) console.log(told(one) ?? "no word");
    return machines.every(({ line }) => line("serves ") !== undefined);
  } finally {
    for (const { child } of machines) child.kill("SIGTERM");
    await Promise.all(
      machines.map(async ({ child }) => {
        if (child.exitCode === null) await new Promise((resolve) => child.once("exit", resolve));
      }),
    );
    for (const space of spaces) {
      try {
        ip("netns", "del", space);
      } catch {
        // It was never made.
      }
    }
  }
}

/** Namespaces need root and iproute2. */
function missing(): string | undefined {
  if (process.getuid?.() !== 0) return "not root";
  try {
    ip("netns", "list");
    return undefined;
  } catch {
    return "no ip netns here";
  }
}

if (values.bootstrap !== undefined) {
  await machine(values.bootstrap === "none" ? [] : [values.bootstrap]);
} else {
  const why = missing();
  if (why !== undefined) console.log(`campaign public: skipped, ${why}`);
  else process.exitCode = (await both()) ? 0 : 1;
}

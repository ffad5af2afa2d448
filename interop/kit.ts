/** What a row of the table is made with: peers of both kinds, gone when the row is over. */

import {
  type AgentNode,
  createNode,
  libp2p,
  type Libp2pOptions,
  type NodeOptions,
  systemClock,
} from "@gridmesh/node";
import { startTransport, type Transport } from "../scripts/campaigns/start-transport.ts";
import { Foreign, type ForeignOptions, type ForeignProgram } from "./foreign.ts";

export type { Transport };

export const NETWORK = "interop";
export const SEARCHES = `gridmesh/${NETWORK}/search/energy`;
export const wait = { timeoutMs: 10_000 };

/** Deadline of a condition, ms: generous, so that only a hang misses it. */
const UNTIL_MS = 30_000;

export interface Kit {
  foreign(options?: ForeignOptions): Promise<Foreign>;
  /** A whole node that keeps links to peers without a hello, with an agent `echo`. */
  node(network?: Libp2pOptions, options?: Partial<NodeOptions>): Promise<AgentNode>;
  /** Our network alone, with nothing above it. */
  transport(network?: Libp2pOptions): Promise<Transport>;
  /** Ends with the row, the newest first. */
  readonly undo: AsyncDisposableStack;
}

/** One line of the table: resolves with what it saw, rejects when the promise is not kept. */
export interface Row {
  readonly name: string;
  run(kit: Kit): Promise<string>;
}

export function kitOf(program: ForeignProgram, undo: AsyncDisposableStack): Kit {
  return {
    undo,
    foreign: async (options) => undo.use(await Foreign.start(program, options)),
    async node(network = {}, options = {}) {
      const listen = ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws"];
      const node = await createNode({
        network: libp2p({ profile: "testnet", listen, ...network }),
        networkName: NETWORK,
        agents: [
          {
            name: "echo",
            access: "network",
            definition: { capabilities: ["demo.echo"], methods: { echo: (params) => params } },
          },
        ],
        ...options,
        links: { allowForeign: true, ...options.links },
      });
      undo.defer(() => node.stop({ deadlineMs: 0 }));
      return node;
    },
    async transport(network = {}) {
      const transport = await startTransport(libp2p({ profile: "testnet", ...network }), NETWORK);
      undo.defer(() => transport.stop({ deadlineMs: 1_000 }));
      return transport;
    },
  };
}

/** Resolves once the condition holds. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = UNTIL_MS,
): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`not within ${deadlineMs / 1_000} s: ${what}`);
    await systemClock().sleep(25);
  }
}

export function addressOf(
  of: { addresses: readonly string[] | (() => readonly string[]) },
  over = "tcp",
): string {
  const all = typeof of.addresses === "function" ? of.addresses() : of.addresses;
  const found = all.find((one) => one.includes("/ws") === (over === "ws"));
  if (found === undefined) throw new Error(`no address over ${over}`);
  return found;
}

export function isLinked(node: AgentNode, peerId: string): boolean {
  return node.peers().some((peer) => peer.peerId === peerId && peer.state === "connected");
}

/** Samples of one metric, added up where their labels are these. */
export function metric(node: AgentNode, name: string, labels: Readonly<Record<string, string>>): number {
  const family = node.metrics().find((one) => one.name === name);
  let sum = 0;
  for (const sample of family?.samples ?? []) {
    if (!("value" in sample)) continue;
    if (Object.entries(labels).every(([key, value]) => sample.labels[key] === value)) sum += sample.value;
  }
  return sum;
}

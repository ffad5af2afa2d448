import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mdns } from "@libp2p/mdns";
import type { PeerDiscovery } from "@libp2p/interface";
import type { Clock } from "../../clock.ts";
import type { MulticastView } from "../snapshot.ts";
import type { PeerHint } from "../transport.ts";

const QUERY_MS = 10_000;
/** A hint carries no more addresses than a peer may have. */
const MAX_ADDRESSES = 8;

type Components = Parameters<ReturnType<typeof mdns>>[0];

/** The multicast socket inside the discovery, which its type does not show. */
interface Socket {
  on(event: "query", fn: (query: { readonly questions: readonly { readonly name: string }[] }) => void): void;
  on(event: "warning" | "error", fn: (error: unknown) => void): void;
  query(questions: readonly { readonly name: string; readonly type: string }[]): void;
}

export interface MulticastOptions {
  readonly network: string;
  readonly clock: Clock;
  readonly onSighted: (hint: PeerHint) => void;
}

/**
 * Multicast discovery under the network's own name, so that two networks never meet.
 * Each own query carries a mark: heard back, it proves that multicast leaves and reaches this machine.
 */
export class Multicast {
  readonly #options: MulticastOptions;
  readonly #tag: string;
  readonly #mark: string;
  #socket: Socket | undefined;
  #sent = 0;
  #heard = 0;
  #heardAtMs: number;

  constructor(options: MulticastOptions) {
    this.#options = options;
    const hash = createHash("sha256").update(options.network).digest("hex").slice(0, 12);
    this.#tag = `_gm-${hash}._udp.local`;
    this.#mark = `${randomBytes(8).toString("hex")}.${this.#tag}`;
    this.#heardAtMs = options.clock.monotonicMs();
  }

  /** The discovery as libp2p wants it. */
  discovery(): (components: Components) => PeerDiscovery {
    // Queries are ours, so that they carry the mark.
    const create = mdns({ serviceTag: this.#tag, interval: 2 ** 31 - 1 });
    return (components) => {
      const found = create(components);
      found.addEventListener("peer", ({ detail }) => {
        this.#options.onSighted({
          peerId: detail.id.toString(),
          addresses: detail.multiaddrs.slice(0, MAX_ADDRESSES).map((address) => address.toString()),
        });
      });
      return this.#withQueries(found as Startable);
    };
  }

  /** Asks the LAN who is there. */
  query(): void {
    if (this.#socket === undefined) return;
    this.#sent += 1;
    this.#socket.query([
      { name: this.#tag, type: "PTR" },
      { name: this.#mark, type: "TXT" },
    ]);
  }

  view(): MulticastView {
    const { clock } = this.#options;
    return {
      route: multicastRoute(),
      sent: this.#sent,
      heard: this.#heard,
      silentMs: Math.max(0, clock.monotonicMs() - this.#heardAtMs),
    };
  }

  #withQueries(found: Startable): PeerDiscovery {
    const start = found.start.bind(found);
    const stop = found.stop.bind(found);
    let timer: Disposable | undefined;
    const again = () => {
      this.query();
      timer = this.#options.clock.timer(QUERY_MS, again);
    };
    found.start = async () => {
      await start();
      const socket = found.mdns;
      if (socket === undefined) return;
      this.#socket = socket;
      socket.on("query", ({ questions }) => {
        if (!questions.some(({ name }) => name === this.#mark)) return;
        this.#heard += 1;
        this.#heardAtMs = this.#options.clock.monotonicMs();
      });
      again();
    };
    found.stop = async () => {
      timer?.[Symbol.dispose]();
      this.#socket = undefined;
      await stop();
    };
    return found;
  }
}

type Startable = PeerDiscovery & {
  mdns?: Socket | undefined;
  start: () => Promise<void>;
  stop: () => Promise<void>;
};

/** Does the kernel know where multicast goes? undefined where this system does not tell. */
export function multicastRoute(read = readRoutes): boolean | undefined {
  let table: string;
  try {
    table = read();
  } catch {
    return undefined;
  }
  // Interface, destination and, in the eighth place, mask: little-endian hex words.
  const routes = table.split("\n").slice(1);
  return routes.some((line) => {
    const fields = line.trim().split(/\s+/u);
    const [destination, mask] = [fields[1], fields[7]].map((word) => Number.parseInt(word ?? "", 16));
    if (destination === undefined || mask === undefined || Number.isNaN(destination + mask)) return false;
    const group = 0xfb_00_00_e0;
    return (group & mask) >>> 0 === destination >>> 0;
  });
}

function readRoutes(): string {
  return readFileSync("/proc/net/route", "utf8");
}

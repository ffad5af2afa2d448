/** Two network namespaces with one cable between them, and what can befall it. */

import { execFileSync } from "node:child_process";

const NET = "10.84.7";
const quiet = (file: string, ...words: readonly string[]) => execFileSync(file, words, { stdio: "pipe" });

/** The ends are 1 and 2. */
export type End = 1 | 2;

export interface Cable extends Disposable {
  /** What runs a program at this end: the first words of its command line. */
  at(end: End): readonly string[];
  address(end: End): string;
  /** Drops so many of a hundred packets that come in at this end: 100 is a one-way cut. */
  drop(end: End, percent: number): void;
  /** Pulls the plug, or puts it back. */
  plug(isIn: boolean): void;
}

/** Why there can be none on this machine; undefined when there can. */
export function whyNoCable(): string | undefined {
  if (process.getuid?.() !== 0) return "not root";
  const probe = `gm${process.pid}p`;
  try {
    quiet("ip", "netns", "add", probe);
    try {
      filterIn(probe, 10);
    } finally {
      quiet("ip", "netns", "del", probe);
    }
    return undefined;
  } catch {
    return "iproute2 with nft or iptables, or the right to use them, is absent";
  }
}

export function layCable(): Cable {
  const name = (end: End) => `gm${process.pid}e${end}`;
  const link = `gm${process.pid}l`;
  for (const end of [1, 2] as const) quiet("ip", "netns", "add", name(end));
  const far = ["peer", "name", "eth0", "netns", name(2)];
  quiet("ip", "link", "add", link, "netns", name(1), "type", "veth", ...far);
  quiet("ip", "-n", name(1), "link", "set", link, "name", "eth0");
  for (const end of [1, 2] as const) {
    quiet("ip", "-n", name(end), "addr", "add", `${NET}.${end}/24`, "dev", "eth0");
    quiet("ip", "-n", name(end), "link", "set", "lo", "up");
    quiet("ip", "-n", name(end), "link", "set", "eth0", "up");
  }
  return {
    at: (end) => ["ip", "netns", "exec", name(end)],
    address: (end) => `${NET}.${end}`,
    drop: (end, percent) => filterIn(name(end), percent),
    plug: (isIn) => void quiet("ip", "-n", name(1), "link", "set", "eth0", isIn ? "up" : "down"),
    [Symbol.dispose]() {
      for (const end of [1, 2] as const) quiet("ip", "netns", "del", name(end));
    },
  };
}

/** By nft where it is there, else by iptables: the packet scheduler that loses packets is in few kernels. */
function filterIn(namespace: string, percent: number): void {
  const inside = ["netns", "exec", namespace];
  try {
    const chain = "chain inet gm in { type filter hook input priority 0; }";
    const rule = `add rule inet gm in iif eth0 numgen random mod 100 < ${percent} drop`;
    quiet("ip", ...inside, "nft", `add table inet gm; add ${chain}; flush chain inet gm in; ${rule}`);
  } catch {
    const chance = ["-m", "statistic", "--mode", "random", "--probability", String(percent / 100)];
    quiet("ip", ...inside, "iptables", "-F", "INPUT");
    if (percent > 0) quiet("ip", ...inside, "iptables", "-A", "INPUT", "-i", "eth0", ...chance, "-j", "DROP");
  }
}

/** Nodes with a wrong setting, whose time runs faster than ours. */

import { type Clock, systemClock } from "../src/clock.ts";
import type { Finding, FindingCode } from "../src/findings.ts";
import type { Libp2pOptions, NetworkChoice } from "../src/network/index.ts";
import { libp2p } from "../src/network/index.ts";
import { settingsOf } from "../src/network/libp2p/choice.ts";
import { createLibp2pTransport } from "../src/network/libp2p/create.ts";
import type { TransportSettings } from "../src/network/libp2p/settings.ts";
import type { AgentNode } from "../src/node.ts";
import { eventually } from "./node-fixture.ts";

/** The machine's time at another pace: what lasts ten seconds is over in two. */
export interface FastClock extends Clock {
  /** From now on, so many times as fast as the machine's. */
  run(times: number): void;
}

export function fastClock(times: number): FastClock {
  const real = systemClock();
  let pace = times;
  let wallMs = real.nowMs();
  let monotonicMs = real.monotonicMs();
  let sinceMs = monotonicMs;
  const passedMs = () => (real.monotonicMs() - sinceMs) * pace;
  return {
    nowMs: () => wallMs + passedMs(),
    monotonicMs: () => monotonicMs + passedMs(),
    timer: (ms, fn) => real.timer(ms / pace, fn),
    sleep: (ms, signal) => real.sleep(ms / pace, signal),
    run(next) {
      const ms = passedMs();
      [wallMs, monotonicMs] = [wallMs + ms, monotonicMs + ms];
      [sinceMs, pace] = [real.monotonicMs(), next];
    },
  };
}

/** The network over libp2p with inner settings bent. */
export function bent(
  options: Libp2pOptions,
  bend: (settings: TransportSettings) => TransportSettings,
): NetworkChoice {
  const settings = bend(settingsOf(options));
  return { ...libp2p(options), create: (context) => createLibp2pTransport(settings, context) };
}

const LIMIT_MS = 20_000;

export function findingOf(node: AgentNode, code: FindingCode): Finding | undefined {
  return node.findings().find((finding) => finding.code === code);
}

/** The finding, once it is there. */
export async function raised(node: AgentNode, code: FindingCode): Promise<Finding> {
  let found: Finding | undefined;
  await eventually(
    `${code} is raised`,
    () => {
      found ??= findingOf(node, code);
      return found !== undefined;
    },
    LIMIT_MS,
  );
  return found as Finding;
}

/** Resolves once the finding is gone. */
export async function cleared(node: AgentNode, code: FindingCode): Promise<void> {
  await eventually(`${code} clears`, () => findingOf(node, code) === undefined, LIMIT_MS);
}

/** A port of this machine that nobody listens on now. */
export async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

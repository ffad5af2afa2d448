/** go-libp2p's own daemon as the suite's go side. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Wanted } from "./peer.ts";

export async function startGo(
  program: string,
  wanted: Wanted,
): Promise<{ readonly control: string; readonly stop: () => Promise<void> }> {
  const child = spawn(program, wordsOf(wanted), { stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    const control = /Control socket:\s*(\S+)/u.exec(line)?.[1];
    if (control === undefined) continue;
    child.stdout.resume();
    return {
      control,
      async stop() {
        child.kill();
        await ended;
      },
    };
  }
  throw new Error("p2pd ended before it listened");
}

function wordsOf(wanted: Wanted): string[] {
  const words = ["-listen=/ip4/127.0.0.1/tcp/0", `-muxer=${wanted.muxer ?? "yamux"}`];
  words.push(wanted.noListen === true ? "-noListenAddrs" : "-hostAddrs=/ip4/127.0.0.1/tcp/0");
  if (wanted.encryption !== undefined) words.push(`-${wanted.encryption}=true`);
  if (wanted.dht === true) words.push("-dhtServer");
  if (wanted.relay === true) words.push("-relay");
  if (wanted.pubsub === true) words.push("-pubsub");
  if (wanted.pubsubRouter !== undefined) words.push(`-pubsubRouter=${wanted.pubsubRouter}`);
  if (wanted.key !== undefined) words.push(`-id=${wanted.key}`);
  return words;
}

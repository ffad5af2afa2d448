import { ProtocolError } from "@gridmesh/protocol";
import type { ControlClient } from "../../client.ts";
import { isAlive, readDaemonFile } from "../../home.ts";
import type { Invocation, Verb } from "../invocation.ts";

const STOP_LIMIT_MS = 6_000;
const POLL_MS = 25;

export const stop: Verb = (command, attach) => {
  command.option("--now", "end open calls at once");
  attach(command, async (invocation) => {
    const daemon = await invocation.daemon();
    const startedMs = Date.now();
    await daemon.stop({ now: invocation.options["now"] === true, ...invocation.wait });
    await gone(daemon, invocation);
    const drainMs = Date.now() - startedMs;
    invocation.print({ stopped: true, drainMs }, `stopped in ${(drainMs / 1_000).toFixed(1)} s\n`);
    return 0;
  });
};

/** Until the socket is silent and the process has ended. @throws CALL_TIMEOUT */
async function gone(daemon: ControlClient, invocation: Invocation): Promise<void> {
  const own = daemon.socketPath === invocation.paths.socket;
  const until = Date.now() + (invocation.timeoutMs ?? STOP_LIMIT_MS);
  const runs = async () => (await answers(daemon)) || (own && isAlive(readDaemonFile(invocation.paths)));
  while (await runs()) {
    if (Date.now() > until)
      throw new ProtocolError("CALL_TIMEOUT", "the daemon was asked to stop and still runs");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function answers(daemon: ControlClient): Promise<boolean> {
  return daemon.request({ method: "GET", path: "health/live", timeoutMs: 1_000 }).then(
    () => true,
    () => false,
  );
}

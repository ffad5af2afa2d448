import { isProtocolError, ProtocolError } from "@gridmesh/protocol";
import type { ControlClient } from "../../client.ts";
import { type Invocation, type Verb, wholeNumber } from "../invocation.ts";

const DEFAULT_LIMIT_MS = 30_000;
const POLL_MS = 200;

export const wait: Verb = (command, attach) => {
  command
    .option("--peers <n>", "at least so many connected peers")
    .option("--agents <n>", "at least so many agents known, own ones included")
    .option("--capability <word>", "somebody offers it")
    .option("--healthy", "ready, nothing critical");
  attach(command, async (invocation) => {
    const startedMs = Date.now();
    const until = startedMs + (invocation.timeoutMs ?? DEFAULT_LIMIT_MS);
    let missing = await missingNow(invocation);
    while (missing.length > 0 && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      missing = await missingNow(invocation);
    }
    const waitedMs = Date.now() - startedMs;
    if (missing.length > 0) {
      throw new ProtocolError("CALL_TIMEOUT", `after ${waitedMs} ms still missing: ${missing.join(", ")}`, {
        data: { waitedMs, missing },
      });
    }
    invocation.print({ ok: true, waitedMs, missing }, `ready after ${(waitedMs / 1_000).toFixed(1)} s\n`);
    return 0;
  });
};

/** What is not yet as asked; a daemon that does not answer yet is the first of it. */
async function missingNow(invocation: Invocation): Promise<string[]> {
  try {
    const daemon = await invocation.daemon();
    const found = await Promise.all([
      healthMissing(daemon, invocation),
      countMissing(daemon, invocation),
      capabilityMissing(daemon, invocation),
    ]);
    return found.flat();
  } catch (error) {
    if (isProtocolError(error) && error.code === "NOT_RUNNING") return ["a running daemon"];
    throw error;
  }
}

async function healthMissing(daemon: ControlClient, invocation: Invocation): Promise<string[]> {
  const { live, ready, findings } = await daemon.health(invocation.wait);
  if (invocation.options["healthy"] !== true || ready) return live ? [] : ["a running daemon"];
  return ["health", ...findings.map((finding) => finding.code)];
}

async function countMissing(daemon: ControlClient, { options, wait }: Invocation): Promise<string[]> {
  const wanted = {
    peers: wholeNumber(options["peers"], "--peers"),
    agents: wholeNumber(options["agents"], "--agents"),
  };
  const missing: string[] = [];
  if (wanted.peers !== undefined) {
    const peers = (await daemon.peers(wait)).filter((peer) => peer.state === "connected").length;
    if (peers < wanted.peers) missing.push(`peers (${peers} of ${wanted.peers})`);
  }
  if (wanted.agents !== undefined) {
    const agents = (await daemon.registry({}, wait)).length;
    if (agents < wanted.agents) missing.push(`agents (${agents} of ${wanted.agents})`);
  }
  return missing;
}

async function capabilityMissing(daemon: ControlClient, { options, wait }: Invocation): Promise<string[]> {
  const capability = options["capability"];
  if (typeof capability !== "string") return [];
  const rows = await daemon.registry({ capability }, wait);
  return rows.length > 0 ? [] : [`capability ${capability}`];
}

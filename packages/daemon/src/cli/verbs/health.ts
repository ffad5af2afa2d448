import { isProtocolError } from "@gridmesh/protocol";
import type { HealthView } from "../../control/types.ts";
import type { Invocation, Verb } from "../invocation.ts";

const NOT_HEALTHY_EXIT = 7;

export const health: Verb = (command, attach) => {
  command.option("--live", "whether it runs at all").option("--ready", "whether it takes work (default)");
  attach(command, async (invocation) => {
    const seen = await look(invocation);
    const live = invocation.options["live"] === true;
    const good = live ? seen.live : seen.ready;
    const word = live ? (good ? "live" : "dead") : good ? "ready" : "not ready";
    invocation.print({ live: seen.live, ready: seen.ready, findings: seen.findings }, `${word}\n`);
    return good ? 0 : NOT_HEALTHY_EXIT;
  });
};

async function look(invocation: Invocation): Promise<HealthView> {
  try {
    return await (await invocation.daemon()).health(invocation.wait);
  } catch (error) {
    if (isProtocolError(error) && error.code === "NOT_RUNNING")
      return { live: false, ready: false, findings: [] };
    throw error;
  }
}

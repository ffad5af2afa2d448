import { fromRpcError, type JsonObject } from "@gridmesh/protocol";
import type { ControlClient, ControlWait } from "../../client.ts";
import type { Verb } from "../invocation.ts";

export const mcp: Verb = (command, attach) => {
  command
    .argument("[addr]", "<node>:<agent>, local:<agent>, cap:<word>; without one the meta-agent")
    .option("--consent", "accept the agent's tools as they are now, and end");
  attach(command, async (invocation) => {
    const { args, options, io } = invocation;
    const [address] = args;
    const daemon = await invocation.daemon();
    if (options["consent"] === true) {
      const agent = await consent(daemon, address, invocation.wait);
      invocation.print({ agent }, `the tools of ${agent} are accepted as they are now\n`);
      return 0;
    }
    const { bridgeStdio } = await import("../../gateway/stdio-bridge-program.ts");
    return bridgeStdio({
      socketPath: daemon.socketPath,
      reference: address,
      input: process.stdin,
      output: process.stdout,
      tell: (text) => io.err(`${text}\n`),
    });
  });
};

/** @throws what reaching the agent does. */
async function consent(daemon: ControlClient, address = "", wait: ControlWait): Promise<string> {
  const reply = await daemon.request({
    method: "POST",
    path: "gateway/consent",
    body: { agent: address },
    ...wait,
  });
  if (reply.status < 400) return (reply.body as { readonly agent: string }).agent;
  const { number, detail, data } = reply.body as { number: number; detail: string; data?: JsonObject };
  throw fromRpcError({ code: number, message: detail, data });
}

import type { JsonValue } from "@gridmesh/protocol";
import { type Invocation, jsonArgument, type Verb } from "../invocation.ts";

export const call: Verb = (command, attach) => {
  command
    .argument("<addr>", "<node>:<agent>/<method>, local:<agent>/<method>, cap:<word>/<method>, node/<method>")
    .argument("[params]", "JSON, or - to read it from stdin");
  attach(command, async (invocation) => {
    const [address = "", text] = invocation.args;
    const params = await paramsOf(text, invocation);
    const daemon = await invocation.daemon();
    const startedMs = performance.now();
    const result = await daemon.call(address, params, invocation.wait);
    const durationMs = Math.round(performance.now() - startedMs);
    invocation.print({ result, durationMs }, `${JSON.stringify(result, null, 2)}\n`);
    return 0;
  });
};

async function paramsOf(text: string | undefined, { io }: Invocation): Promise<JsonValue> {
  if (text === undefined) return {};
  return jsonArgument(text === "-" ? await io.readInput() : text);
}

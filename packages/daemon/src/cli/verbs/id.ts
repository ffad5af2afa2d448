import type { Verb } from "../invocation.ts";
import { pairs } from "../table.ts";

export const id: Verb = (command, attach) => {
  attach(command, async (invocation) => {
    const daemon = await invocation.daemon();
    const node = await daemon.node(invocation.wait);
    const agents = (await daemon.agents(invocation.wait)).map(({ name, agentId }) => ({ name, agentId }));
    invocation.print(
      { peerId: node.peerId, addresses: node.addresses, agents },
      pairs([
        ["peer", node.peerId],
        ...node.addresses.map((address) => ["address", address] as const),
        ...agents.map((agent) => ["agent", `${agent.name}  ${agent.agentId}`] as const),
      ]),
    );
    return 0;
  });
};

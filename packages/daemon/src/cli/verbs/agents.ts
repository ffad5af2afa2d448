import type { AgentView, RegistryRowView } from "../../control/types.ts";
import type { Verb } from "../invocation.ts";
import { short, table } from "../table.ts";

export const agents: Verb = (command, attach) => {
  const ls = command.command("ls", { isDefault: true }).summary("agents of this node");
  attach(ls, async (invocation) => {
    const found = await (await invocation.daemon()).agents(invocation.wait);
    invocation.print({ agents: found }, found.length === 0 ? "no agents here\n" : ownTable(found));
    return 0;
  });

  const find = command
    .command("find")
    .summary("agents of the whole network, as far as known")
    .argument("[text]", "part of a name, address or capability")
    .option("--capability <word>", "only those that offer it");
  attach(find, async (invocation) => {
    const [text] = invocation.args;
    const capability = invocation.options["capability"];
    const found = await (
      await invocation.daemon()
    ).registry(
      {
        ...(text === undefined ? {} : { text }),
        ...(typeof capability === "string" ? { capability } : {}),
      },
      invocation.wait,
    );
    invocation.print({ agents: found }, found.length === 0 ? "nobody found\n" : networkTable(found));
    return 0;
  });
};

function ownTable(found: readonly AgentView[]): string {
  return table(
    ["agent", "state", "access", "capabilities", "agent id"],
    found.map((agent) => [
      agent.name,
      agent.reason === undefined ? agent.state : `${agent.state} (${agent.reason})`,
      agent.access,
      agent.capabilities.join(" "),
      short(agent.agentId),
    ]),
  );
}

function networkTable(found: readonly RegistryRowView[]): string {
  return table(
    ["agent", "presence", "capabilities", "address"],
    found.map((row) => [row.name, row.presence, row.capabilities.join(" "), row.address]),
  );
}

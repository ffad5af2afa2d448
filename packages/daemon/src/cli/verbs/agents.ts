import type { Command } from "commander";
import type { AddedAgentView, AgentView, RegistryRowView } from "../../control/types.ts";
import type { Attach, Verb } from "../invocation.ts";
import { short, table } from "../table.ts";

/** A program fetched first takes a while; the daemon's own limit is the sooner one. */
const START_WAIT_MS = 30_000;

export const agents: Verb = (command, attach) => {
  addComings(command, attach);
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

function addComings(command: Command, attach: Attach): void {
  const add = command
    .command("add")
    .summary("host another agent: -- COMMAND ARGS…, --url, --card, or --module")
    .argument("[name]", "a name of its own on this node")
    .argument("[command...]", "after --, a program that speaks MCP on its input and output")
    .option("--url <address>", "an MCP server at another address")
    .option("--card <address>", "the agent card of an A2A agent at another address")
    .option("--module <module>", "a package, or a path from the home folder")
    .option("--factory <name>", "the function the module exports")
    .option("--options <json>", "handed to that function")
    .option("--from <file>", "every program and address of a file with mcpServers")
    .option("--access <who>", "private, network or public; default private")
    .option("--env <NAME=value>", "a variable for the program, may be given again", gather, [])
    .option("--cwd <folder>", "where the program runs; default here")
    .option("--token-file <file>", "with the token to show at --url or --card")
    .option("--capability <word>", "a word under which others find it, may be given again", gather, [])
    .option("--no-save", "gone with the daemon: config.toml stays as it is");
  attach(add, async (invocation) => {
    const { agentsToAdd } = await import("../agents-to-add.ts");
    const daemon = await invocation.daemon();
    const wait = { timeoutMs: invocation.timeoutMs ?? START_WAIT_MS };
    const added: AddedAgentView[] = [];
    for (const agent of agentsToAdd(invocation)) added.push(await daemon.addAgent(agent, wait));
    const [first] = added;
    const members = added.length === 1 && first !== undefined ? { ...first } : { added };
    invocation.print(members, added.map((each) => addedLine(each)).join(""));
    return 0;
  });

  const remove = command
    .command("remove")
    .summary("stop an agent and take it out of config.toml")
    .argument("<name>");
  attach(remove, async (invocation) => {
    const [name = ""] = invocation.args;
    const { saved } = await (await invocation.daemon()).removeAgent(name, invocation.wait);
    const told = saved ? "" : "; it was not in config.toml";
    invocation.print({ name, removed: true, saved }, `agent ${name} is gone${told}\n`);
    return 0;
  });
}

/** All values of an option that may be given again. */
function gather(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** `local:files  14 tools  private`. */
function addedLine({ agent, tools }: AddedAgentView): string {
  const offers = tools === null ? "no tools" : `${tools} ${tools === 1 ? "tool" : "tools"}`;
  return `local:${agent.name}  ${offers}  ${agent.access}\n`;
}

function ownTable(found: readonly AgentView[]): string {
  return table(
    ["agent", "kind", "state", "access", "capabilities", "agent id"],
    found.map((agent) => [
      agent.name,
      agent.kind,
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

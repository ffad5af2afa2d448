import { ProtocolError } from "@gridmesh/protocol";
import type { Command } from "commander";
import type { Attach, Invocation, Verb } from "../invocation.ts";
import { pairs } from "../table.ts";
import { UsageError } from "../usage-error.ts";

export const id: Verb = (command, attach) => {
  const show = command
    .command("show", { isDefault: true })
    .summary("PeerId, addresses and agent ids of the running node");
  attach(show, async (invocation) => {
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
  addRotate(command, attach);
  addPassphrase(command, attach);
};

function addRotate(command: Command, attach: Attach): void {
  const rotate = command
    .command("rotate")
    .summary("hand the node's key, or an agent's, over to the next one; the daemon must not run")
    .option("--agent <name>", "the key of this agent, not the node's")
    .option("--reason <reason>", "routine or compromise", "routine")
    .option("--next <file>", "the node's next key, where it was kept outside the home");
  attach(rotate, async (invocation) => {
    const { agent, reason, next } = invocation.options as Readonly<Record<string, string | undefined>>;
    if (reason !== "routine" && reason !== "compromise") {
      throw new UsageError(`unknown reason "${reason}"`, "gridmesh id rotate --reason routine|compromise");
    }
    const { rotateKey } = await import("@gridmesh/node");
    const { config, lock } = await keysOf(invocation);
    const { home } = invocation.paths;
    const options = {
      home,
      network: config.network,
      nowMs: Date.now(),
      reason,
      agent,
      nextFile: next,
      lock,
    } as const;
    const { oldId, newId, oldPeerId, newPeerId, seq, nextKeyHash } =
      await rotateKey(options).catch(stillRunning);
    const what =
      agent === undefined
        ? { subject: "node", peerId: newPeerId, formerPeerId: oldPeerId, nextKeyHash: nextKeyHash ?? null }
        : { subject: "agent", name: agent };
    const lines: (readonly [string, string])[] =
      agent === undefined
        ? [
            ["was", oldPeerId],
            ["peer", newPeerId],
            ["next", "gridmesh start; whoever names this node by its address needs the new PeerId"],
          ]
        : [
            ["was", oldId],
            ["agent", `${agent}  ${newId}`],
            ["next", "gridmesh start"],
          ];
    invocation.print({ ...what, oldId, newId, seq, reason }, pairs(lines));
    return 0;
  });
}

function addPassphrase(command: Command, attach: Attach): void {
  const passphrase = command.command("passphrase").summary("seal the keys of the home, or unseal them");
  const set = passphrase
    .command("set")
    .summary("seal every key with a passphrase; the daemon must not run")
    .option("--file <path>", "the file that holds the new passphrase; else it is asked for");
  attach(set, async (invocation) => {
    const { file } = invocation.options as { readonly file?: string };
    const { lock: from } = await keysOf(invocation);
    const { newPassphrase, passphraseIn } = await import("../../passphrase.ts");
    const secret = file === undefined ? await newPassphrase(invocation.io) : passphraseIn(file, true);
    return resealed(invocation, { from, secret });
  });
  const remove = passphrase
    .command("remove")
    .summary("write every key in clear again; the daemon must not run");
  attach(remove, async (invocation) =>
    resealed(invocation, { from: (await keysOf(invocation)).lock, secret: undefined }),
  );
}

async function resealed(
  invocation: Invocation,
  by: { readonly from: Awaited<ReturnType<typeof keysOf>>["lock"]; readonly secret: string | undefined },
): Promise<number> {
  const { keyLock, sealKeys } = await import("@gridmesh/node");
  const { home } = invocation.paths;
  const files = await sealKeys({ home, from: by.from, to: keyLock(by.secret) }).catch(stillRunning);
  const sealed = by.secret !== undefined;
  const next = sealed
    ? "gridmesh start on a terminal, or gridmesh config set identity.passphraseFile <file>"
    : "gridmesh start";
  const rows = files.map((path) => [sealed ? "sealed" : "clear", path] as const);
  invocation.print({ sealed, files }, pairs([...rows, ["next", next]]));
  return 0;
}

async function keysOf({ paths, io }: Invocation) {
  const { loadConfig } = await import("../../config/load.ts");
  const { lockOf } = await import("../../passphrase.ts");
  const { config } = loadConfig({ home: paths.home, env: io.env, flags: {} });
  return { config, lock: await lockOf({ paths, config, io }) };
}

/** The keys in use change only while nobody uses them. */
function stillRunning(error: unknown): never {
  if (!(error instanceof ProtocolError) || error.code !== "ALREADY_RUNNING") throw error;
  throw new ProtocolError(
    "ALREADY_RUNNING",
    "the daemon of this home runs with these keys; gridmesh stop first, then again",
    { cause: error },
  );
}

import type { PeerView } from "../../control/types.ts";
import type { Verb } from "../invocation.ts";
import { short, table } from "../table.ts";

export const peers: Verb = (command, attach) => {
  const ls = command.command("ls", { isDefault: true }).summary("connected and known peers");
  attach(ls, async (invocation) => {
    const found = await (await invocation.daemon()).peers(invocation.wait);
    invocation.print({ peers: found }, found.length === 0 ? "no peers\n" : peerTable(found));
    return 0;
  });

  const connect = command
    .command("connect")
    .summary("dial a peer")
    .argument("<addr>", "multiaddr ending in /p2p/<PeerId>");
  attach(connect, async (invocation) => {
    const [address = ""] = invocation.args;
    const peer = await (await invocation.daemon()).connect(address, invocation.wait);
    invocation.print({ peer }, `connected to ${peer.peerId}\n`);
    return 0;
  });

  const disconnect = command
    .command("disconnect")
    .summary("close the link to a peer")
    .argument("<id>", "PeerId");
  attach(disconnect, async (invocation) => {
    const [peerId = ""] = invocation.args;
    await (await invocation.daemon()).disconnect(peerId, invocation.wait);
    invocation.print({ peerId, disconnected: true }, `disconnected from ${peerId}\n`);
    return 0;
  });
};

function peerTable(found: readonly PeerView[]): string {
  return table(
    ["peer", "state", "direction", "latency", "address"],
    found.map((peer) => [
      short(peer.peerId),
      peer.reason === undefined ? peer.state : `${peer.state} (${peer.reason})`,
      peer.direction ?? "-",
      peer.latencyMs === null ? "-" : `${peer.latencyMs.toFixed(1)} ms`,
      peer.addresses[0] ?? "-",
    ]),
  );
}

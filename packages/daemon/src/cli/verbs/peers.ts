import type { Command } from "commander";
import type { PeerView } from "../../control/types.ts";
import { type Attach, durationMs, type Verb, wholeNumber } from "../invocation.ts";
import { short, table } from "../table.ts";

const PINGS = 5;

export const peers: Verb = (command, attach) => {
  const ls = command
    .command("ls", { isDefault: true })
    .summary("connected and known peers")
    .option("--banned", "only those that are turned away");
  attach(ls, async (invocation) => {
    const all = await (await invocation.daemon()).peers(invocation.wait);
    const banned = invocation.options["banned"] === true;
    const found = banned ? all.filter(({ state }) => state === "banned") : all;
    invocation.print({ peers: found }, found.length === 0 ? "no peers\n" : peerTable(found));
    return 0;
  });
  addLinks(command, attach);
  addLooks(command, attach);
};

function addLinks(command: Command, attach: Attach): void {
  const connect = command
    .command("connect")
    .summary("dial a peer")
    .argument("<addr>", "multiaddr ending in /p2p/<PeerId>, or a known PeerId")
    .option("--unban", "lift a ban of it first");
  attach(connect, async (invocation) => {
    const [address = ""] = invocation.args;
    const unban = invocation.options["unban"] === true;
    const peer = await (await invocation.daemon()).connect(address, { ...invocation.wait, unban });
    invocation.print({ peer }, `connected to ${peer.peerId}\n`);
    return 0;
  });

  const disconnect = command
    .command("disconnect")
    .summary("close the link to a peer and stay away")
    .argument("<id>", "PeerId")
    .option("--ban <time>", "refuse it as well, for e.g. 1h");
  attach(disconnect, async (invocation) => {
    const [peerId = ""] = invocation.args;
    const ban = invocation.options["ban"];
    const banMs = typeof ban === "string" ? durationMs(ban) : undefined;
    await (await invocation.daemon()).disconnect(peerId, { ...invocation.wait, banMs });
    const told = banMs === undefined ? "" : `, banned for ${String(ban)}`;
    invocation.print(
      { peerId, disconnected: true, ...(banMs === undefined ? {} : { banMs }) },
      `disconnected from ${peerId}${told}\n`,
    );
    return 0;
  });
}

function addLooks(command: Command, attach: Attach): void {
  const ping = command
    .command("ping")
    .summary("round trips to a linked peer")
    .argument("<id>", "PeerId")
    .option("--count <n>", "how many; default 5");
  attach(ping, async (invocation) => {
    const [peerId = ""] = invocation.args;
    const count = wholeNumber(invocation.options["count"], "--count") ?? PINGS;
    const times = await (await invocation.daemon()).ping(peerId, count, invocation.wait);
    const [min, p50, max] = [times.minMs, times.p50Ms, times.maxMs].map((ms) => ms.toFixed(2));
    invocation.print(
      { ping: times },
      `${count} round trips: ${min} ms at least, ${p50} in the middle, ${max} at most\n`,
    );
    return 0;
  });

  const find = command
    .command("find")
    .summary("addresses of a peer, from the DHT")
    .argument("<id>", "PeerId");
  attach(find, async (invocation) => {
    const [peerId = ""] = invocation.args;
    const addresses = await (await invocation.daemon()).findPeer(peerId, invocation.wait);
    invocation.print({ peerId, addresses }, addresses.map((address) => `${address}\n`).join(""));
    return 0;
  });
}

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

/** The silent limits below the links: gossip, DHT, multicast, reach, streams. */

import type { Observation } from "./findings.ts";
import type { DhtView, NetworkSnapshot, ReachView } from "./network/snapshot.ts";
import type { Memory, Observed } from "./observed.ts";

const MESH_EMPTY_MS = 10_000;
const DHT_EMPTY_MS = 10_000;
const MULTICAST_MS = 5_000;
/** Queries go out every 10 s: silence beyond that and five seconds is one. */
const MULTICAST_SILENT_MS = 15_000;
/** More peers than this on one address and a score below zero: the address is what costs them. */
const CROWDED = 8;
const REACH_MS = 10_000;

export function observeNetwork(node: Observed, memory: Memory, snapshot: NetworkSnapshot): Observation[] {
  return [
    ...meshEmpty(memory, snapshot),
    ...colocationScored(node, snapshot),
    ...dhtEmpty(memory, snapshot),
    ...mdnsSilent(memory, snapshot),
    ...streamsReset(memory, snapshot),
    ...reach(node, memory, snapshot),
  ];
}

function meshEmpty({ lasting }: Memory, { links, topics }: NetworkSnapshot): Observation[] {
  const empty = topics.filter(({ topic, meshPeers }) => {
    return lasting.holds(`mesh ${topic}`, links > 0 && meshPeers === 0, MESH_EMPTY_MS);
  });
  if (empty.length === 0) return [];
  const told = empty.map(({ topic, subscribers }) => {
    return `${topic} (${subscribers === 0 ? "no linked peer has joined it" : `${subscribers} linked peers have joined it`})`;
  });
  const kept = empty.some(({ subscribers }) => subscribers > 0);
  return [
    {
      code: "MESH_EMPTY",
      text: `no mesh peer on ${told.join(", ")}`,
      ...(kept
        ? { fix: "see COLOCATION_SCORED: peers whose score is below zero are kept out of the mesh" }
        : {}),
    },
  ];
}

function colocationScored({ profile }: Observed, { crowds }: NetworkSnapshot): Observation[] {
  const scored = crowds.find(({ links, lowestScore }) => links > CROWDED && lowestScore < 0);
  if (scored === undefined) return [];
  const { links, ip, lowestScore } = scored;
  const score = lowestScore.toFixed(1);
  const text = `${links} peers share the address ${ip} and gossip scores them down to ${score} for it, in profile ${profile}`;
  return [{ code: "COLOCATION_SCORED", text }];
}

function dhtEmpty({ lasting }: Memory, { dht, links }: NetworkSnapshot): Observation[] {
  const empty = dht !== null && links > 0 && dht.tablePeers === 0;
  if (!lasting.holds("dht", empty, DHT_EMPTY_MS) || dht === null) return [];
  return [{ code: "DHT_EMPTY", ...whyEmpty(dht) }];
}

function whyEmpty(dht: DhtView): { readonly text: string; readonly fix?: string } {
  const causes = [
    ...(dht.mode === "client" ? ["this node is only a client of it (discovery.dhtMode)"] : []),
    ...(dht.learns === "public" ? ["only public addresses enter it, and no linked peer has one"] : []),
    ...(dht.ownAddresses === 0 ? ["this node has no address to tell in it"] : []),
  ];
  if (causes.length === 0)
    return { text: "the DHT table has no peer: every linked peer is only a client of it" };
  const text = `the DHT table has no peer: ${causes.join("; ")}`;
  if (dht.mode === "client") return { text };
  return {
    text,
    fix:
      dht.learns === "public"
        ? "use profile lan or testnet where peers have private addresses"
        : "name an address in listen or announce that others can dial",
  };
}

function mdnsSilent({ lasting }: Memory, { multicast }: NetworkSnapshot): Observation[] {
  const unheard =
    multicast !== null &&
    multicast.sent > 0 &&
    (multicast.heard === 0 || multicast.silentMs > MULTICAST_SILENT_MS);
  const silent = lasting.holds("mdns", unheard, MULTICAST_MS);
  if (multicast === null || (multicast.route !== false && !silent)) return [];
  const text =
    multicast.route === false
      ? "this machine has no route for multicast (224.0.0.0/4): peers on the network are not found"
      : `of ${multicast.sent} own multicast queries ${multicast.heard} came back: something on this machine drops them`;
  const fix = "let UDP port 5353 to 224.0.0.251 through the firewall, or name peers in discovery.bootstrap";
  return [{ code: "MDNS_SILENT", text, ...(multicast.route === false ? {} : { fix }) }];
}

/** Resets that a limit made, not the end of a peer or a change of mind; in the words an operator reads. */
const LIMIT_RESETS: ReadonlyMap<string, string> = new Map([
  ["too-many-streams", "too many at once"],
  ["overloaded", "too many bytes unread"],
  ["queue-full", "too many bytes unsent"],
]);

function streamsReset(memory: Memory, { streamResets, streamResetPeers }: NetworkSnapshot): Observation[] {
  const told = [...memory.resets.of(streamResets)].flatMap(([key, count]) => {
    const [protocol = "", reason = ""] = key.split(" ");
    const words = LIMIT_RESETS.get(reason);
    if (words === undefined) return [];
    return [`${count} of ${protocol}, the last of ${streamResetPeers[key] ?? "an unknown peer"}: ${words}`];
  });
  if (told.length === 0) return [];
  return [{ code: "STREAMS_RESET", text: `streams were reset in the last 5 minutes, ${told.join("; ")}` }];
}

function reach({ profile }: Observed, memory: Memory, { reach: view }: NetworkSnapshot): Observation[] {
  if (view === null) return [];
  return [
    ...notReachable(memory, view),
    ...privateOnly(profile, memory, view),
    ...relayLimited(memory, view),
  ];
}

function notReachable({ lasting }: Memory, { reachable, relays }: ReachView): Observation[] {
  if (!lasting.holds("reachable", reachable === "no" && relays === 0, REACH_MS)) return [];
  return [
    {
      code: "NOT_REACHABLE",
      text: "peers that tried could not dial this node, and no relay stands in for it",
    },
  ];
}

function privateOnly(profile: string, { lasting }: Memory, view: ReachView): Observation[] {
  const meant = profile === "public" || profile === "private";
  const hidden = meant && view.publicAddresses === 0 && view.relays === 0;
  if (!lasting.holds("private-only", hidden, REACH_MS)) return [];
  return [
    { code: "ADDRESS_PRIVATE_ONLY", text: `profile ${profile}, but no address of this node is a public one` },
  ];
}

function relayLimited(memory: Memory, { relayLimited: ended }: ReachView): Observation[] {
  const count = memory.relayEnds.of({ ended }).get("ended");
  if (count === undefined) return [];
  return [
    {
      code: "RELAY_LIMITED",
      text: `${count} relayed links were ended by their relay's limits of time or bytes`,
    },
  ];
}

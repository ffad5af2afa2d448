/** The page: `?peer=<ws multiaddr>&network=<name>`; tells what it dialled, heard and was answered. */

import { startPeer } from "./peer.ts";

/** As much of a browser as this page needs: its types would hide Node's from the other examples. */
declare const location: { readonly search: string };
declare const document: {
  createElement(tag: "li"): { readonly dataset: Record<string, string>; textContent: string };
  querySelector(selector: string): { append(element: object): void } | null;
};

const asked = new URLSearchParams(location.search);

function show(name: string, text: string): void {
  const line = document.createElement("li");
  line.dataset["name"] = name;
  line.textContent = text;
  document.querySelector("#told")?.append(line);
}

async function main(): Promise<void> {
  const peer = await startPeer(asked.get("network") ?? "gridmesh");
  show("id", peer.id);
  peer.onAdvertisement(({ type, signerId, body }) => {
    show("gossip", JSON.stringify({ type, signerId, name: body["agent_name"], words: body["capabilities"] }));
  });
  const startMs = performance.now();
  const nodeId = await peer.connect(asked.get("peer") ?? "");
  show("dial", (performance.now() - startMs).toFixed(0));
  show("answer", JSON.stringify(await peer.call(nodeId, "node/get_info")));
}

main().catch((error: unknown) => show("error", String(error)));

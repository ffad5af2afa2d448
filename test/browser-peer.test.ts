/** A page is a peer: it dials a node over WebSocket, hears its gossip and calls it, in a browser without a head. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createNode, libp2p } from "@gridmesh/node";
import { bundlePage, servePage } from "../examples/browser-peer/build.ts";
import { chromiumOnPath, openTab, type Tab } from "../examples/browser-peer/chromium.ts";

const MOST_BYTES = 200_000;
const DEADLINE_MS = 30_000;

const bundling = bundlePage();

test("the page's script takes at most 200 KB on the wire", async (t) => {
  const { gzipBytes } = await bundling;
  t.diagnostic(`${(gzipBytes / 1_000).toFixed(1)} KB gz`);
  assert.ok(gzipBytes <= MOST_BYTES, `${gzipBytes} bytes`);
});

/** What the page tells under a name. */
async function told(tab: Tab, name: string): Promise<string> {
  const endMs = Date.now() + DEADLINE_MS;
  for (;;) {
    const texts = `Object.fromEntries([...document.querySelectorAll("#told li")].map((li) => [li.dataset.name, li.textContent]))`;
    const all = (await tab.evaluate(texts)) as Readonly<Record<string, string>> | undefined;
    assert.equal(all?.["error"], undefined);
    const text = all?.[name];
    if (text !== undefined) return text;
    assert.ok(Date.now() < endMs, `the page tells ${name} in time, not only ${JSON.stringify(all)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const browser = chromiumOnPath();
const skip = browser === undefined ? "no chromium on PATH" : false;

test("a page dials a node, is answered and hears an agent's advertisement", { skip }, async (t) => {
  await using node = await createNode({
    network: libp2p({ profile: "testnet", listen: ["/ip4/127.0.0.1/tcp/0/ws"] }),
    networkName: "page",
    links: { allowForeign: true },
  });
  await using site = await servePage(await bundling);
  const asked = new URLSearchParams({ peer: node.addresses[0] ?? "", network: "page" });
  await using tab = await openTab(browser ?? "", `${site.url}?${asked.toString()}`);
  const id = await told(tab, "id");
  t.diagnostic(`dial ${await told(tab, "dial")} ms`);
  const info = JSON.parse(await told(tab, "answer")) as Readonly<Record<string, unknown>>;
  assert.deepEqual([info["node_id"], info["network"]], [node.id, "page"]);
  assert.ok(node.peers().some((peer) => peer.peerId === id && peer.state === "connected"));

  // An agent that comes is told to everybody.
  const definition = { capabilities: ["weather.temperature"], methods: {} };
  using registration = node.agents.register("thermometer", definition);
  await registration.ready;
  const gossip = JSON.parse(await told(tab, "gossip")) as Readonly<Record<string, unknown>>;
  assert.deepEqual(
    [gossip["type"], gossip["signerId"]],
    ["capability_advertisement", node.agents.list()[0]?.agentId],
  );
});

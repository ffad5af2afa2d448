/** Daemons beside programs that speak plain HTTP. */

import assert from "node:assert/strict";
import type { PlainParticipant } from "./plain-beckn.ts";
import { gridmesh, type RunningDaemon, startedDaemon, temporaryHome } from "./running.ts";

export interface Party {
  readonly id: string;
  readonly uri: string;
}

/** A daemon with Beckn over HTTP, behind whose one agent a plain program stands. */
export function configOf(options: {
  readonly agent: string;
  readonly url: string;
  readonly sells: boolean;
  readonly bootstrap?: readonly string[];
  readonly more?: string;
}): string {
  const { agent, url, sells, bootstrap = [], more = 'callerAuth = "loopback"' } = options;
  return (
    `network = "plain"\nprofile = "testnet"\ndiscovery.bootstrap = ${JSON.stringify(bootstrap)}\n` +
    `[beckn.http]\nenabled = true\nlisten = "127.0.0.1:0"\n${more}\n` +
    `[[agents]]\nname = "${agent}"\naccess = "network"\nmodule = "@gridmesh/daemon/beckn-program"\n` +
    `factory = "becknProgram"\n[agents.options]\nurl = "${url}"\nsells = ${sells}\n`
  );
}

export async function partyOf(daemon: RunningDaemon, agent: string, side: "bap" | "bpp"): Promise<Party> {
  const found = (await daemon.client.agents()).find(({ name }) => name === agent);
  assert.ok(found, `agent ${agent}`);
  return {
    id: found.agentId,
    uri: `${daemon.node.becknHttp}/p2p/${daemon.node.peerId}/${agent}/${side}/receiver`,
  };
}

async function linked(daemon: RunningDaemon): Promise<void> {
  const waited = await gridmesh(daemon.home, "wait", "--peers", "1", "--timeout", "15s");
  assert.equal(waited.code, 0, waited.stderr);
}

export interface Market extends AsyncDisposable {
  readonly bap: Party;
  readonly bpp: Party;
  /** Where each side's program has its bodies signed and looks keys up. */
  readonly buyerKeys: string;
  readonly sellerKeys: string;
}

/** Two linked daemons, one beside each program. */
export async function openMarket(buyer: PlainParticipant, seller: PlainParticipant): Promise<Market> {
  await using stack = new AsyncDisposableStack();
  const sellerHome = stack.use(temporaryHome()).home;
  const buyerHome = stack.use(temporaryHome()).home;
  const selling = stack.use(
    await startedDaemon(sellerHome, { config: configOf({ agent: "shop", url: seller.url, sells: true }) }),
  );
  const bootstrap = selling.node.addresses;
  const buying = stack.use(
    await startedDaemon(buyerHome, {
      config: configOf({ agent: "home", url: buyer.url, sells: false, bootstrap }),
    }),
  );
  await linked(buying);
  const market = {
    bap: await partyOf(buying, "home", "bap"),
    bpp: await partyOf(selling, "shop", "bpp"),
    buyerKeys: buying.node.becknHttp ?? "",
    sellerKeys: selling.node.becknHttp ?? "",
  };
  const kept = stack.move();
  return { ...market, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

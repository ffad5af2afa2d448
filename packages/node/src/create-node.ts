/** How a node begins: a list in order, each step with its undo; a failure half-way undoes what was done. */

import { createRequire } from "node:module";
import { join } from "node:path";
import { ProtocolError, toProtocolError } from "@gridmesh/protocol";
import { agentContext } from "./agent-context.ts";
import { createBecknExchange, type LocalAgent, type LocalAgents, withUpdates } from "./beckn/index.ts";
import type { BecknExchange } from "./beckn/types.ts";
import type { AgentContext } from "./agent.ts";
import { systemClock, systemRandom } from "./clock.ts";
import { nodeEngine } from "./gate/engine.ts";
import type { AgentList, SeatedAgent } from "./host/agent-list.ts";
import { helloOffer } from "./hello-offer.ts";
import { type HomeKeys, openKeys } from "./home-keys.ts";
import { nodeLimits } from "./limits.ts";
import { silentLog } from "./log.ts";
import { marketClock } from "./market-clock.ts";
import { createGossipMeter } from "./message-meter.ts";
import { createMetrics } from "./metrics.ts";
import type { AgentNode } from "./node.ts";
import type { NodeBase, NodeOptions } from "./node-options.ts";
import { type CallRoom, openCalls } from "./open-calls.ts";
import { type LinkRoom, openLinks } from "./open-links.ts";
import { joinRegistry } from "./open-registry.ts";
import { RunningNode, type RunningNodeOptions } from "./running-node.ts";
import { createStanding } from "./standing.ts";
import { memoryStore } from "./store/memory.ts";
import { openStateStore } from "./store/sqlite.ts";
import type { StateStore } from "./store/types.ts";
import { keepTradePartners } from "./trade-partners.ts";
import { folderDisk, type JournalDisk, memoryDisk, openTradeDesk } from "./trade/index.ts";
import type { TradeDesk } from "./trade/types.ts";

const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string };
/** Who offers it answers searches. */
const SELL = "energy.sell";

/**
 * Starts a peer with its agents. `await using` ends it.
 * @throws IDENTITY_UNREADABLE, ALREADY_RUNNING, DISK_FAILED, JOURNAL_DAMAGED, PORT_IN_USE, CONFIG_INVALID.
 */
export async function createNode(options: NodeOptions): Promise<AgentNode> {
  const base = baseOf(options);
  const { clock, log } = base;
  await using undo = new AsyncDisposableStack();

  const keys = await openKeys(options, base);
  const { identity } = keys;
  const { peerId } = identity;
  const store = openStore(options, undo);
  const node = new RunningNode({ base, identity, version, succession: successionTold(keys) });

  const standing = createStanding();
  const settledWith = (id: string) => standing.of(id);
  const links = await openLinks(base, { identity, keys, store, settledWith, ...node.linkHooks() }, undo);
  const contextFor = (agent: SeatedAgent, signal: AbortSignal): AgentContext =>
    agentContext({ ...base, nodeId: peerId, registry, desk: traders, beckn, router }, agent, signal);
  const calls: CallRoom = openCalls(base, {
    links,
    identity,
    store,
    identify: (name) => keys.ofAgent(name, store),
    contextFor,
    undo,
    ...node.callHooks(),
  });
  const { registry, router, agents } = calls;
  const desk = await openTradeDesk({
    ...base,
    ...keys,
    peerId,
    exchange: links.serve,
    disk: diskOf(options),
    onFatal: (error) => node.fail(error),
    onLink: (fn) => links.onGreeted(fn),
    reconcileMs: nodeLimits.reconcileMs,
    clockOffsetMs: () => links.heartbeats.clockOffsetMs(),
  });
  undo.defer(() => desk.stop());
  const traders = withUpdates(desk, store);
  // Their partners may speak before they do.
  for (const { agentId } of desk.books()) links.bindings.expect(agentId);
  undo.use(standing.watch(desk, links.successions));

  await links.transport.start();
  undo.defer(() => links.transport.stop({ deadlineMs: 1_000 }));
  undo.use(joinRegistry(base, links, registry));
  const beckn = openBeckn(base, { links, agents, registry, desk, store, peerId });
  undo.defer(() => beckn.stop());

  node.run({ links, calls, desk, beckn });
  undo.defer(() => node.unwatch());
  await calls.children?.endOrphans();
  await seekPeers(links.supervisor, desk, undo);
  await startAgents(agents, options);
  log.info("node.running", `${peerId} runs in ${base.network}`, { atMs: clock.nowMs() });
  node.own(undo.move());
  return node;
}

function openBeckn(
  base: NodeBase,
  parts: {
    readonly links: LinkRoom;
    readonly agents: AgentList;
    readonly registry: CallRoom["registry"];
    readonly desk: TradeDesk;
    readonly store: StateStore;
    readonly peerId: string;
  },
): BecknExchange {
  const { links, agents, ...rest } = parts;
  return createBecknExchange({
    ...base,
    ...rest,
    domain: "energy",
    gossip: links.gossip,
    gossipMeter: createGossipMeter(base.metrics, "search"),
    transport: links.transport,
    agents: becknAgents(agents),
    connect: (to, wait) => links.reach(to, wait),
  });
}

function successionTold({ handovers, nextKeyHash }: HomeKeys): RunningNodeOptions["succession"] {
  return { continuity: handovers.slice(-nodeLimits.continuityTold), next_key_hash: nextKeyHash ?? null };
}

async function startAgents(agents: AgentList, options: NodeOptions): Promise<void> {
  for (const { name, definition, access } of options.agents ?? []) {
    // An agent that does not start is a finding; the node and the others live on.
    await agents.register(name, definition, { access }).ready.catch((error: unknown) => {
      const known = toProtocolError(error, "AGENT_START_FAILED");
      if (known.code === "IDENTITY_UNREADABLE") throw known;
    });
  }
}

/** From here on others are dialled; those of open orders for as long as they are open. */
async function seekPeers(
  supervisor: LinkRoom["supervisor"],
  desk: TradeDesk,
  undo: AsyncDisposableStack,
): Promise<void> {
  await supervisor.start();
  undo.defer(() => supervisor.stop());
  undo.use(keepTradePartners(desk, supervisor));
}

/** @throws CONFIG_INVALID. */
function networkOf({ networkName = "gridmesh" }: NodeOptions): string {
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(networkName)) return networkName;
  throw new ProtocolError("CONFIG_INVALID", `"${networkName}" is no network name`);
}

function baseOf(options: NodeOptions): NodeBase {
  const network = networkOf(options);
  const clock = options.clock ?? systemClock();
  const software = options.software ?? `gridmesh/${version}`;
  const { features, protocolVersions: versions } = options;
  return {
    choice: options.network,
    network,
    clock,
    random: options.random ?? systemRandom(),
    market: options.market ?? marketClock(clock),
    log: options.log ?? silentLog(),
    engine: nodeEngine(),
    metrics: createMetrics(),
    trustedAlerts: options.trustedAlerts ?? [],
    offer: helloOffer({ network, software, features, versions }),
    links: options.links ?? {},
    settings: options.beckn ?? {},
    streams: options.streams ?? {},
    observe: options.observe ?? (() => []),
    ...callSideOf(options),
  };
}

function callSideOf(
  options: NodeOptions,
): Pick<NodeBase, "messageRates" | "idempotentTools" | "access" | "forwardFor" | "children"> {
  const { messageRates, idempotentTools = [], access = {}, forwardFor = [], children } = options;
  return { messageRates, idempotentTools, access, forwardFor, children };
}

function openStore(options: NodeOptions, undo: AsyncDisposableStack): StateStore {
  const store = options.home === undefined ? memoryStore() : openStateStore(options.home);
  undo.defer(() => store.close());
  return store;
}

function diskOf(options: NodeOptions): JournalDisk {
  if (options.home !== undefined) return folderDisk(join(options.home, "journal"));
  return options.journal ?? memoryDisk();
}

/** The agents that have a key, as Beckn sees them; those that sell energy answer searches. */
function becknAgents(agents: AgentList): LocalAgents {
  const seats = () => agents.seated().map((seat) => ({ seat, local: localOf(seat) }));
  return {
    bySellerId: (agentId) => seats().find(({ local }) => local.agentId === agentId)?.local,
    byName: (name) => seats().find(({ local }) => local.name === name)?.local,
    first: () => seats()[0]?.local,
    sellers: () =>
      seats()
        .filter(({ seat }) => seat.hosted.state === "ready" && seat.hosted.capabilities.includes(SELL))
        .map(({ local }) => local),
  };
}

function localOf({ hosted, identity }: SeatedAgent): LocalAgent {
  const { name, agentId, definition } = hosted;
  return { name, agentId, signer: identity.signer, mandate: definition.mandate };
}

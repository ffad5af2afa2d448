/** A node that runs: its state in one field, its rooms once they are open, its end. */

import type { JsonValue } from "@gridmesh/protocol";
import { parseAddress, ProtocolError, toProtocolError } from "@gridmesh/protocol";
import type { BecknExchange, Offer, OfferOrder, OrderOptions, SearchIntent } from "./beckn/types.ts";
import { type NodeCards, nodeCards } from "./cards.ts";
import type { Wait } from "./clock.ts";
import { createFindings, type Finding, type FindingChange, type Findings } from "./findings.ts";
import { viewOf, wordsOf } from "./agent-views.ts";
import type { Identity } from "./identity.ts";
import { nodeLimits } from "./limits.ts";
import type { MarketClock } from "./market-clock.ts";
import type { MetricFamily } from "./metrics.ts";
import type { NetworkSnapshot } from "./network/index.ts";
import type {
  AgentNode,
  NamedWait,
  NodeAgents,
  NodeBans,
  NodeExtensions,
  NodePeer,
  NodeState,
  StreamMessage,
  StreamOptions,
} from "./node.ts";
import { streamCall } from "./stream-call.ts";
import { nodeExtensions } from "./node-extensions.ts";
import { operatorBans } from "./node-bans.ts";
import type { NodeBase } from "./node-options.ts";
import { type MeasuredNode, measureNode } from "./node-metrics.ts";
import { createObserver, type Observer } from "./observe.ts";
import { observedKeys } from "./observe-keys.ts";
import type { AgentChannel, OpenRequest } from "./route/channel.ts";
import type { NodeFacts } from "./route/node-methods.ts";
import { inName } from "./route/call-names.ts";
import type { Observed } from "./observed.ts";
import type { CallParts, CallRoom } from "./open-calls.ts";
import type { LinkHooks, LinkRoom } from "./open-links.ts";
import { checkPeerId, peersOf } from "./peers.ts";
import type { Registry } from "./registry/types.ts";
import type { TradeDesk } from "./trade/types.ts";

export interface RunningNodeOptions {
  readonly base: NodeBase;
  readonly identity: Identity;
  readonly version: string;
  /** The handovers of the node's key, newest last, and the hash of the one that may follow. */
  readonly succession: Pick<NodeFacts, "continuity" | "next_key_hash">;
}

interface Rooms {
  readonly links: LinkRoom;
  readonly calls: CallRoom;
  readonly desk: TradeDesk;
  readonly beckn: BecknExchange;
}

/** How often findings are looked for by the node itself. */
const LOOK_MS = 5_000;

export class RunningNode implements AgentNode {
  readonly id: string;
  readonly networkName: string;
  readonly market: MarketClock;
  readonly agents: NodeAgents;
  readonly cards: NodeCards;
  readonly ended: Promise<void>;
  readonly #options: RunningNodeOptions;
  readonly #startedMs: number;
  readonly #findings: Findings;
  readonly #end = Promise.withResolvers<void>();
  #state: NodeState = "starting";
  #opened: Rooms | undefined;
  #undo: AsyncDisposableStack | undefined;
  #stopping: Promise<void> | undefined;
  #diskError: ProtocolError | undefined;
  #observer: Observer | undefined;
  #look: Disposable | undefined;
  readonly #watch = new DisposableStack();

  constructor(options: RunningNodeOptions) {
    this.#options = options;
    this.id = options.identity.peerId;
    this.networkName = options.base.network;
    this.market = options.base.market;
    const { base, identity } = options;
    this.cards = nodeCards({ node: this, ...base, signer: identity.signer });
    this.#startedMs = options.base.clock.monotonicMs();
    this.ended = this.#end.promise;
    this.ended.catch(() => undefined);
    this.agents = {
      register: (name, definition, given) => this.#rooms.calls.agents.register(name, definition, given),
      unregister: (name) => this.#rooms.calls.agents.unregister(name),
      list: () => this.#rooms.calls.agents.list().map((agent) => viewOf(this.id, agent)),
    };
    this.#findings = createFindings({
      clock: options.base.clock,
      observe: () => this.#observer?.look() ?? [],
      onChange: (change) => this.#logFinding(change),
    });
  }

  /** What the link room asks of this node. */
  linkHooks(): Pick<LinkHooks, "onFatal" | "words" | "status" | "active"> {
    return {
      onFatal: (error) => this.fail(toProtocolError(error, "DISK_FAILED")),
      words: () => (this.#opened === undefined ? [] : wordsOf(this.#opened.calls.agents.list())),
      status: () => (this.#isEnding() ? "draining" : "healthy"),
      active: () => this.#opened?.calls.router.inFlight() ?? 0,
    };
  }

  /** What the call room asks of this node. */
  callHooks(): Pick<CallParts, "draining" | "facts" | "peers" | "onFatal"> {
    const { base, version } = this.#options;
    return {
      onFatal: (error) => this.fail(toProtocolError(error, "DISK_FAILED")),
      draining: () => this.#isEnding(),
      facts: () => ({
        node_id: this.id,
        network: base.network,
        version,
        protocols: ["/gridmesh/control/1", "/gridmesh/rpc/1", "/gridmesh/trade/1", "/gridmesh/beckn/1"],
        addresses: this.addresses,
        uptime_seconds: Math.floor((base.clock.monotonicMs() - this.#startedMs) / 1000),
        state: this.#state,
        ...this.#options.succession,
      }),
      peers: () =>
        this.peers().map((peer) => ({
          node_id: peer.peerId,
          addresses: peer.addresses,
          connected: peer.state === "connected",
          latency_ms: peer.latencyMs,
          last_seen: this.#rooms.links.heartbeats.heardMs(peer.peerId) ?? null,
        })),
    };
  }

  #isEnding(): boolean {
    return this.#state === "draining" || this.#state === "stopped";
  }

  run(rooms: Rooms): void {
    this.#opened = rooms;
    this.#state = "running";
    this.#observer = this.#watch.use(createObserver(this.#observed(rooms)));
    this.#watch.use(measureNode({ ...this.#observed(rooms), ...this.#measured(rooms) }));
    this.#lookAgain();
  }

  /** Looks no more; also for a start that fails after `run`. */
  unwatch(): void {
    this.#look?.[Symbol.dispose]();
    this.#watch.dispose();
  }

  /** Takes over what undoes the start. */
  own(undo: AsyncDisposableStack): void {
    this.#undo = undo;
    if (this.#diskError !== undefined) void this.stop({ deadlineMs: 0 });
  }

  /** The disk failed: nothing more may be acknowledged, so the node ends. */
  fail(error: ProtocolError): void {
    if (this.#diskError !== undefined) return;
    this.#diskError = error;
    this.#options.base.log.error("node.failed", error.message, { code: error.code });
    this.#end.reject(error);
    if (this.#undo !== undefined) void this.stop({ deadlineMs: 0 });
  }

  get #rooms(): Rooms {
    if (this.#opened === undefined)
      throw new ProtocolError("AGENT_UNAVAILABLE", "the node is still starting");
    return this.#opened;
  }

  get state(): NodeState {
    return this.#state;
  }

  get addresses(): readonly string[] {
    return this.#opened?.links.transport.addresses() ?? [];
  }

  get registry(): Registry {
    return this.#rooms.calls.registry;
  }

  get desk(): TradeDesk {
    return this.#rooms.desk;
  }

  get beckn(): BecknExchange {
    return this.#rooms.beckn;
  }

  get extensions(): NodeExtensions {
    const { extensions, serve } = this.#rooms.links;
    return nodeExtensions(extensions, serve, this.#options.identity.signer);
  }

  get bans(): NodeBans {
    const { bans, bindings } = this.#rooms.links;
    const { signer } = this.#options.identity;
    return operatorBans(bans, (id) => id === this.id || id === signer.agentId || bindings.has(id));
  }

  peers(): readonly NodePeer[] {
    return peersOf(this.#rooms.links);
  }

  async connect(target: string, wait: Wait = { timeoutMs: nodeLimits.reachTimeoutMs }): Promise<string> {
    if (!target.startsWith("/")) checkPeerId(target);
    const link = await this.#rooms.links.supervisor.connect(target, wait);
    return link.peerId;
  }

  async ping(peerId: string, wait: Wait = {}): Promise<number> {
    checkPeerId(peerId);
    return await this.#rooms.links.transport.ping(peerId, wait);
  }

  async find(peerId: string, wait: Wait = {}): Promise<readonly string[]> {
    checkPeerId(peerId);
    return (await this.#rooms.links.transport.findPeer(peerId, wait)).addresses;
  }

  async disconnect(peerId: string): Promise<void> {
    checkPeerId(peerId);
    await this.#rooms.links.supervisor.disconnect(peerId);
  }

  call(address: string, params: JsonValue = {}, wait: NamedWait = {}): Promise<JsonValue> {
    return this.#rooms.calls.router.call(address, params, inName(wait, this.id));
  }

  callAgent(
    ...[target, method, params = {}, wait = {}]: Parameters<AgentNode["callAgent"]>
  ): Promise<JsonValue> {
    return this.#rooms.calls.router.callAgent(target, { method, params }, inName(wait, this.id));
  }

  stream(address: string, params: JsonValue = {}, options: StreamOptions = {}): AsyncIterable<StreamMessage> {
    const { base, version } = this.#options;
    const open: AgentNode["open"] = (to, request, wait) => this.open(to, request, wait);
    return streamCall({ address, params, options }, { clock: base.clock, version, open });
  }

  open(reference: string, opening: OpenRequest, wait: Wait = {}): Promise<AgentChannel> {
    return this.#rooms.calls.router.open(reference, opening, wait);
  }

  async resolve(reference: string, wait: Wait = {}): Promise<string> {
    return (await this.#rooms.calls.anycast.resolve(capabilityIn(reference), wait)).address;
  }

  search(
    intent: SearchIntent,
    options: Wait & { readonly windowMs: number; readonly as?: string | undefined },
  ): AsyncIterable<Offer> {
    const { as, ...rest } = options;
    return this.#rooms.beckn.search(as ?? this.#firstAgent(), intent, rest);
  }

  order(
    offer: Offer,
    { as, ...options }: OrderOptions & { readonly as?: string | undefined } = {},
  ): OfferOrder {
    return this.#rooms.beckn.order(as ?? this.#firstAgent(), offer, options);
  }

  /** @throws AGENT_NOT_FOUND. */
  #firstAgent(): string {
    const [first] = this.#rooms.calls.agents.list();
    if (first !== undefined) return first.name;
    throw new ProtocolError(
      "AGENT_NOT_FOUND",
      "what is said on the market is signed by an agent: none lives here",
    );
  }

  findings(): readonly Finding[] {
    return this.#findings.list();
  }

  snapshot(): NetworkSnapshot {
    return this.#rooms.links.transport.snapshot();
  }

  metrics(): readonly MetricFamily[] {
    return this.#options.base.metrics.collect();
  }

  stop(options: { readonly deadlineMs?: number | undefined } = {}): Promise<void> {
    this.#stopping ??= this.#stop(options.deadlineMs ?? nodeLimits.stopMs);
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Withdraw → refuse new calls → drain → stop agents → close, each within its share of the time. */
  async #stop(deadlineMs: number): Promise<void> {
    const { clock, log } = this.#options.base;
    const endMs = clock.monotonicMs() + Math.min(deadlineMs, nodeLimits.stopMs);
    const leftMs = () => Math.max(0, endMs - clock.monotonicMs() - nodeLimits.closeMs);
    this.#state = "draining";
    const { calls, links } = this.#rooms;
    if (leftMs() > 0) {
      const told = Promise.allSettled([calls.advertiser.withdraw(), links.heartbeats.beat()]);
      await this.#within(told, Math.min(nodeLimits.withdrawMs, leftMs()));
    }
    await calls.agents.stopAll(Math.min(nodeLimits.drainMs, leftMs()));
    this.unwatch();
    const closing = this.#undo?.disposeAsync() ?? Promise.resolve();
    const warn = (error: unknown) => log.warn("node.stop", String(error));
    if (!(await this.#within(closing.catch(warn), nodeLimits.closeMs))) warn("not everything closed in time");
    this.#state = "stopped";
    this.#end.resolve();
  }

  /** True when the work ended in time; it goes on by itself otherwise. */
  async #within(work: Promise<unknown>, limitMs: number): Promise<boolean> {
    const done = new AbortController();
    const limit = this.#options.base.clock.sleep(limitMs, done.signal).then(
      () => false,
      () => true,
    );
    const outcome = await Promise.race([work.then(() => true), limit]);
    done.abort();
    return outcome;
  }

  #observed({ links, calls, desk }: Rooms): Observed {
    const { base } = this.#options;
    return {
      clock: base.clock,
      market: base.market,
      startedMs: this.#startedMs,
      profile: base.choice.profile,
      transport: links.transport,
      supervisor: links.supervisor,
      agents: () => calls.agents.list(),
      desk,
      clockOffsetMs: () => links.heartbeats.clockOffsetMs(),
      strangers: () => links.strangers.recent(),
      ...observedKeys(links),
      diskError: () => this.#diskError?.message,
      around: base.observe,
    };
  }

  #measured({ desk, beckn }: Rooms): Omit<MeasuredNode, keyof Observed> {
    return {
      metrics: this.#options.base.metrics,
      version: this.#options.version,
      openOrders: () => desk.pending().orders,
      beckn,
      findings: () => this.findings(),
    };
  }

  /** Findings are looked for even when nobody asks: some are seen only while they happen. */
  #lookAgain(): void {
    const timer = this.#options.base.clock.timer(LOOK_MS, () => {
      this.findings();
      this.#lookAgain();
    });
    this.#look?.[Symbol.dispose]();
    this.#look = timer;
  }

  #logFinding({ finding, raised }: FindingChange): void {
    const { code, severity, text, fix } = finding;
    const { log } = this.#options.base;
    if (!raised) log.info("health.cleared", code, { code });
    else log[severity === "info" ? "info" : "warn"]("health.raised", `${code} ${text}. → ${fix}`, { code });
  }
}

/** @throws ADDRESS_INVALID. */
function capabilityIn(reference: string): string {
  const address = parseAddress(`${reference}/ping`);
  if (address.kind === "capability") return address.capability;
  throw new ProtocolError("ADDRESS_INVALID", `"${reference.slice(0, 80)}" is no cap:<capability>`);
}

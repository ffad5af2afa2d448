/** What a run is doing, read from its daemons: the search mesh, the registry, the books, the counters. */

import { type BookSnapshot, type JsonValue, type OrderSummary, slotId } from "@gridmesh/protocol";
import type { MetricsView } from "../control/types.ts";
import type { Child } from "./child.ts";
import type { Fleet, FleetAgent } from "./fleet.ts";
import type { TestnetPlan } from "./plan.ts";
import { Witness } from "./witness.ts";

export interface Readiness {
  readonly ready: boolean;
  readonly inMesh: number;
  readonly agentsFound: number;
  /** The first node that is not there yet, and what it lacks. */
  readonly lacking: { readonly node: string; readonly what: string } | undefined;
  readonly minPeers: number;
}

/** Every node in the mesh of the search topic, and knowing every trading agent. */
export async function readiness(fleet: Fleet): Promise<Readiness> {
  const topic = `gridmesh/${fleet.network}/search/energy`;
  const wanted = fleet.tradingAgents.map((agent) => agent.name);
  const states = await Promise.all(
    fleet.children.map(async (child) => {
      try {
        const [metrics, rows] = await Promise.all([child.control.metrics(), child.control.registry()]);
        const known = new Set(rows.map((row) => row.name));
        const missing = wanted.filter((name) => !known.has(name));
        const meshPeers = metrics.topics.find((one) => one.topic === topic)?.meshPeers ?? 0;
        return { child, meshPeers, missing, links: metrics.links };
      } catch {
        return { child, meshPeers: 0, missing: wanted, links: 0 };
      }
    }),
  );
  const inMesh = states.filter((state) => state.meshPeers > 0).length;
  const agentsFound = wanted.length - Math.max(0, ...states.map((state) => state.missing.length));
  const late = states.find((state) => state.meshPeers === 0 || state.missing.length > 0);
  const what =
    late?.meshPeers === 0
      ? "has no peer in the search mesh"
      : `does not know ${late?.missing.join(", ") ?? ""}`;
  return {
    ready: late === undefined,
    inMesh,
    agentsFound,
    lacking: late === undefined ? undefined : { node: late.child.name, what },
    minPeers: Math.min(...states.map((state) => state.links)),
  };
}

/** Sums of counters that survive the restart of a child: each life is added to the ones before. */
export class Counters {
  readonly #before = new Map<string, number>();
  readonly #last = new Map<string, number>();

  /** Takes the newest readings; one lower than before means a new life. */
  take(child: string, readings: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(readings)) {
      const key = `${child} ${name}`;
      const last = this.#last.get(key) ?? 0;
      if (value < last) this.#before.set(key, (this.#before.get(key) ?? 0) + last);
      this.#last.set(key, value);
    }
  }

  total(name: string): number {
    let sum = 0;
    for (const store of [this.#before, this.#last]) {
      for (const [key, value] of store) if (key.endsWith(` ${name}`)) sum += value;
    }
    return sum;
  }
}

export interface CycleFigures {
  readonly searches: number;
  readonly offers: number;
  readonly trades: number;
  readonly tradedMilliWh: number;
  readonly volumeMicro: number;
  /** Least and most of those with a battery, percent; null without one. */
  readonly soc: readonly [number, number] | null;
}

const BOUGHT = new Set<OrderSummary["state"]>(["COMMITTED", "PAID", "CLOSED"]);

/** Watches a run cycle by cycle. */
export class Observer {
  readonly counters = new Counters();
  readonly witness = new Witness();
  peakRssBytes = 0;
  rss: ReadonlyMap<Child, number> = new Map();
  peers: ReadonlyMap<Child, number> = new Map();
  readonly #fleet: Fleet;
  readonly #plan: TestnetPlan;
  #searches = 0;
  #offers = 0;

  constructor(fleet: Fleet, plan: TestnetPlan) {
    this.#fleet = fleet;
    this.#plan = plan;
  }

  async count(): Promise<void> {
    const metrics = await this.#fleet.ask(this.#fleet.children, (control) => control.metrics());
    for (const [child, view] of metrics) this.#take(child, view);
    const sum = [...metrics.values()].reduce((total, view) => total + view.rssBytes, 0);
    this.peakRssBytes = Math.max(this.peakRssBytes, sum);
    const newest = (of: (view: MetricsView) => number) =>
      [...metrics].map(([child, view]): [Child, number] => [child, of(view)]);
    this.rss = new Map([...this.rss, ...newest((view) => view.rssBytes)]);
    this.peers = new Map([...this.peers, ...newest((view) => view.links)]);
  }

  #take(child: Child, view: MetricsView): void {
    this.counters.take(child.name, view.beckn);
  }

  /** Books of everybody who trades, by name. */
  async books(): Promise<readonly BookSnapshot[]> {
    const views = await this.#fleet.ask(this.#fleet.traders, (control) => control.books());
    const books = [...views.values()].flat().sort((a, b) => (a.name < b.name ? -1 : 1));
    this.witness.see(books);
    return books;
  }

  /** Figures of the cycle that begins at this market time. */
  async cycle(startMs: number): Promise<CycleFigures> {
    const [books, soc] = await Promise.all([this.books(), this.statesOfCharge(), this.count()]);
    const slot = slotId({
      area: this.#plan.area,
      startS: startMs / 1_000,
      durationS: this.#plan.cycleMs / 1_000,
    });
    const orders = books
      .flatMap((book) => book.orders)
      .filter((order) => order.role === "buyer" && order.slotId === slot && BOUGHT.has(order.state));
    const [searches, offers] = [
      this.counters.total("searchesPublished"),
      this.counters.total("offersReceived"),
    ];
    const figures = {
      searches: searches - this.#searches,
      offers: offers - this.#offers,
      trades: orders.length,
      tradedMilliWh: orders.reduce((sum, order) => sum + order.quantityMilliWh, 0),
      volumeMicro: orders.reduce((sum, order) => sum + order.amountMicro, 0),
      soc: spread(soc),
    };
    [this.#searches, this.#offers] = [searches, offers];
    return figures;
  }

  /** Percent by household; null for one without battery, absent for one that does not answer. */
  async statesOfCharge(): Promise<ReadonlyMap<string, number | null>> {
    const found = new Map<string, number | null>();
    await Promise.all(
      this.#fleet.agentsOf("household").map(async (agent) => {
        const profile = await profileOf(agent);
        if (profile === undefined) return;
        const empty = profile["capacityMilliWh"] === 0;
        found.set(agent.name, empty ? null : Number(profile["stateOfChargePermille"]) / 10);
      }),
    );
    return found;
  }
}

function spread(soc: ReadonlyMap<string, number | null>): readonly [number, number] | null {
  const levels = [...soc.values()].filter((level) => level !== null);
  return levels.length === 0 ? null : [Math.min(...levels), Math.max(...levels)];
}

/** What a household says of itself; undefined when it does not answer. */
export async function profileOf(
  agent: FleetAgent,
): Promise<{ readonly [key: string]: JsonValue } | undefined> {
  try {
    const answer = await agent.child.control.call(`local:${agent.name}/tools/call`, {
      name: "energy-trading-actions",
      arguments: { op: "profile" },
    });
    return (answer as { structuredContent?: { [key: string]: JsonValue } }).structuredContent;
  } catch {
    return undefined;
  }
}

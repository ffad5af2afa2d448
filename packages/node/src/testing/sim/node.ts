/** A node of the simulation: a real desk over a journal on a disk that forgets, with lives that end at any moment. */

import { isProtocolError, ProtocolError, type VerifyEngine } from "@gridmesh/protocol";
import type { Log } from "../../log.ts";
import { marketClock } from "../../market-clock.ts";
import { memoryDisk, type MemoryDisk, openTradeDesk } from "../../trade/index.ts";
import type { TradeDesk } from "../../trade/types.ts";
import type { SeededBug } from "./bugs/bug.ts";
import { Life } from "./life.ts";
import { type Letter, receivedOf, type SimNet } from "./net.ts";
import { CALM_AT_MS } from "./plan.ts";
import type { SimIdentity } from "./tags.ts";
import type { World } from "./world.ts";

export const NETWORK = "simulation";
/** More than any seed spends and holds. */
const FUNDS_MICRO = 1_000_000_000;
const STORED_MILLI_WH = 3_000_000;
const CAPACITY_MILLI_WH = 1_000_000_000;
const PLENTY = { maxOrderMicro: 10 ** 12, spendPerHourMicro: 10 ** 13, maxOpenOrders: 1_000 };
const DISPUTE_MS = 20_000;
/** Ends when everything is settled. */
const STATEMENT_MS = 240_000;
const DOWN_MS = [50, 3_000] as const;
const STALL_TIMES = 30;
const FULL_DISK_BYTES = 100 * 1024 * 1024;

/** What a node tells those who trade on it. */
interface NodeUse {
  /** The desk is open, at the first start and after each crash. */
  ready(node: SimNode): void;
  order(node: SimNode, letter: Letter): void;
  decision(node: SimNode, letter: Letter): void;
  event: Parameters<TradeDesk["onEvent"]>[0];
}

export interface NodeParts {
  readonly world: World;
  readonly net: SimNet;
  readonly nodes: readonly SimNode[];
  readonly identity: SimIdentity;
  readonly engine: VerifyEngine;
  readonly use: NodeUse;
  readonly bug: SeededBug | undefined;
}

export class SimNode {
  readonly index: number;
  readonly agentId: string;
  readonly peerId: string;
  readonly parts: NodeParts;
  readonly skewMs: number;
  life: Life;
  disk: MemoryDisk;
  /** The desk is open and takes messages. */
  isUp = false;
  /** Records known to be booked when the last life ended. */
  #lastSeq = 0;

  constructor(index: number, parts: NodeParts) {
    this.index = index;
    this.parts = parts;
    this.agentId = parts.identity.signer.agentId;
    this.peerId = parts.identity.peerId;
    const { chance, plan } = parts.world;
    this.skewMs = Math.round((chance.next() * 2 - 1) * plan.skewMs);
    this.disk = memoryDisk();
    this.life = new Life(parts.world, this.skewMs);
  }

  wallMs(): number {
    return this.life.clock.nowMs();
  }

  /** The open desk; undefined while the node is down. */
  get desk(): TradeDesk | undefined {
    return this.isUp ? this.life.desk : undefined;
  }

  start(): void {
    const { world } = this.parts;
    const life = new Life(world, this.skewMs);
    this.life = life;
    this.#hurt(life);
    this.#open(life).catch((error: unknown) => {
      if (!life.alive) return;
      if (isProtocolError(error) && error.code === "DISK_FAILED") return this.crash();
      world.fail("BOOT", `node ${this.index}: ${String(error)}`);
    });
  }

  async #open(life: Life): Promise<void> {
    const { world, identity, use, bug } = this.parts;
    const desk = await openTradeDesk(
      {
        disk: bug?.disk?.(this.disk, this) ?? this.disk,
        network: NETWORK,
        peerId: this.peerId,
        exchange: this.parts.net.exchangeOf(this),
        engine: bug?.engine ?? this.parts.engine,
        clock: life.clock,
        random: world.chance,
        market: marketClock(life.clock),
        log: this.#log(life),
        clockOffsetMs: () => this.skewMs,
        disputeMs: DISPUTE_MS,
        statementMs: STATEMENT_MS,
        snapshotEvery: world.plan.snapshotEvery,
        onFatal: () => {
          world.counts.diskErrors += 1;
          if (life.alive) this.crash();
        },
        onLink: (fn) => {
          life.linked = fn;
          return { [Symbol.dispose]() {} };
        },
      },
      {
        parts: (context) => {
          life.context = context;
          return bug?.parts?.(context, this) ?? {};
        },
        ...(bug?.apply === undefined ? {} : { apply: bug.apply }),
      },
    );
    if (!life.alive) return;
    life.desk = desk;
    desk.setCourier({ resend: async (terms, order) => this.sendOrder({ terms, order }) });
    desk.onEvent((event) => {
      if (life.alive) use.event(event);
    });
    const recovered = life.context?.state.lastSeq ?? 0;
    world.counts.lostRecords += Math.max(0, this.#lastSeq - recovered);
    await desk.open({
      signer: identity.signer,
      name: `node ${this.index}`,
      moneyMicro: FUNDS_MICRO,
      energyMilliWh: STORED_MILLI_WH,
      capacityMilliWh: CAPACITY_MILLI_WH,
      policy: PLENTY,
    });
    if (!life.alive) return;
    this.isUp = true;
    use.ready(this);
  }

  /** The disk of this life: slow, failing, and a place where power is lost. */
  #hurt(life: Life): void {
    const { world } = this.parts;
    const { chance, plan } = world;
    this.disk.faults.beforeSync = (name) => {
      if (!life.alive) return new Promise<void>(() => {});
      const isCalm = world.nowMs >= CALM_AT_MS;
      if (!isCalm && chance.hits(plan.diskError)) throw new Error("EIO");
      const ms = chance.next() * plan.syncMs * (chance.hits(plan.stall) ? STALL_TIMES : 1);
      if (!isCalm && chance.hits(plan.crashInSync)) {
        this.#crashWithin(life, Math.max(ms, plan.syncMs) * 1.5);
      }
      if (name.endsWith(".snap.tmp")) {
        world.counts.snapshots += 1;
        if (!isCalm && chance.hits(plan.crashAtSnapshot)) this.#crashWithin(life, 4 * Math.max(ms, 1));
      }
      return new Promise<void>((resolve) => {
        world.after(ms, () => {
          if (life.alive) resolve();
        });
      });
    };
  }

  #crashWithin(life: Life, ms: number): void {
    const { world } = this.parts;
    world.after(world.chance.next() * ms, () => {
      if (life.alive) this.crash();
    });
  }

  /** Room on the disk runs out for a while: no new orders meanwhile. */
  fillDisk(forMs: number): void {
    const { disk } = this;
    disk.faults.freeBytes = FULL_DISK_BYTES;
    this.parts.world.after(forMs, () => {
      disk.faults.freeBytes = undefined;
    });
  }

  /** The power goes: what was not synced is there in part, or not at all. */
  crash(): void {
    const { world } = this.parts;
    world.counts.crashes += 1;
    this.#end();
  }

  /** An ordered stop; a crash may still come while it syncs. */
  stop(): void {
    const { life } = this;
    const { world } = this.parts;
    if (!this.isUp || life.desk === undefined) return;
    this.isUp = false;
    world.counts.stops += 1;
    life.desk.stop().then(
      () => {
        if (life.alive) this.#end();
      },
      () => {
        if (life.alive) this.crash();
      },
    );
  }

  #end(): void {
    const { world, bug } = this.parts;
    this.isUp = false;
    this.life.alive = false;
    this.#lastSeq = this.life.context?.state.lastSeq ?? this.#lastSeq;
    const { chance } = world;
    const before = this.disk;
    const left = chance.hits(0.2) ? before.afterKill() : before.afterPowerLoss(chance);
    this.disk = left;
    void bug?.image?.(left, before).then((found) => {
      this.disk = found;
    });
    world.after(chance.from(...DOWN_MS), () => this.start());
  }

  /** What came in: through the gate, to whoever asked, or to whom it concerns. */
  take(arrived: Letter): void {
    const { life } = this;
    const { world, net, nodes, use, bug } = this.parts;
    if (world.plan.gate) {
      const key = `${arrived.signerId} ${arrived.id}`;
      if (life.seen.has(key)) return;
      life.seen.add(key);
    }
    const letter = bug?.incoming?.(arrived, this) ?? arrived;
    if (letter.inReplyTo !== undefined) {
      const { error_code: code } = letter.body;
      const answer =
        typeof code === "string"
          ? new ProtocolError(code as ProtocolError["code"], "as told")
          : receivedOf(letter, nodes);
      life.waiting.get(letter.inReplyTo)?.(answer);
    } else if (letter.type === "order") use.order(this, letter);
    else if (letter.type === "decision") use.decision(this, letter);
    else void net.answer(this, letter);
  }

  sendOrder(carried: Pick<OrderLetter, "terms" | "order">): void {
    const { nodes, net, bug } = this.parts;
    if (!this.isUp) return;
    const { terms, order } = bug?.resend?.(carried, this) ?? carried;
    const to = nodes.findIndex((node) => node.peerId === terms.sellerPeerId);
    net.send(this, to, { type: "order", body: { type: "order", recipient_id: terms.seller, terms, order } });
  }

  #log(life: Life): Log {
    const { world } = this.parts;
    const log: Log = {
      error: (event, message) => {
        if (life.alive && event !== "journal.failed") {
          world.fail("ERROR", `node ${this.index} ${event}: ${message}`);
        }
      },
      warn: (event) => {
        if (event === "journal.torn") world.counts.tornFrames += 1;
      },
      info() {},
      debug() {},
      child: () => log,
    };
    return log;
  }
}

/** What carries an order to its seller. */
export interface OrderLetter {
  readonly terms: Parameters<TradeDesk["hold"]>[0];
  readonly order: Parameters<TradeDesk["hold"]>[1];
}

/** The network of a simulation: it loses, doubles, delays, cuts and repeats, and knows who really spoke. */

import { isProtocolError, ProtocolError } from "@gridmesh/protocol";
import type { Link } from "../../network/transport.ts";
import type { Draft, Received, SignedExchange } from "../../signed-exchange.ts";
import type { SimNode } from "./node.ts";
import { CALM_AT_MS } from "./plan.ts";
import type { World } from "./world.ts";

/** Of all messages, one in fifty is held up fifty times as long: it arrives after what was said later. */
const LATE_SHARE = 0.02;
const LATE_TIMES = 50;
const REPLAY_WITHIN_MS = 9_000;
const ANSWER_WITHIN_MS = 5_000;

/** One message on its way; `signerId` is the key it is authenticated by. */
export interface Letter {
  readonly from: number;
  readonly to: number;
  readonly signerId: string;
  readonly type: string;
  readonly body: Draft;
  readonly id: string;
  readonly inReplyTo?: string | undefined;
  /** Unix seconds by the sender's clock. */
  readonly timestamp: number;
}

export class SimNet {
  readonly #world: World;
  readonly #nodes: SimNode[];
  /** Side of each node; a message passes between nodes of one side. */
  #sides: readonly number[] | undefined;
  #oneWay = false;
  #numbers = 0;

  constructor(world: World, nodes: SimNode[]) {
    this.#world = world;
    this.#nodes = nodes;
  }

  cut(): void {
    const { chance, counts, plan } = this.#world;
    counts.partitions += 1;
    this.#sides = this.#nodes.map(() => chance.below(2));
    this.#oneWay = plan.oneWay && chance.hits(0.5);
  }

  heal(): void {
    this.#sides = undefined;
  }

  passes(from: number, to: number): boolean {
    const sides = this.#sides;
    if (sides === undefined || sides[from] === sides[to]) return true;
    return this.#oneWay && sides[from] === 0;
  }

  /** A fresh message of this node, signed by its agent. */
  send(from: SimNode, to: number, message: Pick<Letter, "type" | "body" | "inReplyTo">): string {
    const id = `m${(this.#numbers += 1)}`;
    const timestamp = Math.floor(from.wallMs() / 1000);
    this.post({ ...message, from: from.index, to, signerId: from.agentId, id, timestamp });
    return id;
  }

  post(letter: Letter): void {
    const world = this.#world;
    const { chance, plan, counts } = world;
    const calm = world.nowMs >= CALM_AT_MS;
    counts.messages += 1;
    const copies = !calm && chance.hits(plan.duplication) ? chance.from(2, 3) : 1;
    if (copies > 1) counts.duplicated += 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (!calm && chance.hits(plan.loss)) {
        counts.dropped += 1;
        continue;
      }
      const late = chance.hits(LATE_SHARE) ? LATE_TIMES : 1;
      world.after(1 + chance.next() * chance.next() * plan.delayMs * late, () => this.#arrive(letter));
    }
    if (!calm && chance.hits(plan.replay)) {
      counts.replayed += 1;
      world.after(1 + chance.next() * REPLAY_WITHIN_MS, () => this.#arrive(letter));
    }
  }

  #arrive(letter: Letter): void {
    const node = this.#nodes[letter.to];
    if (node === undefined || !node.isUp || !this.passes(letter.from, letter.to)) {
      this.#world.counts.dropped += 1;
      return;
    }
    node.take(letter);
  }

  /** The seam a desk speaks through, for one life of a node. */
  exchangeOf(node: SimNode): SignedExchange {
    const { life } = node;
    const indexOf = (peerId: string) => this.#nodes.findIndex((other) => other.peerId === peerId);
    return {
      handle(_protocol, type, on) {
        life.handlers.set(type, on);
        return { [Symbol.dispose]: () => void life.handlers.delete(type) };
      },
      request: (...[peerId, _protocol, body, { timeoutMs = ANSWER_WITHIN_MS }]) => {
        const { promise, resolve, reject } = Promise.withResolvers<Received>();
        if (!life.alive) return promise;
        const id = this.send(node, indexOf(peerId), { type: body.type, body });
        const timer = life.clock.timer(timeoutMs, () => {
          life.waiting.delete(id);
          reject(new ProtocolError("CALL_TIMEOUT", "no answer"));
        });
        life.waiting.set(id, (answer) => {
          life.waiting.delete(id);
          timer[Symbol.dispose]();
          if (answer instanceof ProtocolError) reject(answer);
          else resolve(answer);
        });
        return promise;
      },
      tell: async (...[peerId, _protocol, body]) => {
        if (life.alive) this.send(node, indexOf(peerId), { type: body.type, body });
      },
    };
  }

  /** What comes to a desk's handler goes back as its answer, or as the error it threw. */
  async answer(node: SimNode, letter: Letter): Promise<void> {
    const { life } = node;
    const on = life.handlers.get(letter.type);
    if (on === undefined) return;
    try {
      const reply = await on(receivedOf(letter, this.#nodes));
      if (reply === undefined || !life.alive) return;
      const { draft } = reply;
      this.send(node, letter.from, { type: draft.type, body: draft, inReplyTo: letter.id });
    } catch (error) {
      if (!isProtocolError(error)) return this.#world.fail("ERROR", `${letter.type}: ${String(error)}`);
      if (!life.alive) return;
      const body = { type: "error_response", recipient_id: letter.signerId, error_code: error.code };
      this.send(node, letter.from, { type: body.type, body, inReplyTo: letter.id });
    }
  }
}

export function receivedOf(letter: Letter, nodes: readonly SimNode[]): Received {
  const { body, type, id, signerId, timestamp, from } = letter;
  const peerId = nodes[from]?.peerId ?? "";
  const message = { ...body, nonce: id, timestamp };
  return { type, message, body: message, messageId: id, signerId, from: linkTo(peerId) };
}

function linkTo(peerId: string): Link {
  return { peerId, address: "", inbound: true, relayed: false, openedAtMs: 0, lastByteMs: 0 };
}

/** The places of the cache: how many records there may be, of whom, and who makes way for whom. */

import { ProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import type { Entry } from "./cache.ts";

export interface RecordRoomOptions {
  readonly onAdd: (entry: Entry) => void;
  readonly onRemove: (entry: Entry) => void;
  /** Need nobody remember it any more? */
  readonly isOver: (entry: Entry, nowMs: number) => boolean;
}

/** What is over is looked for this often, and in a full room at most this often. */
const SWEEP_MS = 60_000;
const SWEEP_APART_MS = 1_000;

export class RecordRoom {
  readonly entries = new Map<string, Entry>();
  /** Those no node told itself, oldest first. */
  readonly hearsay = new Map<string, Entry>();
  readonly #options: RecordRoomOptions;
  readonly #nodes = new Map<string, Set<Entry>>();
  #bytes = 0;
  #hearsayBytes = 0;
  #sweptMs = -Infinity;

  constructor(options: RecordRoomOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  ofNode(nodeId: string): ReadonlySet<Entry> {
    return this.#nodes.get(nodeId) ?? new Set();
  }

  /** Puts an entry in the place of the agent's former one. @throws REGISTRY_FULL, and everything is as before. */
  put(entry: Entry, nowMs: number): void {
    this.#sweep(nowMs, SWEEP_MS);
    const former = this.entries.get(entry.agentId);
    if (former !== undefined) this.remove(entry.agentId);
    try {
      this.#makeRoom(entry, nowMs);
    } catch (error) {
      if (former !== undefined) this.#add(former);
      throw error;
    }
    this.#add(entry);
  }

  remove(agentId: string): void {
    const entry = this.entries.get(agentId);
    if (entry === undefined) return;
    this.entries.delete(agentId);
    const { nodeId } = entry.record;
    const ofNode = this.#nodes.get(nodeId);
    ofNode?.delete(entry);
    if (ofNode?.size === 0) this.#nodes.delete(nodeId);
    this.#bytes -= entry.bytes;
    if (this.hearsay.delete(agentId)) this.#hearsayBytes -= entry.bytes;
    this.#options.onRemove(entry);
  }

  #add(entry: Entry): void {
    const { agentId, record, confirmed, bytes } = entry;
    this.entries.set(agentId, entry);
    const ofNode = this.#nodes.get(record.nodeId) ?? new Set();
    this.#nodes.set(record.nodeId, ofNode.add(entry));
    this.#bytes += bytes;
    if (!confirmed) {
      this.hearsay.set(agentId, entry);
      this.#hearsayBytes += bytes;
    }
    this.#options.onAdd(entry);
  }

  /** @throws REGISTRY_FULL. */
  #makeRoom(entry: Entry, nowMs: number): void {
    this.#makeRoomOfNode(entry, nowMs);
    if (!entry.confirmed) {
      if (this.#hearsayFits(entry) && this.#fits(entry)) return;
      this.#sweep(nowMs, SWEEP_APART_MS);
      if (!this.#hearsayFits(entry) || !this.#fits(entry)) throw full("the registry has no room for hearsay");
      return;
    }
    if (this.#fits(entry)) return;
    this.#sweep(nowMs, SWEEP_APART_MS);
    for (const agentId of this.hearsay.keys()) {
      if (this.#fits(entry)) return;
      this.remove(agentId);
    }
    if (!this.#fits(entry)) throw full("the registry is full");
  }

  /** What others say of a node takes no place of what it says itself. */
  #makeRoomOfNode(entry: Entry, nowMs: number): void {
    const { nodeId } = entry.record;
    if (this.ofNode(nodeId).size < nodeLimits.recordsPerNode) return;
    const alike = [...this.ofNode(nodeId)].filter((one) => one.confirmed === entry.confirmed);
    if (alike.length < nodeLimits.recordsPerNode) return;
    const over = alike.find((one) => this.#options.isOver(one, nowMs));
    if (over === undefined) throw full(`${nodeId} has ${alike.length} records here`);
    this.remove(over.agentId);
  }

  #fits(entry: Entry): boolean {
    return this.entries.size < nodeLimits.records && this.#bytes + entry.bytes <= nodeLimits.recordsBytes;
  }

  #hearsayFits(entry: Entry): boolean {
    return (
      this.hearsay.size < nodeLimits.recordsHearsay &&
      this.#hearsayBytes + entry.bytes <= nodeLimits.recordsHearsayBytes
    );
  }

  #sweep(nowMs: number, apartMs: number): void {
    // Wall time may be set back.
    if (Math.abs(nowMs - this.#sweptMs) < apartMs) return;
    this.#sweptMs = nowMs;
    for (const [agentId, entry] of this.entries) if (this.#options.isOver(entry, nowMs)) this.remove(agentId);
  }
}

function full(why: string): ProtocolError {
  return new ProtocolError("REGISTRY_FULL", why);
}

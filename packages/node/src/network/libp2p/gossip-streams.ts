import type { Stream } from "@libp2p/interface";
import { sparingWindow } from "./window-updates.ts";

/** More than this does not wait for the end of the turn. */
const MAX_WAITING_BYTES = 64 * 1024;

/** Bytes, in one piece or a list of them. */
interface Pieces {
  subarray(): Uint8Array;
}

/** What this file knows of the library's streams; where one is of another shape, nothing is changed. */
export interface GossipStream {
  readonly rawStream?: Stream;
  pushPrefixed?: (bytes: Pieces) => void;
  close?: (options?: unknown) => Promise<void>;
}

interface GossipStreams {
  streamsOutbound: Map<string, unknown>;
  streamsInbound: Map<string, unknown>;
}

/**
 * Gossip's streams at less cost: what is said to a peer in one turn of the event loop leaves as one frame, one cipher
 * message and one write, and windows are given back by halves. Returns those over which we speak.
 */
export function thriftyStreams(service: object, turn: Turn): SpeakingStreams {
  const inside = service as GossipStreams;
  const speaking = new SpeakingStreams((stream) => together(stream, turn));
  inside.streamsOutbound = speaking;
  inside.streamsInbound = new Watched(({ rawStream }) => rawStream && sparingWindow(rawStream));
  return speaking;
}

/** What is put off until all that has arrived in this turn of the event loop was read. */
export class Turn {
  #ends: (() => void)[] = [];
  #afterwards: (() => void)[] = [];
  #open = false;

  end(act: () => void): void {
    this.#ends.push(act);
    this.#begin();
  }

  /** After everything that ends the turn. */
  afterwards(act: () => void): void {
    this.#afterwards.push(act);
    this.#begin();
  }

  #begin(): void {
    if (this.#open) return;
    this.#open = true;
    setImmediate(() => {
      try {
        for (const act of this.#ends.splice(0)) act();
        for (const act of this.#afterwards.splice(0)) act();
      } finally {
        this.#open = false;
      }
    });
  }
}

/** Streams by peer, each seen once as it comes. */
class Watched extends Map<string, unknown> {
  readonly #onStream: (stream: GossipStream) => void;

  constructor(onStream: (stream: GossipStream) => void) {
    super();
    this.#onStream = onStream;
  }

  override set(peerId: string, stream: unknown): this {
    if (typeof stream === "object" && stream !== null) this.#onStream(stream);
    return super.set(peerId, stream);
  }
}

/** The streams over which we speak; one may be moved to another connection without a word being lost. */
export class SpeakingStreams extends Watched {
  /** Told of each peer that has none any more. */
  onGone: (peerId: string) => void = () => undefined;
  /** Told of each that a newer one replaces. */
  onReplaced: (stream: GossipStream) => void = () => undefined;
  readonly #moving = new Set<string>();

  /** The library opens none where there is one: to it there is none while the next one is opened. */
  override has(peerId: string): boolean {
    return super.has(peerId) && !this.#moving.has(peerId);
  }

  override set(peerId: string, stream: unknown): this {
    const older = this.get(peerId) as GossipStream | undefined;
    this.#moving.delete(peerId);
    super.set(peerId, stream);
    if (older !== undefined && older !== stream) {
      this.onReplaced(older);
      void older.close?.();
    }
    return this;
  }

  override delete(peerId: string): boolean {
    this.#moving.delete(peerId);
    if (!super.delete(peerId)) return false;
    this.onGone(peerId);
    return true;
  }

  /** The stream of now is used until another is set. */
  letMove(peerId: string): void {
    if (super.has(peerId)) this.#moving.add(peerId);
  }

  stay(peerId: string): void {
    this.#moving.delete(peerId);
  }

  rawOf(peerId: string): Stream | undefined {
    return (this.get(peerId) as GossipStream | undefined)?.rawStream;
  }
}

function together(stream: GossipStream, turn: Turn): void {
  const { rawStream, pushPrefixed, close } = stream;
  if (rawStream === undefined || pushPrefixed === undefined) return;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  const flush = () => {
    const pieces = waiting;
    if (pieces.length === 0) return;
    const bytes = Buffer.concat(pieces, waitingBytes);
    waiting = [];
    waitingBytes = 0;
    try {
      pushPrefixed.call(stream, bytes);
    } catch {
      // It closed in this turn; whoever opens the next one is told anew.
    }
  };
  stream.pushPrefixed = (given) => {
    // A closed one says so at once.
    if (rawStream.writeStatus !== "writable") return pushPrefixed.call(stream, given);
    if (waiting.length === 0) turn.afterwards(flush);
    const bytes = given.subarray();
    waiting.push(bytes);
    waitingBytes += bytes.length;
    if (waitingBytes > MAX_WAITING_BYTES) flush();
  };
  if (close === undefined) return;
  stream.close = async (options) => {
    flush();
    await close.call(stream, options);
  };
}

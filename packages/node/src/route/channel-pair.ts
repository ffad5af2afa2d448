/** Two ends of a channel within one process. */

import { ProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import type { AgentChannel, Era } from "./channel.ts";

export interface ChannelPairOptions {
  readonly era: Era;
  readonly versions: readonly string[];
}

/** What one end sends, the other reads, in order; each line has the size limit of a line on the wire. */
export function channelPair(options: ChannelPairOptions): readonly [near: AgentChannel, far: AgentChannel] {
  const out = new LineQueue();
  const back = new LineQueue();
  return [new PairEnd(options, out, back), new PairEnd(options, back, out)];
}

class PairEnd implements AgentChannel {
  readonly era: Era;
  readonly versions: readonly string[];
  readonly lines: AsyncIterable<string>;
  readonly closed: Promise<Error | undefined>;
  readonly #out: LineQueue;
  readonly #in: LineQueue;

  constructor({ era, versions }: ChannelPairOptions, out: LineQueue, incoming: LineQueue) {
    this.era = era;
    this.versions = versions;
    this.lines = incoming;
    this.#out = out;
    this.#in = incoming;
    this.closed = Promise.all([out.ended, incoming.ended]).then(([a, b]) => a ?? b);
  }

  send(line: string): void {
    this.#out.push(line);
  }

  calm(): Promise<void> {
    return this.#out.calm();
  }

  end(): void {
    this.#out.end(undefined);
  }

  reset(reason: string): void {
    const error = new ProtocolError("STREAM_RESET", reason);
    this.#out.end(error);
    this.#in.end(error);
  }
}

/** Characters that may wait unread; above them the sender is asked to wait, at four times as many it is refused. */
const CALM_CHARS = 64 * 1024;
const MOST_CHARS = 4 * nodeLimits.rpcLineBytes;

class LineQueue implements AsyncIterable<string> {
  readonly ended: Promise<Error | undefined>;
  readonly #lines: string[] = [];
  readonly #settle: (error: Error | undefined) => void;
  #chars = 0;
  #over = false;
  #error: Error | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeSenders: (() => void)[] = [];

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.ended = promise;
    this.#settle = resolve;
  }

  push(line: string): void {
    if (this.#over) throw this.#error ?? new ProtocolError("STREAM_RESET", "the channel has ended");
    if (line.length > nodeLimits.rpcLineBytes || Buffer.byteLength(line) > nodeLimits.rpcLineBytes) {
      throw new ProtocolError("FRAME_TOO_LARGE", "the line is over the limit");
    }
    if (this.#chars > MOST_CHARS) throw new ProtocolError("QUEUE_FULL", "the other end reads too slowly");
    this.#lines.push(line);
    this.#chars += line.length;
    this.#wakeReader?.();
  }

  calm(): Promise<void> {
    if (this.#over && this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#over || this.#chars <= CALM_CHARS) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#wakeSenders.push(() => (this.#error === undefined ? resolve() : reject(this.#error)));
    });
  }

  end(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    // Who broke off hears no more; who said its last was heard whole.
    if (error !== undefined) this.#lines.length = 0;
    this.#settle(error);
    this.#wakeReader?.();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) {
        this.#chars -= line.length;
        if (this.#chars <= CALM_CHARS) this.#wake();
        yield line;
        continue;
      }
      if (this.#over) {
        if (this.#error !== undefined) throw this.#error;
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
      this.#wakeReader = undefined;
    }
  }

  #wake(): void {
    for (const wake of this.#wakeSenders.splice(0)) wake();
  }
}

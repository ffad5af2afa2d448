/** A stream of lines as a channel. */

import { ProtocolError, toProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import type { AgentChannel, Era } from "./channel.ts";

export interface StreamFacts {
  readonly era: Era;
  readonly versions: readonly string[];
}

/** The rest of a stream, its opening line and the answer being through. */
export function streamChannel(stream: BoundedStream, facts: StreamFacts): AgentChannel {
  return new StreamChannel(stream, facts);
}

const NEWLINE = 0x0a;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class StreamChannel implements AgentChannel {
  readonly era: Era;
  readonly versions: readonly string[];
  readonly lines: AsyncIterable<string>;
  readonly closed: Promise<Error | undefined>;
  readonly #stream: BoundedStream;
  #ended = false;
  #heardAll = false;

  constructor(stream: BoundedStream, { era, versions }: StreamFacts) {
    this.#stream = stream;
    this.era = era;
    this.versions = versions;
    this.lines = this.#read();
    this.closed = stream.closed;
  }

  send(line: string): void {
    if (this.#ended) throw new ProtocolError("STREAM_RESET", "the channel has ended");
    if (isOverLimit(line)) throw new ProtocolError("FRAME_TOO_LARGE", "the line is over the limit");
    this.#stream.post(`${line}\n`);
  }

  calm(): Promise<void> {
    return this.#stream.calm();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#heardAll) return this.#close();
    this.#stream.closeWrite().catch(() => undefined);
  }

  reset(reason: string): void {
    this.#ended = true;
    this.#stream.reset(reason);
  }

  /** Both halves: a half that stays open counts as a stream. */
  #close(): void {
    const wait = { timeoutMs: nodeLimits.rpcOpeningMs };
    this.#stream.close(wait).catch(() => this.#stream.reset("not closed in time"));
  }

  async *#read(): AsyncGenerator<string, void, undefined> {
    try {
      for (;;) {
        const lines = await this.#stream.readLines();
        if (lines === undefined) break;
        for (const line of textsIn(lines)) {
          const whole = line.endsWith("\r") ? line.slice(0, -1) : line;
          if (whole !== "") yield whole;
        }
      }
    } catch (error) {
      throw toProtocolError(error, "STREAM_RESET");
    }
    this.#heardAll = true;
    if (this.#ended) this.#close();
  }
}

/** Stands for a line that is no text: no JSON either, and nothing of it is passed on. */
const NO_TEXT = "\0";

function textsIn(lines: Uint8Array): readonly string[] {
  try {
    return decoder.decode(lines).split("\n");
  } catch {
    return bytesOfLines(lines).map((line) => {
      try {
        return decoder.decode(line);
      } catch {
        return NO_TEXT;
      }
    });
  }
}

function bytesOfLines(lines: Uint8Array): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let from = 0; from < lines.length;) {
    const end = lines.indexOf(NEWLINE, from);
    const line = lines.subarray(from, end < 0 ? lines.length : end);
    parts.push(line);
    from += line.length + 1;
  }
  return parts;
}

function isOverLimit(line: string): boolean {
  // A character takes three bytes at most: short lines need no count.
  return line.length * 3 > nodeLimits.rpcLineBytes && Buffer.byteLength(line) > nodeLimits.rpcLineBytes;
}

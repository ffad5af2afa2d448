/** A caller's own stream to an agent: what it asks goes out no faster than the other node admits. */

import { readAgentLine } from "./agent-line.ts";
import type { AgentChannel } from "./channel.ts";
import { channelPair } from "./channel-pair.ts";

export interface PacedOptions {
  /** Resolves when one more line may go. */
  readonly turn: (signal: AbortSignal) => Promise<void>;
}

/** The near end for the caller; lines pass as they are. */
export function pacedChannel(raw: AgentChannel, options: PacedOptions): AgentChannel {
  const [near, far] = channelPair(raw);
  void new PacedLines(raw, far, options).run();
  return near;
}

class PacedLines {
  readonly #raw: AgentChannel;
  readonly #far: AgentChannel;
  readonly #options: PacedOptions;
  readonly #gone = new AbortController();

  constructor(raw: AgentChannel, far: AgentChannel, options: PacedOptions) {
    this.#raw = raw;
    this.#far = far;
    this.#options = options;
  }

  async run(): Promise<void> {
    await Promise.all([this.#out(), this.#in()]);
  }

  async #out(): Promise<void> {
    const { turn } = this.#options;
    try {
      for await (const line of this.#far.lines) {
        await turn(this.#gone.signal);
        this.#raw.send(line);
        await this.#raw.calm();
      }
      this.#raw.end();
    } catch {
      this.#reset("the caller has gone");
    }
  }

  async #in(): Promise<void> {
    try {
      for await (const line of this.#raw.lines) {
        // What is no message at all is passed to nobody.
        if (readAgentLine(line).kind === "invalid") continue;
        this.#far.send(line);
        await this.#far.calm();
      }
      this.#far.end();
      this.#raw.end();
    } catch {
      this.#reset("the other node broke off");
    } finally {
      this.#gone.abort();
    }
  }

  #reset(reason: string): void {
    this.#gone.abort();
    this.#raw.reset(reason);
    this.#far.reset(reason);
  }
}

/** Resources that callers watch on one conversation with an agent of the older revision, asked for once each. */

import type { JsonObject, JsonValue } from "@gridmesh/protocol";

/** One request on the conversation that the callers share. @throws the agent's error. */
export type AskAgent = (method: string, params: JsonObject) => Promise<JsonValue>;

export class Subscriptions {
  readonly #ask: AskAgent;
  readonly #watched = new Map<string, { count: number; readonly begun: Promise<JsonValue> }>();

  constructor(ask: AskAgent) {
    this.#ask = ask;
  }

  /** Resolves once the agent tells of this resource. @throws the agent's error. */
  async acquire(uri: string): Promise<void> {
    let watch = this.#watched.get(uri);
    if (watch === undefined) {
      watch = { count: 0, begun: this.#ask("resources/subscribe", { uri }) };
      this.#watched.set(uri, watch);
    }
    watch.count += 1;
    try {
      await watch.begun;
    } catch (error) {
      if (this.#watched.get(uri) === watch) this.#watched.delete(uri);
      throw error;
    }
  }

  /** Once for each time it was acquired; the last ends it at the agent. */
  release(uri: string): void {
    const watch = this.#watched.get(uri);
    if (watch === undefined) return;
    watch.count -= 1;
    if (watch.count > 0) return;
    this.#watched.delete(uri);
    // Whoever is gone needs no answer, and an agent that is gone watches nothing.
    this.#ask("resources/unsubscribe", { uri }).catch(() => undefined);
  }
}

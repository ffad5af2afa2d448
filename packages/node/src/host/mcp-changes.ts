/** What changed in one agent, told to everybody who listens to it, whoever's call changed it. */

import type { JsonObject } from "@gridmesh/protocol";
import { isObject } from "./mcp-words.ts";

/** A message of the agent that says what changed. */
export interface ChangeNote extends JsonObject {
  readonly method: string;
}

/** One conversation with the agent. */
export interface ChangeListener {
  /** Told what another conversation said; whether it reaches the caller is for the listener to know. */
  hear(note: ChangeNote): void;
}

const METHODS: ReadonlySet<string> = new Set([
  "notifications/tools/list_changed",
  "notifications/prompts/list_changed",
  "notifications/resources/list_changed",
  "notifications/resources/updated",
]);

export function isChange(message: object): message is ChangeNote {
  return "method" in message && typeof message.method === "string" && METHODS.has(message.method);
}

/** The URI of a resource that was updated; undefined for a list that changed. */
export function changedUri({ params }: ChangeNote): string | undefined {
  const uri = isObject(params) ? params["uri"] : undefined;
  return typeof uri === "string" ? uri : undefined;
}

export class McpChanges {
  readonly #listeners = new Set<ChangeListener>();
  /** Told at the turn's end, so that an agent that tells all its callers by itself is not repeated. */
  readonly #due = new Map<string, { readonly note: ChangeNote; readonly told: Set<ChangeListener> }>();

  join(listener: ChangeListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  /** One conversation was told; `from` is undefined where the agent said it outside of all. */
  say(note: ChangeNote, from: ChangeListener | undefined): void {
    const key = `${note.method} ${changedUri(note) ?? ""}`;
    let due = this.#due.get(key);
    if (due === undefined) {
      due = { note, told: new Set() };
      if (this.#due.size === 0) queueMicrotask(() => this.#tell());
      this.#due.set(key, due);
    }
    if (from !== undefined) due.told.add(from);
  }

  #tell(): void {
    const all = [...this.#due.values()];
    this.#due.clear();
    for (const { note, told } of all) {
      for (const listener of this.#listeners) if (!told.has(listener)) listener.hear(note);
    }
  }
}

/** `subscriptions/listen` for an agent that tells changes unasked: who wants to hear what. */

import { type JsonObject, type JsonValue, ProtocolError, rpcFailure } from "@gridmesh/protocol";
import type { Subscriptions } from "./mcp-subscriptions.ts";
import { textAt, withMembers, withMeta } from "./mcp-text.ts";
import { isObject, META, objectIn } from "./mcp-words.ts";

type Id = string | number;

export interface ListenRequest {
  readonly id: Id;
  readonly params: JsonValue;
}

export interface ListenDeskOptions {
  /** The agent's own. */
  readonly capabilities: JsonObject;
  readonly subscriptions: Subscriptions;
  readonly tell: (line: string) => void;
}

/** What one listener is told of. */
interface Listening {
  readonly lists: ReadonlySet<string>;
  readonly uris: ReadonlySet<string>;
}

/** Filter → the agent's capability → the message that tells it. */
const LISTS = [
  ["toolsListChanged", "tools", "notifications/tools/list_changed"],
  ["promptsListChanged", "prompts", "notifications/prompts/list_changed"],
  ["resourcesListChanged", "resources", "notifications/resources/list_changed"],
] as const;

/** Of one channel, and resources of one request. */
const MOST_LISTENS = 32;
const MOST_URIS = 256;

const UPDATED = "notifications/resources/updated";

export class ListenDesk {
  readonly #options: ListenDeskOptions;
  readonly #listening = new Map<Id, Listening>();
  readonly #opening = new Set<Id>();

  constructor(options: ListenDeskOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#listening.size + this.#opening.size;
  }

  /** Acknowledges what the agent can tell of; nothing of it at all ends the request at once. */
  async open({ id, params }: ListenRequest): Promise<void> {
    const wanted = isObject(params) ? params["notifications"] : undefined;
    if (!isObject(wanted)) return this.#fail(id, -32_602, "params lack notifications");
    if (this.#listening.has(id) || this.#opening.has(id)) {
      return this.#fail(id, -32_600, "this id is under way already");
    }
    const uriCount = Array.isArray(wanted["resourceSubscriptions"])
      ? wanted["resourceSubscriptions"].length
      : 0;
    if (this.size >= MOST_LISTENS || uriCount > MOST_URIS) {
      const over = new ProtocolError("QUOTA_EXCEEDED", "too many subscriptions");
      return this.#options.tell(JSON.stringify(rpcFailure(id, over)));
    }
    this.#opening.add(id);
    const lists = LISTS.filter(([filter, capability]) => wanted[filter] === true && this.#can(capability));
    const uris = await this.#acquire(wanted["resourceSubscriptions"]);
    // Cancelled meanwhile.
    if (!this.#opening.delete(id)) return uris.forEach((uri) => this.#options.subscriptions.release(uri));
    const notifications = {
      ...Object.fromEntries(lists.map(([filter]) => [filter, true])),
      ...(uris.length === 0 ? {} : { resourceSubscriptions: uris }),
    };
    this.#say("notifications/subscriptions/acknowledged", {
      notifications,
      _meta: { [META.subscription]: id },
    });
    if (lists.length === 0 && uris.length === 0) return this.#complete(id);
    this.#listening.set(id, { lists: new Set(lists.map(([, , method]) => method)), uris: new Set(uris) });
  }

  /** Was it a listener's request? */
  cancel(id: Id): boolean {
    if (this.#opening.delete(id)) return true;
    return this.#remove(id);
  }

  /** Was it the word of a change? */
  hear(line: string, method: string, params: JsonValue | undefined): boolean {
    const uri = method === UPDATED && isObject(params) ? params["uri"] : undefined;
    const isList = LISTS.some(([, , told]) => told === method);
    if (!isList && method !== UPDATED) return false;
    for (const [id, { lists, uris }] of this.#listening) {
      if (!lists.has(method) && !uris.has(uri as string)) continue;
      const told = withMeta(textAt(line, ["params"]) ?? "{}", { [META.subscription]: JSON.stringify(id) });
      this.#options.tell(withMembers(line, { params: told }));
    }
    return true;
  }

  /** The agent will tell no more: every listener hears so. */
  end(reason: string): void {
    for (const id of this.#listening.keys()) {
      this.#say("notifications/cancelled", { requestId: id, reason });
      this.#complete(id);
    }
    this.drop();
  }

  /** Nobody listens any more. */
  drop(): void {
    this.#opening.clear();
    for (const id of this.#listening.keys()) this.#remove(id);
  }

  #remove(id: Id): boolean {
    const listening = this.#listening.get(id);
    if (listening === undefined) return false;
    this.#listening.delete(id);
    for (const uri of listening.uris) this.#options.subscriptions.release(uri);
    return true;
  }

  #can(capability: string, what = "listChanged"): boolean {
    return objectIn(this.#options.capabilities, capability)[what] === true;
  }

  async #acquire(wanted: JsonValue | undefined): Promise<string[]> {
    if (!Array.isArray(wanted) || !this.#can("resources", "subscribe")) return [];
    const uris = [...new Set(wanted.filter((uri): uri is string => typeof uri === "string"))];
    const tried = await Promise.allSettled(uris.map((uri) => this.#options.subscriptions.acquire(uri)));
    return uris.filter((_uri, index) => tried[index]?.status === "fulfilled");
  }

  #say(method: string, params: JsonObject): void {
    this.#options.tell(JSON.stringify({ jsonrpc: "2.0", method, params }));
  }

  #complete(id: Id): void {
    const result = { resultType: "complete", _meta: { [META.subscription]: id } };
    this.#options.tell(JSON.stringify({ jsonrpc: "2.0", id, result }));
  }

  #fail(id: Id, code: number, message: string): void {
    this.#options.tell(JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } }));
  }
}

/** The tools of an MCP agent as the skills of its card. */

import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import type { Caller } from "../agent.ts";
import type { Clock } from "../clock.ts";
import { startDeadline } from "../deadline.ts";
import type { LocalAgent } from "../route/types.ts";
import { askMcp } from "./adapters-ask.ts";
import type { CardDraft, CardSkill } from "./card.ts";
import { isObject } from "./loose-json.ts";

/** Tools change seldom; who calls a new one within this time learns of it late. */
const KEPT_MS = 2_000;
/** An agent that does not tell its tools in this time is not there; a program may have to start first. */
const LIST_MS = 15_000;
/** More pages than any agent has tools for. */
const MAX_PAGES = 64;
const MAX_TEXT = 2_000;

export class ToolSkills {
  readonly #agent: LocalAgent;
  readonly #clock: Clock;
  readonly #caller: Caller;
  #kept: { readonly atMs: number; readonly draft: Promise<CardDraft> } | undefined;

  constructor(agent: LocalAgent, clock: Clock, nodeId: string) {
    this.#agent = agent;
    this.#clock = clock;
    this.#caller = { kind: "local", peerId: nodeId };
  }

  draft(): Promise<CardDraft> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#kept !== undefined && nowMs - this.#kept.atMs < KEPT_MS) return this.#kept.draft;
    const draft = this.#read();
    this.#kept = { atMs: nowMs, draft };
    draft.catch(() => {
      this.#kept = undefined;
    });
    return draft;
  }

  async #read(): Promise<CardDraft> {
    const { name, capabilities } = this.#agent;
    return {
      name,
      description: `Agent ${name}: its tools as skills`,
      skills: await this.#skills(capabilities),
    };
  }

  async #skills(tags: readonly string[]): Promise<readonly CardSkill[]> {
    const skills: CardSkill[] = [];
    using deadline = startDeadline(this.#clock, { timeoutMs: LIST_MS }, LIST_MS);
    const { signal } = deadline;
    let cursor: JsonValue | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const params: JsonObject = cursor === undefined ? {} : { cursor };
      const result = await askMcp(this.#agent, {
        method: "tools/list",
        params,
        caller: this.#caller,
        signal,
      });
      const { tools, nextCursor } = result;
      for (const tool of Array.isArray(tools) ? tools : []) {
        const skill = skillOf(tool, tags);
        if (skill !== undefined) skills.push(skill);
      }
      if (typeof nextCursor !== "string") break;
      cursor = nextCursor;
    }
    return skills;
  }
}

function skillOf(tool: JsonValue, tags: readonly string[]): CardSkill | undefined {
  if (!isObject(tool) || typeof tool["name"] !== "string") return undefined;
  const { name, title, description, inputSchema } = tool;
  return {
    id: name,
    name: typeof title === "string" ? title : name,
    description: typeof description === "string" ? description.slice(0, MAX_TEXT) : name,
    tags,
    inputSchema: isObject(inputSchema) ? inputSchema : undefined,
  };
}

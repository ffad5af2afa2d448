/** An agent made of a factory of MCP servers, in the node's own process: both revisions, one server per channel. */

import type { Caller } from "../agent.ts";
import { channelPair } from "../route/channel-pair.ts";
import type { AgentChannel, ChannelContext, ChannelOpening } from "../route/channel.ts";
import { modernFromLegacy } from "./mcp-bridge-modern.ts";
import { McpChanges } from "./mcp-changes.ts";
import { madeServer, McpConversation, type McpModuleOptions } from "./mcp-conversation.ts";
import { loadMcpSdk, type McpSdk } from "./mcp-sdk.ts";
import { greetLegacy } from "./mcp-session.ts";
import { ALL_VERSIONS, LEGACY_VERSIONS } from "./mcp-words.ts";

export class McpModule {
  readonly #options: McpModuleOptions;
  readonly #changes = new McpChanges();
  readonly #open = new Set<McpConversation>();
  #kind: Promise<"own" | "foreign"> | undefined;

  constructor(options: McpModuleOptions) {
    this.#options = options;
  }

  /** @throws HANDLER_FAILED when the factory makes no server. */
  async open({ mode }: ChannelOpening, { caller, signal }: ChannelContext): Promise<AgentChannel> {
    const sdk = this.#options.kind === "defined" ? undefined : await loadMcpSdk();
    const kind = sdk === undefined ? "defined" : await this.#kindOnce(sdk, caller);
    const [near, far] = channelPair(
      kind === "foreign"
        ? { era: "legacy", versions: LEGACY_VERSIONS }
        : { era: "dual", versions: ALL_VERSIONS },
    );
    const talk = new McpConversation({
      module: this.#options,
      changes: this.#changes,
      sdk,
      kind,
      mode,
      caller,
    });
    this.#open.add(talk);
    talk.begin(far);
    const leave = () => far.reset("the caller has gone");
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    void far.closed.finally(() => {
      signal.removeEventListener("abort", leave);
      this.#open.delete(talk);
    });
    if (kind !== "foreign" || mode === "session") return near;
    return modernFromLegacy(await greetLegacy(near));
  }

  #kindOnce(sdk: McpSdk, caller: Caller): Promise<"own" | "foreign"> {
    this.#kind ??= this.#kindOf(sdk, caller).catch((error: unknown) => {
      this.#kind = undefined;
      throw error;
    });
    return this.#kind;
  }

  /** A server of another copy of the SDK, or of an older one, is served in the older revision, and bridged. */
  async #kindOf({ own }: McpSdk, caller: Caller): Promise<"own" | "foreign"> {
    const server = await madeServer(this.#options, {
      caller,
      era: "modern",
      changed: () => undefined,
      sealState: () => "",
      openState: () => null,
    });
    await server.close().catch(() => undefined);
    return own.some((kind) => server instanceof kind) ? "own" : "foreign";
  }

  /** Ends every conversation: who listens is told, who waits is answered. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((talk) => talk.close()));
  }
}

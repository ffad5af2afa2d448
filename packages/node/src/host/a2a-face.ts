/** The A2A face of an agent: one request in, one answer or a stream of them out, in 1.0, in 0.3 and in short calls. */

import type { A2ARequestHandler, ServerCallContext } from "@a2a-js/sdk/server";
import {
  isProtocolError,
  type JsonObject,
  type JsonValue,
  messageOf,
  ProtocolError,
} from "@gridmesh/protocol";
import type { Caller } from "../agent.ts";
import { a2aFailure } from "../route/a2a-errors.ts";
import type { A2aRoom } from "./a2a-room.ts";
import type { A2aSdk } from "./a2a-sdk.ts";
import { isSend, withOwnReferences, withoutTenant, withSkill } from "./a2a-params.ts";
import { readShortCall, shortAnswer } from "./a2a-shim.ts";
import { A2A_OLD_VERSION, A2A_VERSION, type CardDraft, majorMinor, makeCard, versionsOf } from "./card.ts";
import { signCard } from "./card-signature.ts";

/** What does the work behind a face. */
export interface A2aBackend {
  /** What the agent says of itself at the moment. @throws AGENT_UNAVAILABLE and the like. */
  draft(): Promise<CardDraft>;
  readonly handler: A2ARequestHandler;
  /** A message has to name a skill, unless there is only one. */
  readonly needsSkill: boolean;
  /** The method that calling a skill comes to, where it is an adapter that calls it. */
  readonly means?: string | undefined;
  /** Whether one more task may begin. @throws QUOTA_EXCEEDED. */
  checkRoom(owner: string): void;
  /** Whether a task is this owner's: others are not to be referred to. */
  owns(owner: string, taskId: string): boolean;
  /** Forgets its tasks. */
  close(): void;
}

export interface A2aRequest {
  /** Null where the request has none. */
  readonly id: JsonValue;
  readonly method: string;
  readonly params?: JsonValue | undefined;
}

export interface Asking {
  readonly caller: Caller;
  /** `a2a-version`, `a2a-extensions`. */
  readonly headers: Readonly<Record<string, string>>;
}

export type A2aAnswer = JsonObject | AsyncIterable<JsonObject>;

/** Which request an answer is to. */
interface Asked {
  readonly id: JsonValue;
  readonly context: ServerCallContext;
}

type SdkAnswer = Awaited<ReturnType<InstanceType<A2aSdk["server"]["JsonRpcTransportHandler"]>["handle"]>>;
type Handle = (body: Record<string, unknown>, context: ServerCallContext) => Promise<SdkAnswer>;

/** Under this key a context's state holds the error of ours that a handler threw: the SDK would show its text alone. */
export const FAILURE = "failure";

/** A bug of the SDK's making or of the agent's: no A2A error has this number. */
const INTERNAL = -32_603;

export class A2aFace {
  readonly #sdk: A2aSdk;
  readonly #room: A2aRoom;
  readonly #backend: A2aBackend;
  readonly #now: Handle;
  readonly #old: Handle;
  #signed: { readonly text: string; readonly card: Promise<JsonObject> } | undefined;

  constructor(sdk: A2aSdk, room: A2aRoom, backend: A2aBackend) {
    this.#sdk = sdk;
    this.#room = room;
    this.#backend = backend;
    const now = new sdk.server.JsonRpcTransportHandler(backend.handler);
    const old = new sdk.old.LegacyJsonRpcTransportHandler(backend.handler);
    this.#now = (body, context) => now.handle(body, context);
    this.#old = (body, context) => old.handle(body, context);
  }

  close(): void {
    this.#backend.close();
  }

  /** The card as a caller may see it, signed by the agent. */
  async card(caller: Caller): Promise<JsonObject> {
    const { nodeId, name: agent, signer } = this.#room;
    const card = makeCard(await this.#draftFor(caller), { nodeId, agent });
    const text = JSON.stringify(card);
    if (this.#signed?.text !== text) {
      this.#signed = { text, card: signCard(card, signer, signer.agentId) };
    }
    return this.#signed.card;
  }

  /** With the skills that the caller may call. */
  async #draftFor(caller: Caller): Promise<CardDraft> {
    const draft = await this.#backend.draft();
    const { allows } = this.#room;
    const { means } = this.#backend;
    const mayCall = (item: string) =>
      allows(caller, { method: "SendMessage", item }) &&
      (means === undefined || allows(caller, { method: means, item }));
    return { ...draft, skills: (draft.skills ?? []).filter(({ id }) => mayCall(id)) };
  }

  /** Never throws: what fails is an answer. */
  async answer(request: A2aRequest, asking: Asking): Promise<A2aAnswer> {
    const { id, method, params } = request;
    try {
      if (method === "GetAgentCard") return { jsonrpc: "2.0", id, result: await this.card(asking.caller) };
      const short = readShortCall(method, params, this.#room.newId);
      if (short === undefined) return await this.#ask(request, asking, asking.headers["a2a-version"]);
      const answer = await this.#ask({ id, ...short }, asking, A2A_VERSION);
      if (!isOne(answer) || answer["result"] === undefined) return answer;
      return { jsonrpc: "2.0", id, result: shortAnswer(answer["result"]) };
    } catch (error) {
      if (isProtocolError(error)) return a2aFailure(id, error);
      return this.#failed(id, messageOf(error));
    }
  }

  async #ask(request: A2aRequest, asking: Asking, asked: string | undefined): Promise<A2aAnswer> {
    const { id, method } = request;
    const version = majorMinor(asked);
    const draft = await this.#draftFor(asking.caller);
    if (!versionsOf(draft).includes(version)) return this.#unsupported(id, draft);
    let params = withoutTenant(request.params, this.#room.name);
    const context = this.#context(asking, version);
    if (isSend(method)) {
      const owner = context.user?.userName ?? "";
      params = withSkill(params, { skills: draft.skills ?? [], needed: this.#backend.needsSkill });
      params = withOwnReferences(params, (id) => this.#backend.owns(owner, id));
      this.#backend.checkRoom(owner);
    }
    const body = { jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) };
    const answer = await (version === A2A_OLD_VERSION ? this.#old : this.#now)(body, context);
    if (Symbol.asyncIterator in answer) return this.#each(answer, { id, version, context });
    return this.#checked(answer as unknown as JsonObject, { id, context });
  }

  #unsupported(id: JsonValue, draft: CardDraft): JsonObject {
    const { VersionNotSupportedError, toJsonRpcError } = this.#sdk.errors;
    const spoken = versionsOf(draft).join(", ");
    const { code, message, data } = toJsonRpcError(new VersionNotSupportedError(`spoken here: ${spoken}`));
    return { jsonrpc: "2.0", id, error: { code, message, data: data as unknown as JsonValue } };
  }

  #context({ caller, headers }: Asking, requestedVersion: string): ServerCallContext {
    const { ServerCallContext } = this.#sdk.server;
    const userName = ownerName(caller);
    return new ServerCallContext({
      requestedVersion,
      requestedExtensions: this.#sdk.types.Extensions.parseServiceParameter(headers["a2a-extensions"]),
      user: { isAuthenticated: caller.anonymous !== true, userName },
      state: new Map([["caller", caller]]),
    });
  }

  /** What breaks a stream off is its last answer. */
  async *#each(
    answers: AsyncIterable<unknown>,
    { id, version, context }: Asked & { readonly version: string },
  ): AsyncGenerator<JsonObject, void, undefined> {
    try {
      for await (const answer of answers) yield answer as JsonObject;
    } catch (error) {
      const { server, old } = this.#sdk;
      const shown =
        version === A2A_OLD_VERSION
          ? old.LegacyJsonRpcTransportHandler.mapToLegacyJSONRPCError(error)
          : server.JsonRpcTransportHandler.mapToJSONRPCError(error);
      yield this.#checked({ jsonrpc: "2.0", id, error: shown as unknown as JsonObject }, { id, context });
    }
  }

  /** The text of what was thrown stays here: it may name files or secrets. */
  #checked(answer: JsonObject, { id, context }: Asked): JsonObject {
    const error = answer["error"] as JsonObject | undefined;
    if (error?.["code"] !== INTERNAL) return answer;
    const failure = context.state.get(FAILURE);
    if (isProtocolError(failure)) return a2aFailure(id, failure);
    return this.#failed(id, messageOf(error["message"]));
  }

  #failed(id: JsonValue, why: string): JsonObject {
    const { log, name } = this.#room;
    log.warn("agent.a2a", `agent ${name} failed: ${why}`, { agent: name });
    return a2aFailure(id, new ProtocolError("HANDLER_FAILED", `agent ${name} failed`));
  }
}

export function isOne(answer: A2aAnswer): answer is JsonObject {
  return !(Symbol.asyncIterator in answer);
}

/** Tasks belong to a PeerId and its user; at this node to whoever holds the token. */
function ownerName({ kind, peerId, user, token, anonymous }: Caller): string {
  return JSON.stringify([kind, peerId, user ?? null, token ?? null, anonymous ?? false]);
}

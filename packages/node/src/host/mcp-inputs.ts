/** What an agent needs of its caller, asked as requests of a caller of the older revision. */

import { type JsonObject, type JsonValue, memberSpans, type RpcError } from "@gridmesh/protocol";
import { textAt, withMembers } from "./mcp-text.ts";
import { isObject, MCP_ERROR } from "./mcp-words.ts";

/** Method → the capability of a caller that answers it. */
const ANSWERED_BY: ReadonlyMap<string, string> = new Map([
  ["elicitation/create", "elicitation"],
  ["sampling/createMessage", "sampling"],
  ["roots/list", "roots"],
]);

/** A request of the agent's call that is over by an error. */
export class InputFailure extends Error {
  override readonly name = "InputFailure";
  readonly rpc: RpcError;

  constructor(rpc: RpcError) {
    super(rpc.message);
    this.rpc = rpc;
  }
}

interface Waiting {
  readonly call: object;
  resolve(resultText: string): void;
  reject(error: unknown): void;
}

export class CallerInputs {
  readonly #tell: (line: string) => void;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  capabilities: JsonObject = {};

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  /**
   * Asks all at once for one call; the text of `inputResponses`.
   * @throws InputFailure with what the caller said, or when it cannot answer such a request.
   */
  async ask(call: object, inputRequests: string): Promise<string> {
    const keys = [...memberSpans(inputRequests).keys()];
    const requests = keys.map((key) => this.#requestIn(textAt(inputRequests, [key]) ?? "null"));
    const answers = await Promise.all(
      requests.map(({ method, params }) => this.#askOne(call, method, params)),
    );
    return withMembers("{}", Object.fromEntries(keys.map((key, index) => [key, answers[index]])));
  }

  /** A caller's answer; false when nobody asked. */
  answered(line: string, id: JsonValue, error: RpcError | undefined): boolean {
    const waiting = typeof id === "number" ? this.#waiting.get(id) : undefined;
    if (waiting === undefined) return false;
    this.#waiting.delete(id as number);
    if (error === undefined) waiting.resolve(textAt(line, ["result"]) ?? "{}");
    else waiting.reject(new InputFailure(error));
    return true;
  }

  /** The call is over: what it asked for is no longer needed. */
  forget(call: object): void {
    for (const [id, waiting] of this.#waiting) {
      if (waiting.call !== call) continue;
      this.#waiting.delete(id);
      const params = { requestId: id, reason: "no longer needed" };
      this.#tell(JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params }));
      waiting.reject(new InputFailure({ code: -32_603, message: "the call was cancelled" }));
    }
  }

  /** The caller will answer nothing more. */
  end(): void {
    for (const waiting of this.#waiting.values()) {
      waiting.reject(new InputFailure({ code: -32_603, message: "the caller has gone" }));
    }
    this.#waiting.clear();
  }

  #requestIn(text: string): { readonly method: string; readonly params: string } {
    const request = JSON.parse(text) as JsonValue;
    const method = isObject(request) && typeof request["method"] === "string" ? request["method"] : "";
    const capability = ANSWERED_BY.get(method);
    if (capability === undefined) {
      throw new InputFailure({ code: -32_603, message: "the agent asks for an unknown kind of input" });
    }
    if (!isObject(this.capabilities[capability])) {
      throw new InputFailure({
        code: MCP_ERROR.capabilityMissing,
        message: `the caller has no ${capability}`,
        data: { requiredCapabilities: { [capability]: {} } },
      });
    }
    const params = textAt(text, ["params"]) ?? "{}";
    const isByUrl = textAt(params, ["mode"]) === '"url"' && textAt(params, ["elicitationId"]) === undefined;
    // The older revision tells by an id of its own when such an elicitation is done.
    const id = { elicitationId: JSON.stringify(`elicitation-${this.#lastId + 1}`) };
    return { method, params: isByUrl ? withMembers(params, id) : params };
  }

  #askOne(call: object, method: string, params: string): Promise<string> {
    const id = (this.#lastId += 1);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#waiting.set(id, { call, resolve, reject });
    this.#tell(`{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${params}}`);
    return promise;
  }
}

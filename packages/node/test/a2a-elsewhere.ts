/** An A2A agent over plain HTTP, with nothing of gridmesh: the SDK's own handler behind node:http. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AgentCard, formatSSEEvent } from "@a2a-js/sdk";
import {
  type AgentExecutor,
  DefaultRequestHandler,
  InMemoryTaskStore,
  JsonRpcTransportHandler,
  ServerCallContext,
} from "@a2a-js/sdk/server";
import type { CardDraft } from "../src/host/card.ts";

export interface Elsewhere extends AsyncDisposable {
  /** Of its card. */
  readonly url: string;
  /** The credentials that came last. */
  authorization(): string | undefined;
}

/** @param told - the address its card tells; its own by default */
export async function a2aElsewhere(
  executor: AgentExecutor,
  draft: CardDraft,
  told?: string,
): Promise<Elsewhere> {
  let authorization: string | undefined;
  let answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  const listener = createServer((request, response) => {
    authorization = request.headers.authorization;
    void answer(request, response);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`;
  const supportedInterfaces = [{ url: told ?? url, protocolBinding: "JSONRPC", protocolVersion: "1.0" }];
  const card = AgentCard.fromJSON({ ...draft, capabilities: { streaming: true }, supportedInterfaces });
  const handler = new JsonRpcTransportHandler(
    new DefaultRequestHandler(card, new InMemoryTaskStore(), executor),
  );
  answer = async (request, response) => {
    if (request.method === "GET") {
      response.end(JSON.stringify(AgentCard.toJSON(card)));
      return;
    }
    const pieces: Buffer[] = [];
    for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
    const body = Buffer.concat(pieces).toString();
    const told = await handler.handle(body, new ServerCallContext({ requestedVersion: "1.0" }));
    if (!(Symbol.asyncIterator in told)) {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(told));
      return;
    }
    response.setHeader("content-type", "text/event-stream");
    for await (const event of told) response.write(formatSSEEvent(event));
    response.end();
  };
  return {
    url: `${url}agent.json`,
    authorization: () => authorization,
    async [Symbol.asyncDispose]() {
      listener.closeAllConnections();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

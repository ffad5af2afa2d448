/** The paths by which messages come: unsigned from programs of this machine, signed from participants anywhere. */

import type { Log } from "@gridmesh/node";
import { ProtocolError } from "@gridmesh/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { checkCaller } from "./caller-guard.ts";
import { actionOn } from "./message.ts";
import { type Passing, receiveSigned, refusal, sendUnsigned, type Told } from "./passing.ts";

export interface Gateway {
  readonly passing: Passing;
  readonly log: Log;
  /** Requests under way: one connection may send many before it reads an answer. */
  readonly busy: { requests: number };
  readonly port: () => number;
  /** Undefined: any program of this machine may have bodies signed. */
  readonly token: string | undefined;
}

const MAX_UNDER_WAY = 256;

/** The action's name, which may hold a slash. */
interface Named {
  readonly "*": string;
}

interface Place extends Named {
  readonly peerId: string;
  readonly agent: string;
}

/** What is done with a request's bytes. */
type Act = (body: Uint8Array) => Promise<Told>;

export function addPaths(app: FastifyInstance, gateway: Gateway): void {
  const { passing } = gateway;
  const unsigned = (request: FastifyRequest, side: "bap" | "bpp", name: string): Act => {
    return async (body) => {
      checkCaller(request.raw, { port: gateway.port(), token: gateway.token });
      return sendUnsigned(passing, actionOn(side, "caller", name), body);
    };
  };
  for (const side of ["bap", "bpp"] as const) {
    app.post<{ Params: Named }>(`/${side}/caller/*`, (request, reply) =>
      answer(gateway, { request, reply }, unsigned(request, side, request.params["*"])),
    );
    app.post<{ Params: Named }>(`/${side}/receiver/*`, (request, reply) =>
      answer(gateway, { request, reply }, async (body) => {
        const named = actionOn(side, "receiver", request.params["*"]);
        return receiveSigned(passing, { named, body, authorization: request.headers.authorization });
      }),
    );
    app.post<{ Params: Place }>(`/p2p/:peerId/:agent/${side}/receiver/*`, (request, reply) =>
      answer(gateway, { request, reply }, async (body) => {
        const { peerId, agent, "*": name } = request.params;
        return receiveSigned(passing, {
          named: actionOn(side, "receiver", name),
          body,
          authorization: request.headers.authorization,
          place: { peerId, agent, side },
        });
      }),
    );
  }
  // Where the Guide's buyers post their searches.
  app.post("/search", (request, reply) =>
    answer(gateway, { request, reply }, unsigned(request, "bap", "search")),
  );
}

/** Answers with what `act` says, or with a NACK. */
export async function answer(
  { log, busy }: Pick<Gateway, "log" | "busy">,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  act: Act,
): Promise<FastifyReply> {
  const body = Buffer.isBuffer(request.body) ? new Uint8Array(request.body) : new Uint8Array();
  const told = await counted(busy, () => act(body)).catch((error: unknown) => refusal(error, body, log));
  return reply
    .headers(told.headers ?? {})
    .code(told.status)
    .type("application/json")
    .send(Buffer.from(told.body));
}

/** @throws OVERLOADED. */
async function counted<Result>(busy: Gateway["busy"], act: () => Promise<Result>): Promise<Result> {
  if (busy.requests >= MAX_UNDER_WAY)
    throw new ProtocolError("OVERLOADED", `${MAX_UNDER_WAY} requests are under way`);
  busy.requests += 1;
  try {
    return await act();
  } finally {
    busy.requests -= 1;
  }
}

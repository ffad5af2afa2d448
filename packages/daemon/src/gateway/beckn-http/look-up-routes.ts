/** The look-ups of a registry, answered from what the mesh knows. */

import { ProtocolError } from "@gridmesh/protocol";
import type { FastifyInstance } from "fastify";
import { dediRecord, registryRows, subscriptions } from "./look-ups.ts";
import { answer, type Gateway } from "./paths.ts";

interface Subscriber {
  readonly subscriberId: string;
  readonly keyId: string;
}

export function addLookUps(app: FastifyInstance, gateway: Gateway): void {
  const { node } = gateway.passing;
  const path = "/dedi/lookup/:subscriberId/subscribers.beckn.one/:keyId";
  app.get<{ Params: Subscriber }>(path, async ({ params }, reply) => {
    const record = dediRecord(node, params.subscriberId, params.keyId);
    return record === undefined ? reply.code(404).send({ message: "no such subscriber" }) : record;
  });
  app.post("/lookup", (request, reply) =>
    answer(gateway, { request, reply }, async (body) => ({
      status: 200,
      body: new TextEncoder().encode(JSON.stringify(subscriptions(node, body))),
    })),
  );
  app.get("/registry", () => ({ agents: registryRows(node) }));
  for (const closed of ["/subscribe", "/register"]) {
    app.post(closed, (request, reply) =>
      answer(gateway, { request, reply }, () =>
        Promise.reject(
          new ProtocolError(
            "BECKN_DOMAIN_UNSUPPORTED",
            'nobody subscribes here: put the program behind an agent, module "@gridmesh/daemon/beckn-program"',
          ),
        ),
      ),
    );
  }
}

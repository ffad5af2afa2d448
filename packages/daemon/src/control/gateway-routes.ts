import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { ControlContext } from "./context.ts";
import { checked } from "./problem.ts";

const consentSchema = z.strictObject({ agent: z.string().min(1) });

export function gatewayRoutes(app: FastifyInstance, context: ControlContext): void {
  app.post("/gateway/consent", (request) => {
    const { agent } = checked(consentSchema, request.body);
    return context.consent(agent).then((address) => ({ agent: address }));
  });
}

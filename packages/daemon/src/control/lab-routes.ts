import { ProtocolError } from "@gridmesh/protocol";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { ControlContext } from "./context.ts";
import { checked } from "./problem.ts";
import type { ClockView } from "./types.ts";

const MAX_SPEED = 10_000;

const clockSchema = z.strictObject({
  marketMs: z.int().min(0),
  /** May lie a little ahead, so that many nodes begin at the same instant. */
  atWallMs: z.int().min(0),
  speed: z.int().min(1).max(MAX_SPEED),
  paused: z.boolean(),
});

/** Experiments only: every call is refused unless the operator said `lab.enabled`. */
export function labRoutes(app: FastifyInstance, context: ControlContext): void {
  app.get("/lab/clock", (): ClockView => {
    allow(context);
    return { ...context.clockState(), marketMs: context.market.nowMs(), atWallMs: Date.now() };
  });
  app.post("/lab/clock", (request): ClockView => {
    allow(context);
    const state = checked(clockSchema, request.body);
    context.setClock(state);
    return context.clockState();
  });
  app.all("/lab/*", (request) => {
    allow(context);
    throw new ProtocolError("METHOD_NOT_FOUND", `no lab call ${request.method} ${request.url}`);
  });
}

function allow(context: ControlContext): void {
  if (context.config.lab.enabled) return;
  throw new ProtocolError("UNAUTHORIZED", "lab calls need lab.enabled = true in the configuration");
}
